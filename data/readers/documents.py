"""Documents from files, BEIR folders, Hugging Face data sets and the catalogue of ir_datasets."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from claimhound.data.dates import read_day
from claimhound.data.days import NoDay
from claimhound.data.errors import BlankText, RecordError
from claimhound.data.formats.fever import in_lines
from claimhound.data.formats.fields import FieldNames, Record
from claimhound.data.formats.sources import Source, locate
from claimhound.data.notices import Notices
from claimhound.data.read_options import DateOrder, ReadOptions
from claimhound.data.readers.texts import read_records
from claimhound.data.records import Document, Json
from claimhound.data.rejects import OnError, rejecter

DOCUMENT_FIELDS = FieldNames(
    id=("_id", "id", "doc_id", "docid", "document_id", "evidence_id"),
    text=(
        "text", "evidence", "sentence", "passage", "contents", "content", "body", "body_text", "articlebody",
        "article_body", "article_text", "full_text", "fulltext", "abstract", "paragraph", "article", "statement",
        "tweet",
    ),
)  # fmt: skip
_TITLES = ("title",)
_SOURCES = ("source",)
_URLS = ("url", "link")
_DATES = (
    "date", "published", "datepublished", "publishedat", "publishedon", "publisheddate", "publicationdate", "pubdate",
    "publishdate", "articlepublishedtime", "createdat", "datecreated",
)  # fmt: skip
"""In lower case, without separators between words; the first that is present is used, as for all names."""
_GONE_WHEN_READ = frozenset(("date", "published"))
_MOST_PLANS = 1_000
CORPUS_FILE = "corpus.jsonl"


def read_documents(
    sources: Sequence[str | Path | Source],
    options: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    *,
    on_error: OnError = "stop",
    skipped: list[RecordError] | None = None,
    notices: Notices | None = None,
    blank: list[BlankText] | None = None,
) -> Iterator[Document]:
    """Yield the documents of the sources, in order, without holding a file in memory (except a .json file).

    A source is a file (.jsonl, .ndjson, .json, .csv, .tsv, .txt, each also .gz, .xz or .zst, or .parquet), a folder
    that contains `corpus.jsonl`, `-` for standard input with one document per line, `hf:NAME[@CONFIG][:SPLIT]`, or
    `ir_datasets:ID`. All are looked up when the function is called, before the first is read. A .json file is a list of
    objects, an object around such a list, an object `id -> text`, or an object `id -> object`. News, fact checks and
    the answers of some services are read by their own fields, see `KnownShapes`.

    The id is the field `id_field`, or the first of the names in DOCUMENT_FIELDS; without any of these, and in plain
    text, it is `<file stem>:<line>`. The text is `text_field`, or the first of the names in DOCUMENT_FIELDS. Names
    match in any case. A list of texts is joined by spaces. Ids and texts are stripped and otherwise unchanged. `title`,
    `source` and `url` (or `link`) are recognised; a blank one becomes None, and one that is not a text stays in
    `fields`, with all other fields.

    The date is `date_field`, or the first of `date`, `published`, `datePublished`, `publishedAt`, `pubDate`,
    `publication_date`, `created_at` and the like that has one, in any form that `read_day` knows, cut to the day. An
    unreadable date leaves the record undated; it stays in `fields` and is counted in `notices`. Values that JSON cannot
    represent, in fields other than id and text, are left out and counted too.

    A record with a blank text becomes a document with its title as text, and is bad without a title; with `blank`, it
    is appended there in both cases.

    A bad record (invalid encoding, not a JSON object, no text, no usable id, a duplicate id in any source, a row whose
    width differs from the header) raises RecordError, or with `on_error="skip"` is left out and its error appended to
    `skipped`. An unusable source always raises InputError.
    """
    if isinstance(sources, str):
        raise TypeError(f"sources must be a sequence of sources, not a string: [{sources!r}]")
    located = [locate_documents(source, options) for source in sources]
    names = DOCUMENT_FIELDS.given(options.id_field, options.text_field)
    found = Notices() if notices is None else notices
    reject = rejecter(on_error, skipped)

    def for_blank(source: Source, error: BlankText) -> Record | None:
        if blank is not None:
            blank.append(error)
        elif error.title is None:
            reject(error)
        else:
            found.count(source.name, "blank texts, indexed by their title", error.line)
            return Record(source, error.line, error.record_id, error.title, error.fields)
        return None

    records = read_records(located, names, reject, part="docs", notices=found, for_blank=for_blank)
    return in_lines(_documents(records, options, found))


def locate_documents(source: str | Path | Source, options: ReadOptions) -> Source:
    """Return the source that a user named; for a folder, its BEIR file. Raises InputError as `locate` does."""
    return source if isinstance(source, Source) else locate(source, options, folder_file=CORPUS_FILE)


class _Plan(NamedTuple):
    """The recognised fields of a record, best first."""

    title: list[str]
    source: list[str]
    url: list[str]
    date: list[str]


_NOT_YET = _Plan([], [], [], [])


def _documents(records: Iterator[Record], options: ReadOptions, notices: Notices) -> Iterator[Document]:
    # The records of a file have few different sets of names.
    plans: dict[tuple[str, ...], _Plan | None] = {}
    has_date_field = False
    source: Source | None = None
    for source, line, doc_id, text, fields in records:
        names = tuple(fields)
        plan = plans.get(names, _NOT_YET)
        if plan is _NOT_YET:
            if len(plans) == _MOST_PLANS:
                plans.clear()
            plan = plans[names] = _plan(names, options.date_field)
        if plan is None:
            yield Document(doc_id, text, fields=fields)
            continue
        titles, origins, urls, dates = plan
        when = None
        if dates:
            has_date_field = True
            when = _take_date(source, line, fields, dates, options.date_order, notices)
        title = _take_text(fields, titles) if titles else None
        origin = _take_text(fields, origins) if origins else None
        url = _take_text(fields, urls) if urls else None
        yield Document(doc_id, text, title, origin, url, when, fields)
    if options.date_field is not None and source is not None and not has_date_field:
        notices.say(source.name, f"no record has the date field {options.date_field!r}")


def _plan(names: tuple[str, ...], date_field: str | None) -> _Plan | None:
    """Return None if no field is recognised. Names match in any case; an exact match is preferred."""
    if date_field is None:
        dates = _found(_DATES, names, _bare)
    else:
        dates = _found((date_field.casefold(),), sorted(names, key=lambda name: name != date_field), str.casefold)[:1]
    title, source, url = (_found(known, names, str.casefold) for known in (_TITLES, _SOURCES, _URLS))
    plan = _Plan(title, source, url, dates)
    return plan if any(plan) else None


def _found(known: tuple[str, ...], names: Sequence[str], form: Callable[[str], str]) -> list[str]:
    forms = {name: form(name) for name in names}
    return sorted(
        (name for name in names if forms[name] in known), key=lambda name: (known.index(forms[name]), name not in known)
    )


def _bare(name: str) -> str:
    return name.casefold().translate(_NO_MARKS)


_NO_MARKS = str.maketrans("", "", "_-: .")


def _take_text(fields: dict[str, Json], names: list[str]) -> str | None:
    """Remove the first text from the fields and return it, None without one; values that are not texts stay."""
    for name in names:
        value = fields[name]
        if value is None or isinstance(value, str):
            del fields[name]
            if value and (stripped := value.strip()):
                return stripped
    return None


def _take_date(
    source: Source, line: int, fields: dict[str, Json], names: list[str], order: DateOrder | None, notices: Notices
) -> str | None:
    """Return the date of the first field that has one; an unreadable one is counted and stays in the fields."""
    for name in names:
        value = fields[name]
        day = read_day(value, order)
        if day.date is not None:
            if value == day.date or name.casefold() in _GONE_WHEN_READ:
                del fields[name]
            return day.date
        if value is None or value == "" or (isinstance(value, str) and not value.strip()):
            del fields[name]
        elif day.no_day != "missing" and not isinstance(value, bool):
            notices.count(source.name, _NO_DAY[day.no_day], line, reprlib.repr(value))
            return None
    return None


_NO_DAY: dict[NoDay | None, str] = {
    "unreadable": "unreadable dates, records left undated",
    "ambiguous": "ambiguous dates, records left undated (give --date-order dmy or mdy)",
}
