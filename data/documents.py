"""Documents out of files, BEIR folders, Hugging Face data sets and the catalogue of ir_datasets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path

from data.errors import BlankText, RecordError
from data.fields import FieldNames, Record
from data.notices import Notices
from data.read_options import ReadOptions
from data.reading import read_records
from data.records import Document, Json
from data.rejects import OnError, Reject, rejecter
from data.sources import Source, locate

DOCUMENT_FIELDS = FieldNames(
    id=("_id", "id", "doc_id", "docid", "evidence_id"),
    text=("text", "evidence", "sentence", "passage", "contents", "abstract"),
)
_KNOWN = frozenset(("title", "source", "url", "link", "date", "published"))
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
    objects, an object `id -> text`, or an object `id -> object`.

    The id is the field `id_field`, or the first of `_id`, `id`, `doc_id`, `docid` and `evidence_id` that the record
    has; without any of these, and in plain text, it is `<file stem>:<line>`. The text is `text_field`, or the first of
    `text`, `evidence`, `sentence`, `passage`, `contents` and `abstract`; a list of texts is joined by spaces. White
    space around an id or a text is stripped, and nothing else in them changed. `title`, `source`, `url` (or `link`) and
    `date` (or `published`) are recognised, blank ones are None; one that is not a text stays in `fields`, beside all
    that is not recognised. A longer ISO date is cut to the day.

    A record whose text is blank is the document of its title. Without a title it is bad; with `blank`, it is appended
    there in either case.

    A bad record (not UTF-8, not a JSON object, no text, no usable id, an id that was there before in any source, a date
    that is none, a row of another width than the header) raises RecordError, or with `on_error="skip"` is left out and
    its error appended to `skipped`. What is wrong with a source as a whole raises InputError in either case.
    """
    if isinstance(sources, str):
        raise TypeError(f"sources is a sequence of sources, not one string: [{sources!r}]")
    located = [locate_documents(source, options) for source in sources]
    names = DOCUMENT_FIELDS.given(options.id_field, options.text_field)
    reject = rejecter(on_error, skipped)

    def for_blank(source: Source, error: BlankText) -> Record | None:
        if blank is not None:
            blank.append(error)
        elif error.title is None:
            reject(error)
        else:
            if notices is not None:
                notices.count(source.name, "texts that are blank, indexed by their title", error.line)
            return Record(source, error.line, error.record_id, error.title, error.fields)
        return None

    records = read_records(located, names, reject, part="docs", notices=notices, for_blank=for_blank)
    return _documents(records, reject)


def locate_documents(source: str | Path | Source, options: ReadOptions) -> Source:
    """Return the source that a user's word names; a folder's is its BEIR file. Raises InputError as `locate` does."""
    return source if isinstance(source, Source) else locate(source, options, folder_file=CORPUS_FILE)


def _documents(records: Iterator[Record], reject: Reject) -> Iterator[Document]:
    for source, line, doc_id, text, fields in records:
        if _KNOWN.isdisjoint(fields):
            yield Document(doc_id, text, fields=fields)
            continue
        try:
            when = _date(fields)
        except ValueError as error:
            reject(RecordError(source.name, line, str(error)))
            continue
        url = _text(fields, "url") or _text(fields, "link")
        yield Document(doc_id, text, _text(fields, "title"), _text(fields, "source"), url, when, fields)


def _text(fields: dict[str, Json], name: str) -> str | None:
    """Take a text out of the fields, None where it is missing, null or blank; one of another type stays there."""
    if name not in fields:
        return None
    value = fields[name]
    if value is not None and not isinstance(value, str):
        return None
    del fields[name]
    return (value or "").strip() or None


_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})([T ].+)?)?)?")


def _date(fields: dict[str, Json]) -> str | None:
    for name in ("date", "published"):
        if name in fields:
            value = fields.pop(name)
            text = str(value).strip() if isinstance(value, (str, int)) else ""
            if value is None or value == "" or (isinstance(value, str) and not text):
                continue
            iso = iso_day(text)
            if iso is None:
                raise ValueError(f"the date in field {name!r} is not YYYY, YYYY-MM or YYYY-MM-DD: {value!r}")
            return iso
    return None


def iso_day(text: str) -> str | None:
    """Return the text cut to its day, or None if it is not an ISO 8601 date of the calendar."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, time = match.groups()
    try:
        date(int(year), int(month or 1), int(day or 1))
        if time:
            datetime.fromisoformat(text)
    except ValueError:
        return None
    return text[:10]
