"""Text and BM25 on disk: a tantivy index of documents, each under its position.

k1 = 1.2 and b = 0.75 are tantivy's own and fixed. Its formula adds 1 inside the idf's logarithm (Lucene's form), so a term
in most documents still counts a little and a score of 0 means "no match".
"""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import tantivy

from data.records import Document
from indexes.analysis import ANALYZER_NAME, analyzer, split_words, tokenize

_HEAP_BYTES = 256 << 20
_SMALL_HEAP_BYTES = 32 << 20
_SMALL_BATCH = 20_000
_PAGE = 4096
_SCORE_DIGITS = 4  # tantivy adds a document's terms in a varying order: the digits below are noise


class TextHit(NamedTuple):
    """One document found by BM25."""

    position: int
    score: float


class Conditions(NamedTuple):
    """What a document must fulfil: dated before a day, and fields equal to given values."""

    before: str | None = None
    where: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return self.before is not None or bool(self.where)


def _schema() -> tantivy.Schema:
    return (
        tantivy.SchemaBuilder()
        .add_unsigned_field("position", indexed=True, fast=True)
        .add_text_field("doc_id", tokenizer_name="raw", index_option="basic")
        .add_text_field("terms", tokenizer_name=ANALYZER_NAME, index_option="freq")
        .add_text_field("where", tokenizer_name="raw", index_option="basic")
        .add_unsigned_field("day", indexed=True, fast=True)
        .add_bytes_field("record", stored=True)
        .build()
    )


def first_day(date: str) -> int:
    """Return an ISO date (`YYYY`, `YYYY-MM` or `YYYY-MM-DD`) as the number YYYYMMDD of the first day that it can mean."""
    year, month, day = [*(int(part) for part in date.split("-")), 1, 1][:3]
    return year * 10_000 + month * 100 + day


def _condition_terms(document: Document) -> Iterator[str]:
    for name in ("title", "source", "url", "date", "parent_id"):
        value = getattr(document, name)
        if value is not None:
            yield f"{name}={value}"
    for name, value in document.fields.items():
        for item in value if isinstance(value, list) else [value]:
            if item is not None and not isinstance(item, dict | list):
                yield f"{name}={item if isinstance(item, str) else json.dumps(item)}"


