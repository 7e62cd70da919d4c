"""Records with an id and a text out of any source; what documents and claims have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from data.catalogue import CataloguePart, read_catalogue
from data.errors import BlankText, InputError, RecordError
from data.fields import FieldNames, Record, find_fields
from data.hub import read_hub
from data.json_records import read_json, read_jsonl
from data.notices import Notices
from data.parquet import read_parquet
from data.raw_record import RawRecord
from data.rejects import Reject
from data.seen_ids import SeenIds
from data.sources import Source
from data.streams import read_lines
from data.tables import read_csv, read_tsv

_LINE_BITS = 40  # more lines than any file has


def read_records(
    sources: Sequence[Source],
    names: FieldNames,
    reject: Reject,
    *,
    part: CataloguePart,
    first_seen: dict[str, int] | SeenIds | None = None,
    notices: Notices | None = None,
    for_blank: Callable[[Source, BlankText], Record | None] | None = None,
) -> Iterator[Record]:
    """Give the records of the sources in their order, ids unique over all of them.

    `part` is what is read of a data set of ir_datasets, which holds documents, queries and judgments under one name.
    `first_seen`, empty, is what holds the ids: a dict, or what is slower and takes a fifth of the memory.

    `for_blank` returns what stands for a record whose text is blank, or None where nothing does and it is dealt with;
    without it such a record is bad.

    Bad records are rejected, and so is one with an id that was there before. Raises InputError for a source that
    holds no record, neither good nor bad.
    """
    # id -> source number and line in one int; a million 8-character ids take 121 MB, with tuples 183.
    first_seen = {} if first_seen is None else first_seen
    for source_number, source in enumerate(sources):
        count = _Count(reject)
        for raw in read_raw(source, names.text, count.reject, part=part, notices=notices):
            count.good += 1
            try:
                record = find_fields(source, raw, names)
            except RecordError as error:
                instead = None
                if for_blank is not None and isinstance(error, BlankText):
                    instead = for_blank(source, error)
                else:
                    reject(error)
                if instead is None:
                    continue
                record = instead
            here = source_number << _LINE_BITS | record.line
            first = first_seen.setdefault(record.record_id, here)
            if first == here:
                yield record
                continue
            seen_at = f"{sources[first >> _LINE_BITS].name}:{first & ((1 << _LINE_BITS) - 1)}"
            reject(RecordError(source.name, record.line, f"duplicate id {record.record_id!r}, first seen at {seen_at}"))
        if not count.good and not count.bad:
            raise InputError(f"{source.name}: holds no records")


class _Count:
    """Counts what a source gave, so that one that gave nothing is noticed."""

    def __init__(self, reject: Reject) -> None:
        self.good = 0
        self.bad = 0
        self._reject = reject

    def reject(self, error: RecordError) -> None:
        self.bad += 1
        self._reject(error)


def read_raw(  # noqa: PLR0911
    source: Source,
    text_names: Collection[str],
    reject: Reject,
    *,
    part: CataloguePart,
    notices: Notices | None = None,
) -> Iterator[RawRecord]:
    """Give the records of one source, whatever its format, before anybody asks for their id and text."""
    notices = Notices() if notices is None else notices
    match source.format:
        case "jsonl":
            return read_jsonl(source, reject, notices)
        case "json":
            return read_json(source, reject, text_names, notices)
        case "csv":
            return read_csv(source, reject, notices)
        case "tsv":
            return read_tsv(source, reject, notices)
        case "parquet":
            return read_parquet(source, reject, notices)
        case "hub":
            return read_hub(source, reject, notices)
        case "catalogue":
            return read_catalogue(source, reject, part, text_names, notices)
        case "text":
            return (RawRecord(line_number, None, line) for line_number, line in read_lines(source, reject))
