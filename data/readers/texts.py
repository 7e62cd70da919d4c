"""Records with an id and a text, from any source: the part that documents and claims share."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence

from claimhound.data.errors import BlankText, InputError, RecordError
from claimhound.data.formats.catalogue import read_catalogue
from claimhound.data.formats.fever import wiki_pages
from claimhound.data.formats.fields import FieldFinder, FieldNames, Record
from claimhound.data.formats.hub import read_hub
from claimhound.data.formats.json_records import read_json, read_jsonl
from claimhound.data.formats.known_shapes import KnownShapes
from claimhound.data.formats.pair_rows import joined_pairs
from claimhound.data.formats.parquet import read_parquet
from claimhound.data.formats.plain_text import read_plain_text
from claimhound.data.formats.raw_record import RawRecord
from claimhound.data.formats.sources import Source
from claimhound.data.formats.spreadsheet import unguarded_records
from claimhound.data.formats.tables import read_table
from claimhound.data.notices import Notices
from claimhound.data.read_options import Part
from claimhound.data.rejects import Reject

_LOOKED_AT_FOR_MARKUP = 1_000
_MARKUP = re.compile(
    r"</(?:p|div|span|b|i|a|li|td|h[1-6]|script|strong|em)>|<br ?/?>|&(?:nbsp|amp|quot|lt|gt|#[0-9]{2,5});"
)
_LINE_BITS = 40  # more lines than any file has


def read_records(
    sources: Sequence[Source],
    names: FieldNames,
    reject: Reject,
    *,
    part: Part,
    notices: Notices | None = None,
    for_blank: Callable[[Source, BlankText], Record | None] | None = None,
) -> Iterator[Record]:
    """Yield the records of the sources in order, with ids that are unique over all of them.

    `part` says what to read from a data set of ir_datasets, which has documents, queries and judgments under one name.
    `for_blank` returns a replacement for a record with a blank text, or None if it handled the record; without it, such
    a record is bad.

    Bad records and duplicate ids are rejected. Raises InputError for a source without a record, good or bad.
    """
    # id -> source number and line in one int: 121 MB for a million 8-character ids; 183 with tuples
    first_seen: dict[str, int] = {}
    notices = Notices() if notices is None else notices
    shapes = KnownShapes(names, part, notices)
    for source_number, source in enumerate(sources):
        count = _Count(reject)
        find = FieldFinder(source, names, notices).find
        raws = read_raw(source, names.text, count.reject, part=part, notices=notices)
        for raw in shapes.records(source, raws, count.reject):
            count.good += 1
            try:
                record = find(raw)
            except RecordError as error:
                instead = None
                if for_blank is not None and isinstance(error, BlankText):
                    instead = for_blank(source, error)
                else:
                    reject(error)
                if instead is None:
                    continue
                record = instead
            if count.good <= _LOOKED_AT_FOR_MARKUP and _MARKUP.search(record.text):
                notices.say(source.name, "texts contain HTML; its tags and entities are read as words")
            here = source_number << _LINE_BITS | record.line
            first = first_seen.setdefault(record.record_id, here)
            if first == here:
                yield record
                continue
            seen_at = f"{sources[first >> _LINE_BITS].name}:{first & ((1 << _LINE_BITS) - 1)}"
            reject(RecordError(source.name, record.line, f"duplicate id {record.record_id!r}, first seen at {seen_at}"))
        if not count.good and not count.bad and not shapes.n_left_out:
            raise InputError(f"{source.name}: contains no records")
    if not first_seen and shapes.n_left_out_in_all:
        raise InputError(f"{sources[-1].name}: contains no record with a text")


class _Count:
    """Counts the good and bad records of a source, to detect an empty one."""

    def __init__(self, reject: Reject) -> None:
        self.good = 0
        self.bad = 0
        self._reject = reject

    def reject(self, error: RecordError) -> None:
        self.bad += 1
        self._reject(error)


def read_raw(
    source: Source,
    text_names: Collection[str],
    reject: Reject,
    *,
    part: Part,
    notices: Notices | None = None,
) -> Iterator[RawRecord]:
    """Yield the records of one source in any format, before their id and text are looked up.

    Pages of FEVER's dump are prepared for splitting into lines; rows with one piece of evidence are joined to claims.
    """
    notices = Notices() if notices is None else notices
    raws = _read_format(source, text_names, reject, part, notices)
    return wiki_pages(source, raws, notices) if part == "docs" else joined_pairs(source, raws, reject)


def _read_format(  # noqa: PLR0911
    source: Source, text_names: Collection[str], reject: Reject, part: Part, notices: Notices
) -> Iterator[RawRecord]:
    match source.format:
        case "jsonl":
            return read_jsonl(source, reject, notices)
        case "json":
            return read_json(source, reject, text_names, notices, part)
        case "csv" | "tsv":
            return unguarded_records(read_table(source, reject, notices, text_names))
        case "parquet":
            return read_parquet(source)
        case "hub":
            return read_hub(source)
        case "catalogue":
            return read_catalogue(source, part, text_names)
        case "text":
            return read_plain_text(source, reject, text_names, notices, can_join=part == "docs")
