"""Text and BM25 on disk: a tantivy index of documents, each under its position.

k1 = 1.2 and b = 0.75 are tantivy's own and fixed. Its formula adds 1 inside the idf's logarithm (Lucene's form), so a
term in most documents still counts a little and a score of 0 means "no match".
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import tantivy

from claimhound.data.disk.file_systems import native_path
from claimhound.data.errors import InputError
from claimhound.data.records import Document, Json
from claimhound.indexes.analysis.terms import ANALYZER_NAME, analyzer, query_terms, split_words, tokenize
from claimhound.indexes.durable import remove_folder
from claimhound.indexes.ties import Found, least_tied, level

# tantivy replaces these files as it goes; all others it writes once.
CHANGING_FILES = frozenset({"meta.json", ".managed.json"})
_READ_LOCK = ".tantivy-meta.lock"
LOCK_FILES = frozenset({".tantivy-writer.lock", _READ_LOCK})

_HEAP_BYTES = 256 << 20
_PAGE = 4096
_FIELDS = tuple(item.name for item in fields(Document))
_SCORE_DIGITS = 4
_ASK_MORE = 16
_ASK_GROWTH = 8
_LONGEST_ID_BYTES = 65_530  # tantivy leaves out longer terms without a word
_LONGEST_CONDITION_BYTES = 1_000
_SHOWN_OF_LONG_NAME = 100
# What conditions can ask of an object in a field: keys of keys, and not more values of one field than these.
_DEEPEST_CONDITION = 3
_MOST_CONDITIONS = 1_000
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?")
_LAST_DAY = 9999_12_31
DEFAULT_TITLE_WEIGHT = 0.5
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")


class Conditions(NamedTuple):
    """What a document must fulfil: dated before a day, and fields equal to given values.

    A document is before a day if all days that its date can mean are: one of `2020` is not before 2020-07-01, and one
    without a date is not before any day. A field is `title`, `source`, `url`, `date`, `parent_id` or any of
    `Document.fields`; of a list there, one item must be equal, and `publisher.name` is a field of an object in a field.
    Texts are compared letter for letter, numbers by their value, true and false in any case.
    """

    before: str | None = None
    where: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return self.before is not None or bool(self.where)


NO_CONDITIONS = Conditions()


def _schema() -> tantivy.Schema:
    return (
        tantivy.SchemaBuilder()
        .add_unsigned_field("position", indexed=True, fast=True)
        .add_text_field("doc_id", tokenizer_name="raw", index_option="basic")
        .add_text_field("terms", tokenizer_name=ANALYZER_NAME, index_option="freq")
        .add_text_field("title_terms", tokenizer_name=ANALYZER_NAME, index_option="freq")
        .add_text_field("where", tokenizer_name="raw", index_option="basic")
        .add_unsigned_field("day", indexed=True, fast=True)
        .add_bytes_field("record", stored=True)
        .build()
    )


def first_day(date: str) -> int:
    """Return an ISO date (`YYYY`, `YYYY-MM` or `YYYY-MM-DD`) as the number YYYYMMDD of the first day that it can mean.

    Raises ValueError for anything else.
    """
    match = _DATE.fullmatch(date)
    if match is None:
        raise ValueError(f"expected a date as YYYY, YYYY-MM or YYYY-MM-DD, got {date!r}")
    return int("".join(part or "01" for part in match.groups()))


def last_day(date: str) -> int:
    """Return an ISO date as the number YYYYMMDD of the last day that it can mean; every month has 31 days here.

    Raises ValueError for anything else.
    """
    first_day(date)
    year, month, day = (*date.split("-"), "", "")[:3]
    return int(f"{year}{month or '12'}{day or '31'}")


def require_storable_document(document: Document) -> None:
    """Raise InputError for an id that cannot be found again, and ValueError for a date that is none."""
    try:
        n_bytes = len(document.doc_id.encode())
    except UnicodeEncodeError:
        raise InputError(f"document id {document.doc_id!r}: half of a surrogate pair is no character") from None
    if n_bytes > _LONGEST_ID_BYTES:
        raise InputError(
            f"document id {document.doc_id[:40]!r}…: has {n_bytes:,} bytes, at most {_LONGEST_ID_BYTES:,} can be stored"
        )
    if document.date is not None:
        first_day(document.date)


def _condition_term(name: str, value: str) -> str:
    """Return what stands in the index for "this field has this value"; long ones by their digest."""
    term = f"{name}={value}".encode("utf-8", "replace")
    if len(term) > _LONGEST_CONDITION_BYTES:
        shown = name[:_SHOWN_OF_LONG_NAME].encode("utf-8", "replace").decode()
        return f"{shown}=sha256:{hashlib.sha256(term).hexdigest()}"
    return term.decode()


def _condition_terms(document: Document) -> Iterator[str]:
    for name in ("title", "source", "url", "date", "parent_id"):
        value = getattr(document, name)
        if value is not None:
            yield _condition_term(name, value)
    for name, field_value in document.fields.items():
        for path, value in islice(_values(name, field_value, _DEEPEST_CONDITION), _MOST_CONDITIONS):
            yield _condition_term(path, value)


def _values(name: str, value: Json, depth: int) -> Iterator[tuple[str, str]]:
    """Yield path and text of each plain value in a field."""
    if isinstance(value, list):
        for item in value:
            yield from () if isinstance(item, list) else _values(name, item, depth)
    elif isinstance(value, dict):
        for key, item in value.items() if depth else ():
            yield from _values(f"{name}.{key}", item, depth - 1)
    elif isinstance(value, str):
        yield name, value
    elif value is not None:
        yield name, _number_text(value)


def _number_text(value: float) -> str:
    """Return a number, or true or false, as its shortest JSON: 1998 for 1998.0."""
    is_whole = isinstance(value, float) and value.is_integer()
    return json.dumps(int(value) if is_whole else value)


def _asked_values(value: str) -> list[str]:
    """Return what stands in the index for all that is equal to a value as a user types it."""
    asked = {value}
    if value.lower() in ("true", "false"):
        asked.add(value.lower())
    if _NUMBER.fullmatch(value):
        asked.add(_number_text(json.loads(value)))
    return sorted(asked)


class Entry(NamedTuple):
    """A document that is held: where, and how many terms its text has."""

    position: int
    n_tokens: int
    document: Document


class TextWriter:
    """Changes the tantivy index in `path`, which it makes if there is none; nothing is kept before `commit`.

    Raises OSError where the disk fails.
    """

    def __init__(self, path: Path) -> None:
        with _disk_errors():
            self._index = tantivy.Index(_schema(), path=native_path(path))
            self._index.register_tokenizer(ANALYZER_NAME, analyzer())
            # One thread keeps documents in order of position, and so the same input in the same segments. The heap is
            # taken as it fills: a writer that adds one document opens in 1 ms.
            self._writer: tantivy.IndexWriter | None = self._index.writer(_HEAP_BYTES, 1)

    def add(self, position: int, document: Document) -> int:
        """Add a document and return how many terms its text has; one with the same id stays until it is deleted."""
        entry = tantivy.Document()
        entry.add_unsigned("position", position)
        entry.add_text("doc_id", document.doc_id)
        words = " ".join(split_words(document.text))
        entry.add_text("terms", words)
        if document.title is not None:
            entry.add_text("title_terms", " ".join(split_words(document.title)))
        for term in _condition_terms(document):
            entry.add_text("where", term)
        if document.date is not None:
            entry.add_unsigned("day", last_day(document.date))
        record = {name: value for name in _FIELDS if (value := getattr(document, name)) is not None and value != {}}
        entry.add_bytes("record", json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        with _disk_errors():
            self._open().add_document(entry)
        # 5 s for a million sentences.
        return len(analyzer().analyze(words))

    def delete(self, doc_id: str) -> None:
        """Delete every document with the id that was added so far."""
        with _disk_errors():
            self._open().delete_documents_by_term("doc_id", doc_id)

    def commit(self) -> None:
        """Write all that was added and deleted, wait for merges, and close."""
        with _disk_errors():
            self._open().commit()
            self._open().wait_merging_threads()
        self.close()

    def close(self) -> None:
        """Stop; what was not committed is gone."""
        self._writer = None

    def _open(self) -> tantivy.IndexWriter:
        if self._writer is None:
            raise ValueError("the text writer is closed")
        return self._writer


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Raise as OSError what tantivy raises when it cannot write: a ValueError, or a panic of one of its threads."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, ValueError) and not is_panic(error):
            raise
        raise OSError(errno.EIO, f"tantivy: {' '.join(str(error).split())}") from error


def is_panic(error: BaseException) -> bool:
    """Tell whether it comes from a panic in Rust code: a BaseException whose class cannot be imported."""
    return type(error).__name__ == "PanicException"


def n_deleted_texts(path: Path) -> int:
    """Return how many deleted documents still lie in the committed tantivy index in a folder."""
    meta = json.loads((path / "meta.json").read_bytes())
    return sum((segment["deletes"] or {"num_deleted_docs": 0})["num_deleted_docs"] for segment in meta["segments"])


class TextIndex:
    """A committed tantivy index, as it was when it was opened.

    It raises ValueError, or panics, if the files are damaged; `is_panic` knows the latter.
    """

    def __init__(self, path: Path) -> None:
        self._index = _open(path)
        self._index.register_tokenizer(ANALYZER_NAME, analyzer())
        self._schema = self._index.schema
        self._searcher = self._index.searcher()
        # Where what was searched last lies: asking for it by position takes as long as the search.
        self._addresses: dict[int, tantivy.DocAddress] = {}

    @property
    def n_docs(self) -> int:
        """How many documents live in it."""
        return int(self._searcher.num_docs)

    def search(
        self, text: str, k: int, conditions: Conditions = NO_CONDITIONS, *, title_weight: float = DEFAULT_TITLE_WEIGHT
    ) -> Found:
        """Return the k best positions by BM25, best first; more than k come where scores tie at the end.

        The score is that of the text plus `title_weight` times that of the title, each with its own statistics.
        """
        terms = query_terms(text)
        if not terms or k <= 0:
            return []
        parts = [self._term("terms", term, "freq") for term in terms]
        if title_weight > 0:
            parts += [
                tantivy.Query.boost_query(self._term("title_terms", term, "freq"), title_weight)
                for term in terms
                if self._searcher.doc_freq("title_terms", term) > 0
            ]
        query = self._should(parts)
        if conditions:
            must = [query, *(tantivy.Query.const_score_query(q, 0.0) for q in self._conditions(conditions))]
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, q) for q in must])
        k = min(k, self.n_docs)
        ask = k + _ASK_MORE
        while True:
            hits = self._searcher.search(query, ask, count=False).hits
            if len(hits) < ask or hits[-1][0] < least_tied(hits[k - 1][0], _SCORE_DIGITS):
                break
            # Which of the documents that tie at the end have come so far is chance. The worst case is cheap enough:
            # 0.12 s for 200,000 equal ones.
            ask *= _ASK_GROWTH
        addresses = [address for _, address in hits]
        positions = self._positions(addresses)
        self._addresses = dict(zip(positions, addresses, strict=True))
        scores = [float(score) for score, _ in hits]
        return level(zip(positions, scores, strict=True), k, _SCORE_DIGITS)

    def documents(self, positions: Sequence[int]) -> dict[int, Document]:
        """Return the documents at those of the positions that hold one."""
        addresses = self._addresses
        found = {position: self._document_at(addresses[position]) for position in positions if position in addresses}
        others = [position for position in positions if position not in addresses]
        for start in range(0, len(others), _PAGE):
            page = others[start : start + _PAGE]
            query = tantivy.Query.term_set_query(self._schema, "position", page)
            found.update(self._read(query, len(page)))
        return found

    def positions_of(self, doc_ids: Sequence[str]) -> dict[str, int]:
        """Return the position of each of the ids that the index holds."""
        return {document.doc_id: position for position, document in self._with_ids(doc_ids)}

    def entries_of(self, doc_ids: Sequence[str]) -> list[Entry]:
        """Return what is held under those of the ids that the index holds."""
        return [_entry(position, document) for position, document in self._with_ids(doc_ids)]

    def parts_of(self, parent_ids: Sequence[str]) -> list[Entry]:
        """Return the documents that name one of these as the document that they are a part of."""
        parts: list[Entry] = []
        for start in range(0, len(parent_ids), _PAGE):
            page = {parent_id for parent_id in parent_ids[start : start + _PAGE] if _is_text(parent_id)}
            terms = [_condition_term("parent_id", parent_id) for parent_id in sorted(page)]
            query = tantivy.Query.term_set_query(self._schema, "where", terms)
            counted: Any = self._searcher.search(query, 1, count=True)  # its types know no count
            found = self._read(query, counted.count) if counted.count else ()
            # A further field of that name gives the same term.
            parts += [_entry(position, document) for position, document in found if document.parent_id in page]
        return parts

    def matching_positions(self, conditions: Conditions) -> list[int]:
        """Return the positions of all documents that fulfil the conditions, ascending."""
        query = tantivy.Query.boolean_query([(tantivy.Occur.Must, q) for q in self._conditions(conditions)])
        limit = max(1, self.n_docs)
        hits = self._searcher.search(query, limit, count=False, order_by_field="position", order=tantivy.Order.Asc).hits
        return [int(position) for position, _ in hits]

    def n_meeting(self, conditions: Conditions) -> int:
        """Return how many documents fulfil the conditions."""
        return self._count(
            tantivy.Query.boolean_query([(tantivy.Occur.Must, query) for query in self._conditions(conditions)])
        )

    def _count(self, query: tantivy.Query) -> int:
        return int(self._searcher.search(query, 1, count=True).count or 0)  # type: ignore[attr-defined]

    def known_terms(self, terms: Iterable[str]) -> set[str]:
        """Return those of the terms that at least one document holds; deleted ones may still count."""
        return {
            term
            for term in terms
            if self._searcher.doc_freq("terms", term) > 0 or self._searcher.doc_freq("title_terms", term) > 0
        }

    def n_dated(self) -> int:
        """Return how many documents have a date."""
        dated = tantivy.Query.range_query(self._schema, "day", tantivy.FieldType.Unsigned, 0, _LAST_DAY, True, True)
        return int(self._searcher.search(dated, 1).count)  # type: ignore[attr-defined]

    def has_titles(self) -> bool:
        """Return whether any document has a title with a word."""
        titled = tantivy.Query.regex_query(self._schema, "title_terms", ".+")
        return bool(self._searcher.search(titled, 1, count=False).hits)

    def has_field(self, name: str) -> bool:
        """Return whether a document can be asked for by this field; of an object, also by its parts' common name."""
        named = tantivy.Query.regex_query(self._schema, "where", f"{re.escape(name)}[.=].*")
        return bool(self._searcher.search(named, 1, count=False).hits)

    def all_documents(self, next_position: int) -> Iterator[tuple[int, Document]]:
        """Yield every living document by ascending position; `next_position` is past the last one."""
        for start in range(0, next_position, _PAGE):
            query = tantivy.Query.range_query(
                self._schema, "position", tantivy.FieldType.Unsigned, start, start + _PAGE, True, False
            )
            yield from sorted(self._read(query, _PAGE), key=lambda item: item[0])

    def _with_ids(self, doc_ids: Sequence[str]) -> Iterator[tuple[int, Document]]:
        for start in range(0, len(doc_ids), _PAGE):
            page = [doc_id for doc_id in doc_ids[start : start + _PAGE] if _is_text(doc_id)]
            query = tantivy.Query.term_set_query(self._schema, "doc_id", page)
            yield from self._read(query, max(1, len(page)))

    def _read(self, query: tantivy.Query, limit: int) -> Iterator[tuple[int, Document]]:
        addresses = [address for _, address in self._searcher.search(query, limit, count=False).hits]
        for position, address in zip(self._positions(addresses), addresses, strict=True):
            yield position, self._document_at(address)

    def _document_at(self, address: tantivy.DocAddress) -> Document:
        record = json.loads(bytes(self._searcher.doc(address)["record"][0]).decode("utf-8", "surrogatepass"))
        return _document(record)

    def _positions(self, addresses: list[tantivy.DocAddress]) -> list[int]:
        return [int(value) for value in self._searcher.fast_field_values("position", addresses) if value is not None]

    def _term(self, field: str, value: str, index_option: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, field, value, index_option)

    @staticmethod
    def _should(queries: list[tantivy.Query]) -> tantivy.Query:
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])

    def _conditions(self, conditions: Conditions) -> list[tantivy.Query]:
        queries = [
            self._should([self._term("where", _condition_term(name, asked), "basic") for asked in _asked_values(value)])
            for name, value in conditions.where
        ]
        if conditions.before is not None:
            queries.append(
                tantivy.Query.range_query(
                    self._schema, "day", tantivy.FieldType.Unsigned, 0, first_day(conditions.before), True, False
                )
            )
        return queries


