"""Building and extending an index: documents are read, encoded and committed, in shards at which a job can go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from data.documents import read_documents
from data.errors import IndexWriteError, RecordError
from data.notices import Notices
from data.read_options import ReadOptions
from data.records import Document
from data.sentences import split_document
from data.sources import HUB_PREFIX, STDIN
from data.text_form import read_form
from indexes.durable import Disk
from indexes.layout import encoded_dir
from indexes.manifest import EncoderIdentity, Manifest
from indexes.vectors import Vectors
from indexes.writer import IndexWriter
from pipeline.encoders import Encoder

# Documents encoded between two moments at which an interrupted build can go on: some 20 seconds of work on two cores.
SHARD_SIZE = 16_384
_DIGEST_BYTES = 32

Halves: TypeAlias = NDArray[np.float16]


@dataclass(frozen=True)
class SourceOptions:
    """How documents are read, whether they are split, and what a bad record does."""

    reading: ReadOptions = ReadOptions()  # noqa: RUF009 (frozen)
    split_sentences: bool = False
    on_error: Literal["stop", "skip"] = "stop"


class Progress(NamedTuple):
    """How far a build is: a phase (`read`, `encode`, `commit`), documents done, and in all if that is known."""

    phase: str
    done: int
    total: int | None
    reused: int


class IndexingReport(NamedTuple):
    """What was done: `n_read` documents, of them `n_replaced` in place of others, `n_reused` with kept vectors.

    `n_outdated` sentences were deleted, of texts that have fewer sentences now than when they were added before.
    """

    manifest: Manifest
    n_read: int
    n_replaced: int
    n_reused: int
    skipped: list[RecordError]
    n_outdated: int = 0
    notices: Notices = Notices()


def build_index(
    sources: Sequence[str],
    index_dir: Path,
    encoder: Encoder,
    options: SourceOptions = SourceOptions(),
    *,
    overwrite: bool = False,
    on_progress: Callable[[Progress], None] = lambda _: None,
    shard_size: int = SHARD_SIZE,
    disk: Disk | None = None,
) -> IndexingReport:
    """Build an index of all documents of the sources.

    An interrupted build that is started again takes up the vectors it has, found by the content of the texts: changed
    sources are safe. All records are read once before the first is encoded, so that a bad one is reported at once.

    Raises RecordError, InputError, IndexLockedError or IndexWriteError; the folder then holds what it held before.
    """
    disk = disk or Disk()
    with IndexWriter.create(index_dir, encoder.identity, overwrite=overwrite, disk=disk) as writer:
        writer.is_split = options.split_sentences
        return _index_sources(writer, sources, index_dir, encoder, options, on_progress, shard_size, disk)


def add_documents(
    sources: Sequence[str],
    index_dir: Path,
    encoder: Encoder,
    options: SourceOptions = SourceOptions(),
    *,
    on_progress: Callable[[Progress], None] = lambda _: None,
    shard_size: int = SHARD_SIZE,
    disk: Disk | None = None,
) -> IndexingReport:
    """Add all documents of the sources to an index; one whose id it holds already takes the other's place.

    Raises as `build_index` does, and EncoderMismatchError if the index's vectors come from another encoder.
    """
    disk = disk or Disk()
    with IndexWriter.open(index_dir, disk=disk) as writer:
        writer.accept(encoder.identity)
        return _index_sources(writer, sources, index_dir, encoder, options, on_progress, shard_size, disk)


def _index_sources(
    writer: IndexWriter,
    sources: Sequence[str],
    index_dir: Path,
    encoder: Encoder,
    options: SourceOptions,
    on_progress: Callable[[Progress], None],
    shard_size: int,
    disk: Disk,
) -> IndexingReport:
    skipped: list[RecordError] = []
    notices = Notices()
    total = None
    if all(_can_be_read_twice(source) for source in sources):
        total = 0
        for total, _ in enumerate(_read(sources, options, [], Notices()), start=1):
            if total % shard_size == 0:
                on_progress(Progress("read", total, None, 0))
    report = index_documents(
        writer, _read(sources, options, skipped, notices), index_dir, encoder, total=total, on_progress=on_progress,
        shard_size=shard_size, disk=disk, deletes_outdated=options.split_sentences,
    )  # fmt: skip
    return report._replace(skipped=skipped, notices=notices)


def index_documents(
    writer: IndexWriter,
    documents: Iterator[Document],
    index_dir: Path,
    encoder: Encoder,
    *,
    total: int | None,
    on_progress: Callable[[Progress], None],
    shard_size: int,
    disk: Disk,
    deletes_outdated: bool = False,
) -> IndexingReport:
    """Encode documents shard by shard, taking up the vectors that an interrupted job left, add them and commit.

    `total` is how many documents there are, if that is known. With `deletes_outdated` they are the sentences of texts,
    and what an earlier, longer version of a text left is deleted. Raises IndexWriteError if the disk fails.
    """
    shards = _Shards(encoded_dir(index_dir), encoder.identity, disk)
    n_read = n_replaced = n_reused = n_outdated = 0
    on_progress(Progress("encode", 0, total, 0))
    while shard := list(islice(documents, shard_size)):
        texts = [read_form(document) for document in shard]
        vectors = shards.find(texts)
        if vectors is None:
            vectors = shards.keep(texts, encoder.encode(texts))
        else:
            n_reused += len(shard)
        n_replaced += writer.add(shard, vectors)
        if deletes_outdated:
            n_outdated += _delete_outdated(writer, shard)
        n_read += len(shard)
        on_progress(Progress("encode", n_read, total, n_reused))
    on_progress(Progress("commit", n_read, n_read, n_reused))
    return IndexingReport(writer.commit(), n_read, n_replaced, n_reused, [], n_outdated)


def _delete_outdated(writer: IndexWriter, sentences: Sequence[Document]) -> int:
    """Delete the sentences that follow each text's last one: an earlier, longer version of the text left them."""
    # A text that goes on in the next shard gets its further sentences there.
    following: dict[str, int] = {}
    for sentence in sentences:
        parent_id, _, number = sentence.doc_id.rpartition("#")
        following[parent_id] = int(number) + 1
    n_deleted = 0
    while following:
        unknown = set(writer.delete([f"{parent_id}#{number}" for parent_id, number in following.items()]))
        following = {
            parent_id: number + 1 for parent_id, number in following.items() if f"{parent_id}#{number}" not in unknown
        }
        n_deleted += len(following)
    return n_deleted


