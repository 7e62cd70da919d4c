"""Documents out of files, BEIR folders, Hugging Face data sets and the catalogue of ir_datasets."""

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
    *(
        "date",
        "published",
        "datepublished",
        "publishedat",
        "publishedon",
        "publisheddate",
        "publicationdate",
        "pubdate",
    ),
    *("publishdate", "articlepublishedtime", "createdat", "datecreated"),
)
"""In lower case and without the marks between their words; the first that is there counts, as for all names."""
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
    """Give the documents of the sources, in their order, without holding a file in memory (a .json file is held).

    A source is a file (.jsonl, .ndjson, .json, .csv, .tsv, .txt, each also .gz, .xz or .zst, or .parquet), a folder
    with `corpus.jsonl` in it, `-` for standard input with a document a line, `hf:NAME[@CONFIG][:SPLIT]`, or
    `ir_datasets:ID`. All are looked up when the function is called, before the first is read. A .json file is a list of
    objects, an object around such a list, an object `id -> text`, or an object `id -> object`. News, fact checks and
    the answers of some services are read by their own fields: see `KnownShapes`.

    The id is the field `id_field`, or the first of those in DOCUMENT_FIELDS that the record has; without any of these,
    and in plain text, it is `<file stem>:<line>`. The text is `text_field`, or the first of those in DOCUMENT_FIELDS;
    names match in whatever case; a list of texts is joined by spaces. White space around an id or a text is stripped,
    and nothing else in them changed. `title`, `source` and `url` (or `link`) are recognised, blank ones are None; one
    that is not a text stays in `fields`, beside all that is not recognised.

    The date is `date_field`, or the first of `date`, `published`, `datePublished`, `publishedAt`, `pubDate`,
    `publication_date`, `created_at` and the like that says one, in any form that `read_day` knows, cut to the day. One
    that cannot be read leaves the record undated; it stays in `fields` and is counted in `notices`. So are values that
    JSON cannot hold in a field that is neither id nor text: the field is left out.

    A record whose text is blank is the document of its title. Without a title it is bad; with `blank`, it is appended
    there in either case.

    A bad record (not UTF-8, not a JSON object, no text, no usable id, an id that was there before in any source, a row
    of another width than the header) raises RecordError, or with `on_error="skip"` is left out and its error appended
    to `skipped`. What is wrong with a source as a whole raises InputError in either case.
    """
    if isinstance(sources, str):
        raise TypeError(f"sources is a sequence of sources, not one string: [{sources!r}]")
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
            found.count(source.name, "texts that are blank, indexed by their title", error.line)
            return Record(source, error.line, error.record_id, error.title, error.fields)
        return None

    records = read_records(located, names, reject, part="docs", notices=found, for_blank=for_blank)
    return in_lines(_documents(records, options, found))


def locate_documents(source: str | Path | Source, options: ReadOptions) -> Source:
    """Return the source that a user's word names; a folder's is its BEIR file. Raises InputError as `locate` does."""
    return source if isinstance(source, Source) else locate(source, options, folder_file=CORPUS_FILE)


class _Plan(NamedTuple):
    """Which of a record's fields are recognised, best first."""

    title: list[str]
    source: list[str]
    url: list[str]
    date: list[str]


_NOT_YET = _Plan([], [], [], [])


def _documents(records: Iterator[Record], options: ReadOptions, notices: Notices) -> Iterator[Document]:
    # The records of a file have the same few sets of names.
    plans: dict[tuple[str, ...], _Plan | None] = {}
    date_field_there = False
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
            date_field_there = True
            when = _take_date(source, line, fields, dates, options.date_order, notices)
        title = _take_text(fields, titles) if titles else None
        origin = _take_text(fields, origins) if origins else None
        url = _take_text(fields, urls) if urls else None
        yield Document(doc_id, text, title, origin, url, when, fields)
    if options.date_field is not None and source is not None and not date_field_there:
        notices.say(source.name, f"no record has the field {options.date_field!r}, in which the date was to be")


def _plan(names: tuple[str, ...], date_field: str | None) -> _Plan | None:
    """Return None where nothing is recognised. A name counts whatever its case, as it is written before others."""
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
    """Take the first text out of the fields, None where there is none or it is blank; what is no text stays there."""
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
    """Return the date of the first name that says one; one that cannot be read is counted, and stays in the fields."""
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
    "unreadable": "dates that cannot be read, records left undated",
    "ambiguous": "dates with the day or the month first, records left undated (say which with --date-order dmy or mdy)",
}
