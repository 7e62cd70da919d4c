"""Building and extending an index: documents are read, encoded and committed, in shards at which a job can go on."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import BlankText, IndexWriteError, InputError, RecordError
from claimhound.data.formats.fields import MadeId
from claimhound.data.formats.sources import Source
from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.documents import locate_documents, read_documents
from claimhound.data.records import Document
from claimhound.data.text.sentences import split_document
from claimhound.data.text.text_form import read_form
from claimhound.indexes.durable import Disk
from claimhound.indexes.layout import encoded_dir
from claimhound.indexes.manifest import EncoderIdentity, Manifest
from claimhound.indexes.vectors import Vectors
from claimhound.indexes.writer import IndexWriter
from claimhound.pipeline.indexing.made_ids import MadeIds
from claimhound.pipeline.models.encoders import Encoder

# Documents encoded between two moments at which an interrupted build can go on: some 20 seconds of work on two cores.
SHARD_SIZE = 16_384
_DIGEST_BYTES = 32

Halves: TypeAlias = NDArray[np.float16]
HeldVectors: TypeAlias = Callable[[Sequence[Document]], tuple[NDArray[np.bool_], Vectors]]
"""Gives for n documents which of them have a vector already, and (n, dim) vectors, of any value for the others."""


@dataclass(frozen=True)
class SourceOptions:
    """How documents are read, whether they are split, and what a bad record does.

    With `split_sentences` None texts are split as those that the index holds; those of a new one are not.
    `withdraw_blank` deletes texts that come with a blank text. `id_prefix` stands in place of the source's name in the
    ids that records without one get.
    """

    reading: ReadOptions = ReadOptions()  # noqa: RUF009 (frozen)
    split_sentences: bool | None = None
    on_error: Literal["stop", "skip"] = "stop"
    withdraw_blank: bool = False
    id_prefix: str | None = None


class Progress(NamedTuple):
    """How far a build is: a phase (`read`, `encode`, `commit`), documents done, and in all if that is known."""

    phase: str
    done: int
    total: int | None
    reused: int


class IndexingReport(NamedTuple):
    """What was done: `n_read` documents, of them `n_replaced` in place of others, `n_reused` with kept vectors.

    `n_texts` are the records that they came from, before they were split. `n_outdated` documents were deleted that
    earlier versions of the texts had and these have not. `n_withdrawn` were deleted of the texts that came blank, of
    which the index did not hold `n_unknown`. `n_taken_over` documents kept the vectors that a renewed index had.
    """

    manifest: Manifest
    n_read: int
    n_replaced: int
    n_reused: int
    skipped: list[RecordError]
    n_outdated: int = 0
    notices: Notices = Notices()
    n_texts: int = 0
    n_withdrawn: int = 0
    n_unknown: int = 0
    n_taken_over: int = 0


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

    Raises RecordError, InputError (also where every record is bad), IndexLockedError or IndexWriteError; the folder
    then holds what it held before.
    """
    disk = disk or Disk()
    with IndexWriter.create(index_dir, encoder.identity, overwrite=overwrite, disk=disk) as writer:
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
    """Add all documents of the sources to an index; a text whose id it holds takes the place of what it has of that.

    That is the document of the id, and the sentences that the text of that id was split into.

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
    splits = writer.is_split if options.split_sentences is None else options.split_sentences
    reading = replace(options.reading, joins_lines=bool(splits))
    located = [locate_documents(source, reading) for source in sources]
    made_ids = MadeIds(located, writer.made_ids, prefix=options.id_prefix, id_scheme=writer.id_scheme)
    intake = _Intake(writer, made_ids, index_dir, options, shard_size)
    total = None
    if all(_can_be_read_twice(source) for source in made_ids.sources):
        total = 0
        for total, _ in enumerate(intake.documents(), start=1):
            if total % shard_size == 0:
                on_progress(Progress("read", total, None, 0))
        intake.require_any()
        intake = _Intake(writer, made_ids, index_dir, options, shard_size, is_checked=True)
    report = index_documents(
        writer, intake.documents(), index_dir, encoder, total=total, on_progress=on_progress, shard_size=shard_size,
        disk=disk, before_commit=intake.finish,
    )  # fmt: skip
    for note in writer.notes:
        intake.notices.say(str(index_dir), note)
    return report._replace(
        skipped=intake.skipped, notices=intake.notices, n_texts=intake.n_texts, n_withdrawn=intake.n_withdrawn,
        n_unknown=intake.n_unknown, n_outdated=report.n_outdated + intake.n_outdated,
    )  # fmt: skip


class _Intake:
    """The documents of sources on their way into an index, and what is found out while they are read."""

    def __init__(
        self,
        writer: IndexWriter,
        made_ids: MadeIds,
        index_dir: Path,
        options: SourceOptions,
        shard_size: int,
        *,
        is_checked: bool = False,
    ) -> None:
        """With `is_checked` the ids have been read once before and looked up in the index."""
        self.skipped: list[RecordError] = []
        self.notices = Notices()
        self.n_texts = 0
        self.n_withdrawn = 0
        self.n_unknown = 0
        self.n_outdated = 0
        self._blank: list[BlankText] = []
        self._made_lines: dict[str, set[int]] = defaultdict(set)
        self._writer = writer
        self._made_ids = made_ids
        self._index_dir = index_dir
        self._options = options
        self._shard_size = shard_size
        self._is_checked = is_checked
        self._splits = writer.is_split if options.split_sentences is None else options.split_sentences
        if writer.held_any and options.split_sentences is None and self._splits:
            self.notices.say(str(index_dir), "holds sentences, so texts are split into theirs (--no-split-sentences)")
        elif writer.held_any and self._splits != writer.is_split:
            kinds = ("whole texts", "sentences")
            self.notices.say(
                str(index_dir),
                f"holds {kinds[writer.is_split]}, to which {kinds[self._splits]} are added, as was asked",
            )

    def documents(self) -> Iterator[Document]:
        """Yield the documents, or their sentences."""
        texts = read_documents(
            self._made_ids.sources,
            self._options.reading,
            on_error=self._options.on_error,
            skipped=self.skipped,
            notices=self.notices,
            blank=self._blank if self._options.withdraw_blank else None,
        )
        while shard := list(islice(texts, self._shard_size)):
            if not self._is_checked:
                ids = [document.doc_id for document in shard]
                self._made_ids.require_free(ids, self._writer.known_ids, self._index_dir)
            self.n_texts += len(shard)
            for document in shard:
                if isinstance(document.doc_id, MadeId) and (line := document.doc_id.rpartition(":")[2]).isdecimal():
                    self._made_lines[document.doc_id.stem].add(int(line))
                if self._splits:
                    yield from split_document(document)
                else:
                    yield document

    def require_any(self) -> None:
        """Raise InputError where nothing came but bad records."""
        if self.n_texts or self._blank or not self.skipped:
            return
        names = ", ".join(dict.fromkeys(error.source for error in self.skipped))
        raise InputError(
            f"{names}: none of {len(self.skipped):,} records can be read, and {self._index_dir} stays as it is; "
            f"the first: {self.skipped[0]}"
        )

    def finish(self) -> None:
        """Withdraw what came blank, and have the index remember how it was made.

        Raises InputError where there is nothing to commit, or a text came blank and not blank.
        """
        self.require_any()
        writer = self._writer
        by_id = {error.record_id: error for error in self._blank}
        if both := writer.added_texts(by_id.keys()):
            raise InputError(f"{by_id[min(both)]}, and {min(both)!r} has a text too; leave one of them out")
        self._made_ids.require_free(by_id, writer.known_ids, self._index_dir)
        withdrawn = writer.withdraw(list(by_id))
        self.n_withdrawn = len(withdrawn)
        self.n_unknown = len(by_id.keys() - withdrawn.values())
        bad = [(error.source, error.line) for error in self.skipped]
        self.n_outdated = len(writer.withdraw(self._made_ids.gone(self._made_lines, bad, writer.known_ids)))
        if not writer.held_any:
            writer.is_split = self._splits
        writer.made_ids = self._made_ids.by_stem


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
    before_commit: Callable[[], None] = lambda: None,
    held_vectors: HeldVectors | None = None,
) -> IndexingReport:
    """Encode documents shard by shard, taking up the vectors that an interrupted job left, add them and commit.

    They take the place of all that the index held of the same texts: the sentences of one that is whole now, or the
    whole of one that is split. `total` is how many documents there are, if that is known. Vectors that
    `held_vectors` has are not computed again. Raises IndexWriteError if the disk fails, and what `before_commit` does.
    """
    shards = _Shards(encoded_dir(index_dir), encoder.identity, disk)
    n_read = n_replaced = n_reused = n_taken_over = 0
    outdated: set[str] = set()
    on_progress(Progress("encode", 0, total, 0))
    while shard := list(islice(documents, shard_size)):
        texts = [read_form(document) for document in shard]
        vectors = shards.find(texts)
        if vectors is None:
            encoded, n_held = _encoded(shard, texts, encoder, held_vectors)
            vectors = shards.keep(texts, encoded)
            n_taken_over += n_held
        else:
            n_reused += len(shard)
        # A text that goes on in the next shard gets its further sentences there.
        outdated.update(writer.withdraw(list(dict.fromkeys(document.text_id for document in shard))))
        writer.add(shard, vectors)
        there_again = outdated.intersection(document.doc_id for document in shard)
        outdated -= there_again
        n_replaced += len(there_again)
        n_read += len(shard)
        on_progress(Progress("encode", n_read, total, n_reused))
    before_commit()
    on_progress(Progress("commit", n_read, n_read, n_reused))
    return IndexingReport(writer.commit(), n_read, n_replaced, n_reused, [], len(outdated), n_taken_over=n_taken_over)


def _encoded(
    documents: Sequence[Document], texts: Sequence[str], encoder: Encoder, held_vectors: HeldVectors | None
) -> tuple[Vectors, int]:
    """Return (len(texts), dim) vectors, and how many of them were held."""
    if held_vectors is None:
        return encoder.encode(texts), 0
    is_held, vectors = held_vectors(documents)
    missing = np.flatnonzero(~is_held).tolist()
    if missing:
        vectors[missing] = encoder.encode([texts[row] for row in missing])
    return vectors, len(texts) - len(missing)


def _can_be_read_twice(source: Source) -> bool:
    """Tell a file from standard input, a pipe, and a data set that is fetched."""
    return source.path is not None and source.path.is_file()


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
