"""Building and extending an index: documents are read, encoded and committed."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.documents import read_documents
from data.errors import RecordError
from data.records import Document
from data.sentences import split_document
from indexes.durable import Disk
from indexes.layout import encoded_dir
from indexes.manifest import EncoderIdentity, Manifest
from indexes.writer import IndexWriter
from pipeline.encoders import Encoder

# Documents encoded between two moments at which an interrupted build can go on: some 20 seconds of work on two cores.
SHARD_SIZE = 16_384


@dataclass(frozen=True)
class SourceOptions:
    """How documents are read: field names by convention unless given, and what a bad record does."""

    id_field: str | None = None
    text_field: str | None = None
    split_sentences: bool = False
    on_error: Literal["stop", "skip"] = "stop"


class Progress(NamedTuple):
    """How far a build is: a phase (`read`, `encode`, `commit`), documents done, and in all if that is known."""

    phase: str
    done: int
    total: int | None
    reused: int


class IndexingReport(NamedTuple):
    """What was done: `n_read` documents, of them `n_replaced` in place of others, `n_reused` with kept vectors."""

    manifest: Manifest
    n_read: int
    n_replaced: int
    n_reused: int
    skipped: list[RecordError]


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
        return _index(writer, sources, index_dir, encoder, options, on_progress, shard_size, disk)


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
        writer.encoder.require_same(encoder.identity, index_dir)
        return _index(writer, sources, index_dir, encoder, options, on_progress, shard_size, disk)


def _index(
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
    total = None
    if not any(source == "-" or source.startswith("hf:") for source in sources):
        total = 0
        for total, _ in enumerate(_read(sources, options, []), start=1):
            if total % shard_size == 0:
                on_progress(Progress("read", total, None, 0))
    shards = _Shards(encoded_dir(index_dir), encoder.identity, disk)
    n_read = n_replaced = n_reused = 0
    documents = _read(sources, options, skipped)
    while shard := list(islice(documents, shard_size)):
        texts = [document.text for document in shard]
        vectors = shards.find(texts)
        if vectors is None:
            vectors = shards.keep(texts, encoder.encode(texts))
        else:
            n_reused += len(shard)
        n_replaced += writer.add(shard, vectors)
        n_read += len(shard)
        on_progress(Progress("encode", n_read, total, n_reused))
    on_progress(Progress("commit", n_read, n_read, n_reused))
    return IndexingReport(writer.commit(), n_read, n_replaced, n_reused, skipped)


def _read(sources: Sequence[str], options: SourceOptions, skipped: list[RecordError]) -> Iterator[Document]:
    documents: Iterable[Document] = read_documents(
        sources,
        id_field=options.id_field,
        text_field=options.text_field,
        on_error=options.on_error,
        skipped=skipped,
    )
    for document in documents:
        if options.split_sentences:
            yield from split_document(document)
        else:
            yield document


class _Shards:
    """Vectors of an unfinished build, on disk under a digest of the encoder and the texts."""

    def __init__(self, folder: Path, identity: EncoderIdentity, disk: Disk) -> None:
        self._folder = folder
        self._identity = json.dumps(asdict(identity), sort_keys=True)
        self._dim = identity.dim
        self._disk = disk

    def find(self, texts: Sequence[str]) -> NDArray[np.floating] | None:
        """Return the (len(texts), dim) vectors if they are there."""
        path = self._path(texts)
        try:
            vectors: NDArray[np.floating] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            # Not there, or cut short by a crash: encoded anew.
            return None
        return vectors if vectors.shape == (len(texts), self._dim) else None

    def keep(self, texts: Sequence[str], vectors: NDArray[np.floating]) -> NDArray[np.floating]:
        """Write the vectors in half precision, as the index will hold them, and return them as a memory map."""
        buffer = io.BytesIO()
        np.save(buffer, vectors.astype(np.float16), allow_pickle=False)
        self._disk.make_dir(self._folder)
        path = self._path(texts)
        unfinished = path.with_suffix(".unfinished")
        self._disk.write_bytes(unfinished, buffer.getvalue())
        self._disk.rename(unfinished, path)
        kept: NDArray[np.floating] = np.load(path, mmap_mode="r", allow_pickle=False)
        return kept

    def _path(self, texts: Sequence[str]) -> Path:
        digest = hashlib.sha256(self._identity.encode())
        for text in texts:
            encoded = text.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "little"))
            digest.update(encoded)
        return self._folder / f"{digest.hexdigest()}.npy"