def _entry(position: int, document: Document) -> Entry:
    return Entry(position, len(tokenize(document.text)), document)


def _document(record: dict[str, Any]) -> Document:
    if "span" in record:
        record["span"] = tuple(record["span"])
    try:
        return Document(**record)
    except TypeError as error:
        raise ValueError(f"a stored record has other fields than a document: {error}") from error


def _is_text(doc_id: str) -> bool:
    """Tell whether an id has no half of a surrogate pair; no document with such an id is stored."""
    return not any("\ud800" <= character <= "\udfff" for character in doc_id)


def _open(path: Path) -> tantivy.Index:
    """Open a committed index, also on a read-only disk or in a folder that belongs to somebody else.

    tantivy locks a file beside those that it reads. Where it cannot, it is given a folder of links to them, which may
    go once it has mapped them all; elsewhere that is not worth its 2 ms for each link.
    """
    lock = path / _READ_LOCK
    if os.access(lock if lock.exists() else path, os.W_OK):
        return tantivy.Index.open(native_path(path))
    links = Path(mkdtemp(prefix="claimhound-"))
    try:
        for file in path.resolve().iterdir():
            if file.name not in LOCK_FILES:
                (links / file.name).symlink_to(file)
        return tantivy.Index.open(native_path(links))
    finally:
        remove_folder(links)