class TextWriter:
    """Changes the tantivy index in `path`, which it makes if there is none; nothing is kept before `commit`."""

    def __init__(self, path: Path, *, expect: int = _SMALL_BATCH) -> None:
        """`expect` documents are going to be added: a large batch is given a large buffer."""
        self._schema = _schema()
        self._index = tantivy.Index(self._schema, path=str(path))
        self._index.register_tokenizer(ANALYZER_NAME, analyzer())
        heap = _SMALL_HEAP_BYTES if expect < _SMALL_BATCH else _HEAP_BYTES
        # One thread keeps documents in order of position, and so the same input in the same segments.
        self._writer = self._index.writer(heap, 1)

    def add(self, position: int, document: Document) -> None:
        """Add a document; one with the same id stays until it is deleted."""
        entry = tantivy.Document()
        entry.add_unsigned("position", position)
        entry.add_text("doc_id", document.doc_id)
        entry.add_text("terms", " ".join(split_words(document.text)))
        for term in _condition_terms(document):
            entry.add_text("where", term)
        if document.date is not None:
            entry.add_unsigned("day", first_day(document.date))
        record = {name: value for name, value in asdict(document).items() if value is not None and value != {}}
        entry.add_bytes("record", json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        with _disk_errors():
            self._writer.add_document(entry)

    def delete(self, doc_id: str) -> None:
        """Delete every document with the id that was added so far."""
        self._writer.delete_documents_by_term("doc_id", doc_id)

    def commit(self) -> None:
        """Write all that was added and deleted, wait for merges, and close."""
        with _disk_errors():
            self._writer.commit()
            self._writer.wait_merging_threads()


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Raise as OSError what tantivy raises as ValueError when it cannot write."""
    try:
        yield
    except ValueError as error:
        raise OSError(errno.EIO, f"tantivy: {error}") from error


class TextIndex:
    """A committed tantivy index, as it was when it was opened."""

    def __init__(self, path: Path) -> None:
        self._index = tantivy.Index.open(str(path))
        self._index.register_tokenizer(ANALYZER_NAME, analyzer())
        self._schema = self._index.schema
        self._searcher = self._index.searcher()

    @property
    def n_docs(self) -> int:
        """How many documents live in it."""
        return self._searcher.num_docs

    def search(self, text: str, k: int, conditions: Conditions = Conditions()) -> list[TextHit]:
        """Return at least `min(k, matches)` documents by BM25, best first, a tie at the end whole as far as is sane.

        The caller cuts to k once it has ordered ties: which of many equal documents comes is otherwise chance.
        """
        terms = tokenize(text)
        if not terms or k <= 0:
            return []
        query = self._should([self._term("terms", term, "freq") for term in terms])
        if conditions:
            must = [query, *(tantivy.Query.const_score_query(q, 0.0) for q in self._conditions(conditions))]
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, q) for q in must])
        ask = k + 1
        while True:
            hits = self._searcher.search(query, ask, count=False).hits
            scores = [round(float(score), _SCORE_DIGITS) for score, _ in hits]
            if len(hits) < ask or scores[-1] < scores[k - 1] or ask > 16 * k + 64:
                break
            ask *= 4
        positions = self._positions([address for _, address in hits])
        return [TextHit(position, score) for position, score in zip(positions, scores, strict=True)]

    def documents(self, positions: Sequence[int]) -> dict[int, Document]:
        """Return the documents at those of the positions that hold one."""
        found: dict[int, Document] = {}
        for start in range(0, len(positions), _PAGE):
            page = list(positions[start : start + _PAGE])
            query = tantivy.Query.term_set_query(self._schema, "position", page)
            found.update(self._read(query, len(page)))
        return found

    def positions_of(self, doc_ids: Sequence[str]) -> dict[str, int]:
        """Return the position of each of the ids that the index holds."""
        found: dict[str, int] = {}
        for start in range(0, len(doc_ids), _PAGE):
            page = list(doc_ids[start : start + _PAGE])
            query = tantivy.Query.term_set_query(self._schema, "doc_id", page)
            found.update((document.doc_id, position) for position, document in self._read(query, len(page)))
        return found

    def matching_positions(self, conditions: Conditions) -> list[int]:
        """Return the positions of all documents that fulfil the conditions, ascending."""
        query = tantivy.Query.boolean_query([(tantivy.Occur.Must, q) for q in self._conditions(conditions)])
        limit = max(1, self.n_docs)
        hits = self._searcher.search(query, limit, count=False, order_by_field="position", order=tantivy.Order.Asc).hits
        return [int(position) for position, _ in hits]

    def known_terms(self, terms: Iterable[str]) -> set[str]:
        """Return those of the terms that at least one document holds."""
        return {term for term in terms if self._searcher.doc_freq("terms", term) > 0}

    def all_documents(self, next_position: int) -> Iterator[tuple[int, Document]]:
        """Yield every living document by ascending position; `next_position` is past the last one."""
        for start in range(0, next_position, _PAGE):
            query = tantivy.Query.range_query(
                self._schema, "position", tantivy.FieldType.Unsigned, start, start + _PAGE, True, False
            )
            yield from sorted(self._read(query, _PAGE), key=lambda item: item[0])

    def _read(self, query: tantivy.Query, limit: int) -> Iterator[tuple[int, Document]]:
        addresses = [address for _, address in self._searcher.search(query, limit, count=False).hits]
        for position, address in zip(self._positions(addresses), addresses, strict=True):
            record = json.loads(bytes(self._searcher.doc(address)["record"][0]).decode("utf-8", "surrogatepass"))
            if "span" in record:
                record["span"] = tuple(record["span"])
            yield position, Document(**record)

    def _positions(self, addresses: list[tantivy.DocAddress]) -> list[int]:
        return [int(value) for value in self._searcher.fast_field_values("position", addresses) if value is not None]

    def _term(self, field: str, value: str, index_option: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, field, value, index_option)

    @staticmethod
    def _should(queries: list[tantivy.Query]) -> tantivy.Query:
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, query) for query in queries])

    def _conditions(self, conditions: Conditions) -> list[tantivy.Query]:
        queries = [self._term("where", f"{name}={value}", "basic") for name, value in conditions.where]
        if conditions.before is not None:
            queries.append(
                tantivy.Query.range_query(
                    self._schema, "day", tantivy.FieldType.Unsigned, 0, first_day(conditions.before), True, False
                )
            )
        return queries
