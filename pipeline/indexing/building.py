"""Building an index from sources, and adding to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from claimhound.data.errors import BlankText, InputError, RecordError
from claimhound.data.formats.fields import MadeId
from claimhound.data.formats.sources import Source
from claimhound.data.notices import Notices
from claimhound.data.progress import Progress, silent
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.documents import locate_documents, read_documents
from claimhound.data.records import Document
from claimhound.data.text.sentences import split_document
from claimhound.indexes.durable import Disk
from claimhound.indexes.writer import IndexWriter
from claimhound.pipeline.indexing.encoding import SHARD_SIZE, IndexingJob, IndexingReport, index_documents
from claimhound.pipeline.indexing.made_ids import MadeIds
from claimhound.pipeline.models.encoders import Encoder


@dataclass(frozen=True)
class SourceOptions:
    """How documents are read and split, and what to do with bad records.

    With `split_sentences` None, texts are split if those in the index are; in a new index they are not. With
    `withdraw_blank`, a blank text deletes the text with its id. `id_prefix` replaces the source's name in made ids.
    """

    reading: ReadOptions = ReadOptions()  # noqa: RUF009 (frozen)
    split_sentences: bool | None = None
    on_error: Literal["stop", "skip"] = "stop"
    withdraw_blank: bool = False
    id_prefix: str | None = None


def build_index(
    sources: Sequence[str],
    index_dir: Path,
    encoder: Encoder,
    options: SourceOptions = SourceOptions(),
    *,
    overwrite: bool = False,
    on_progress: Progress = silent,
    shard_size: int = SHARD_SIZE,
    disk: Disk | None = None,
) -> IndexingReport:
    """Build an index of all documents in the sources.

    After an interruption, the same call reuses the vectors computed so far; they are found by the texts' content, so
    the sources may have changed. All records are read once before encoding starts, so errors are reported early.

    Raises RecordError, InputError (also if every record is bad), IndexLockedError or IndexWriteError, leaving the
    folder unchanged.
    """
    disk = disk or Disk()
    with IndexWriter.create(index_dir, encoder.identity, overwrite=overwrite, disk=disk) as writer:
        return _index_sources(IndexingJob(writer, index_dir, encoder, on_progress, shard_size, disk), sources, options)


def add_documents(
    sources: Sequence[str],
    index_dir: Path,
    encoder: Encoder,
    options: SourceOptions = SourceOptions(),
    *,
    on_progress: Progress = silent,
    shard_size: int = SHARD_SIZE,
    disk: Disk | None = None,
) -> IndexingReport:
    """Add all documents in the sources to an index, replacing texts with the same id, whole or split into sentences.

    Raises as `build_index` does, and EncoderMismatchError if the index's vectors come from another encoder.
    """
    disk = disk or Disk()
    with IndexWriter.open(index_dir, disk=disk) as writer:
        writer.accept(encoder.identity)
        return _index_sources(IndexingJob(writer, index_dir, encoder, on_progress, shard_size, disk), sources, options)


def _index_sources(job: IndexingJob, sources: Sequence[str], options: SourceOptions) -> IndexingReport:
    writer = job.writer
    splits = _splits(writer, options)
    reading = replace(options.reading, joins_lines=splits)
    located = [locate_documents(source, reading) for source in sources]
    made_ids = MadeIds(located, writer.made_ids, prefix=options.id_prefix, id_scheme=writer.id_scheme)
    intake = _Intake(job, made_ids, options)
    total = None
    if all(_can_be_read_twice(source) for source in made_ids.sources):
        total = 0
        for total, _ in enumerate(intake.documents(), start=1):
            if total % job.shard_size == 0:
                job.on_progress("read", total, None)
        intake.require_any()
        intake = _Intake(job, made_ids, options, is_checked=True)
    report = index_documents(job, intake.documents(), total=total, before_commit=intake.finish)
    for note in writer.notes:
        intake.notices.say(str(job.index_dir), note)
    return report._replace(
        skipped=intake.skipped, notices=intake.notices, n_texts=intake.n_texts, n_withdrawn=intake.n_withdrawn,
        n_unknown=intake.n_unknown, n_outdated=report.n_outdated + intake.n_outdated,
    )  # fmt: skip


def _splits(writer: IndexWriter, options: SourceOptions) -> bool:
    return writer.is_split if options.split_sentences is None else options.split_sentences


class _Intake:
    """The documents of sources on their way into an index, and what was found while reading them."""

    def __init__(
        self, job: IndexingJob, made_ids: MadeIds, options: SourceOptions, *, is_checked: bool = False
    ) -> None:
        """With `is_checked`, all ids have been read before and looked up in the index."""
        self.skipped: list[RecordError] = []
        self.notices = Notices()
        self.n_texts = 0
        self.n_withdrawn = 0
        self.n_unknown = 0
        self.n_outdated = 0
        self._blank: list[BlankText] = []
        self._made_lines: dict[str, set[int]] = defaultdict(set)
        self._writer = writer = job.writer
        self._made_ids = made_ids
        self._index_dir = job.index_dir
        self._options = options
        self._shard_size = job.shard_size
        self._is_checked = is_checked
        self._splits = _splits(writer, options)
        place = str(job.index_dir)
        if writer.had_documents and options.split_sentences is None and self._splits:
            self.notices.say(place, "holds sentences, so new texts are split too (--no-split-sentences)")
        elif writer.had_documents and self._splits != writer.is_split:
            kinds = ("whole texts", "sentences")
            self.notices.say(place, f"holds {kinds[writer.is_split]}; adding {kinds[self._splits]} as requested")

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
        """Raise InputError if all records were bad."""
        if self.n_texts or self._blank or not self.skipped:
            return
        names = ", ".join(dict.fromkeys(error.source for error in self.skipped))
        raise InputError(
            f"{names}: none of {len(self.skipped):,} records can be read, so {self._index_dir} is unchanged; "
            f"the first: {self.skipped[0]}"
        )

    def finish(self) -> None:
        """Delete withdrawn and outdated texts, and record where made ids come from.

        Raises InputError if there is nothing to commit, or a text is both blank and not blank.
        """
        self.require_any()
        writer = self._writer
        by_id = {error.record_id: error for error in self._blank}
        if both := writer.added_texts(by_id.keys()):
            raise InputError(f"{by_id[min(both)]}, but another record with id {min(both)!r} has a text; remove one")
        self._made_ids.require_free(by_id, writer.known_ids, self._index_dir)
        withdrawn = writer.withdraw(list(by_id))
        self.n_withdrawn = len(withdrawn)
        self.n_unknown = len(by_id.keys() - withdrawn.values())
        bad = [(error.source, error.line) for error in self.skipped]
        self.n_outdated = len(writer.withdraw(self._made_ids.gone(self._made_lines, bad, writer.known_ids)))
        if not writer.had_documents:
            writer.is_split = self._splits
        writer.made_ids = self._made_ids.by_stem


def _can_be_read_twice(source: Source) -> bool:
    """Return whether a source is a file, not standard input, a pipe or a downloaded data set."""
    return source.path is not None and source.path.is_file()