def _can_be_read_twice(source: str) -> bool:
    """Tell a file or folder from standard input, a pipe, and a data set that is fetched."""
    return source != STDIN and not source.startswith(HUB_PREFIX) and (Path(source).is_file() or Path(source).is_dir())


def _read(
    sources: Sequence[str], options: SourceOptions, skipped: list[RecordError], notices: Notices
) -> Iterator[Document]:
    documents: Iterable[Document] = read_documents(
        sources,
        replace(options.reading, joins_lines=options.split_sentences),
        on_error=options.on_error,
        skipped=skipped,
        notices=notices,
    )
    for document in documents:
        if options.split_sentences:
            yield from split_document(document)
        else:
            yield document


class _Shards:
    """Vectors of an unfinished build, on disk under a digest of the encoder and the texts.

    A file is the SHA-256 of its vectors and then these, row by row in half precision, as the index will hold them.
    """

    def __init__(self, folder: Path, identity: EncoderIdentity, disk: Disk) -> None:
        self._folder = folder
        # Two names of one encoder give the same vectors; two precisions do not.
        self._identity = json.dumps(asdict(identity) | {"name": "", "revision": None}, sort_keys=True)
        self._dim = identity.dim
        self._disk = disk

    def find(self, texts: Sequence[str]) -> Halves | None:
        """Return the (len(texts), dim) vectors if they are there as they were written."""
        path = self._path(texts)
        try:
            vectors = self._open(path, len(texts))
            with path.open("rb") as file:
                intact = file.read(_DIGEST_BYTES) == hashlib.sha256(vectors.tobytes()).digest()
        except (OSError, ValueError):
            # Not there, or cut short.
            return None
        return vectors if intact else None

    def keep(self, texts: Sequence[str], vectors: Vectors) -> Halves:
        """Write the vectors and return them as a memory map.

        Raises IndexWriteError if the disk fails.
        """
        data = vectors.astype(np.float16).tobytes()
        path = self._path(texts)
        unfinished = path.with_suffix(".unfinished")
        try:
            self._disk.make_dir(self._folder)
            self._disk.write_bytes(unfinished, hashlib.sha256(data).digest() + data)
            self._disk.rename(unfinished, path)
            return self._open(path, len(texts))
        except OSError as error:
            raise IndexWriteError(
                f"{self._folder}: not written ({error.strerror or error}); the index is as it was before, and the same "
                "command goes on from here once there is room"
            ) from error

    def _open(self, path: Path, n_rows: int) -> Halves:
        if path.stat().st_size != _DIGEST_BYTES + 2 * n_rows * self._dim:
            raise ValueError(f"{path}: is not of {n_rows} vectors")
        return np.memmap(path, dtype=np.float16, mode="r", offset=_DIGEST_BYTES, shape=(n_rows, self._dim))

    def _path(self, texts: Sequence[str]) -> Path:
        digest = hashlib.sha256(self._identity.encode())
        for text in texts:
            encoded = text.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "little"))
            digest.update(encoded)
        return self._folder / f"{digest.hexdigest()}.f16"
