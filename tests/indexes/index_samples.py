"""Small corpora, their vectors, changes of an index, and its answers: shared by the tests of the index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from claimhound.data.records import Document, Ranking
from claimhound.indexes import Disk, EncoderIdentity, IndexSnapshot, IndexWriter
from claimhound.indexes.text_writer import LOCK_FILES
from claimhound.indexes.vectors import Vectors

WORDS = tuple(
    "sea level ice sheet glacier melt rise warm ocean carbon emission human volcano sun solar power wind coal".split()  # noqa: SIM905
)
ENCODER = EncoderIdentity(name="tiny", weights_sha256="a1" * 32, pooling="mean", max_length=64, dim=8)
QUERIES = ("sea ice", "solar power and wind power", "nothing known here")


def documents(n: int, *, first: int = 0, seed: int = 0) -> list[Document]:
    """Return n documents of three to nine words with ids that count up from `first`."""
    random = np.random.default_rng(seed)
    return [
        Document(f"d{number:04d}", " ".join(random.choice(WORDS, random.integers(3, 10))), title=f"title {number % 4}")
        for number in range(first, first + n)
    ]


def unit_vectors(n: int, *, seed: int = 0, dim: int = ENCODER.dim) -> Vectors:
    """Return (n, dim) random unit vectors."""
    vectors = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def build(index_dir: Path, docs: Sequence[Document], vectors: Vectors, **settings: int) -> Path:
    """Build an index and return its folder."""
    with IndexWriter.create(index_dir, ENCODER, **settings) as writer:  # type: ignore[arg-type]
        writer.add(docs, vectors)
        writer.commit()
    return index_dir


def answers(index_dir: Path) -> tuple[int, list[Ranking], list[Ranking]]:
    """Return the newest generation's answers to some queries, by text and by vectors."""
    snapshot = IndexSnapshot.open(index_dir)
    by_text = [snapshot.search_text(query, 100) for query in QUERIES]
    by_vectors = snapshot.search_vectors(unit_vectors(2, seed=99), 100, probe_share=1.0)
    return snapshot.n_docs, by_text, by_vectors


def stored_bytes(index_dir: Path) -> dict[str, bytes]:
    """Return every file below an index folder except the locks: what a reader or writer would find."""
    return {
        path.relative_to(index_dir).as_posix(): path.read_bytes()
        for path in sorted(index_dir.rglob("*"))
        if path.is_file() and path.name not in {*LOCK_FILES, "write.lock"}
    }


def generation_folder(index_dir: Path) -> Path:
    """Return the folder of the only generation."""
    (folder,) = index_dir.glob("generation-*")
    return folder


def committed_files(index_dir: Path) -> list[Path]:
    """Return the manifest and every file it names."""
    folder = generation_folder(index_dir)
    return [folder / "manifest.json", *(folder / name for name in IndexSnapshot.open(index_dir).manifest.files)]


# The changes below treat every index as a large one: files are linked, segments kept and deleted documents left in
# place. All but the first change what `make_base` makes.


def make_base(index_dir: Path, disk: Disk | None = None) -> None:
    """Build 60 documents, then add 10 and replace 5: two text segments and two of vectors, some of both dead."""
    build_sixty(index_dir, disk)
    add_some(index_dir, disk)


def build_sixty(index_dir: Path, disk: Disk | None = None) -> None:
    """Build an index whose vectors lie in many lists."""
    with IndexWriter.create(index_dir, ENCODER, disk=disk, exact_up_to=40, small_up_to=0) as writer:
        writer.add(documents(60), unit_vectors(60))
        writer.commit()


def add_some(index_dir: Path, disk: Disk | None = None) -> None:
    """Add ten documents and replace five."""
    with IndexWriter.open(index_dir, disk=disk, exact_up_to=40, small_up_to=0) as writer:
        first = 70 if writer.n_docs >= 70 else 55
        writer.add(documents(15, first=first, seed=1), unit_vectors(15, seed=1))
        writer.commit()


def delete_one(index_dir: Path, disk: Disk | None = None) -> None:
    """Delete too little for anything to be rewritten."""
    with IndexWriter.open(index_dir, disk=disk, exact_up_to=40, small_up_to=0) as writer:
        assert writer.delete(["d0003"]) == []
        writer.commit()


def delete_many(index_dir: Path, disk: Disk | None = None) -> None:
    """Delete enough for the text to be rewritten."""
    with IndexWriter.open(index_dir, disk=disk, exact_up_to=40, small_up_to=0) as writer:
        assert writer.delete([f"d{number:04d}" for number in range(20, 30)]) == []
        writer.commit()


def compact(index_dir: Path, disk: Disk | None = None) -> None:
    """Rewrite everything."""
    with IndexWriter.open(index_dir, disk=disk, exact_up_to=40, small_up_to=0) as writer:
        writer.compact()
        writer.commit()


CHANGES: dict[str, Callable[[Path, Disk | None], None]] = {
    "build": build_sixty,
    "add": add_some,
    "delete one": delete_one,
    "delete many": delete_many,
    "compact": compact,
}
