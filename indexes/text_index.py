"""Searching text by BM25: a committed tantivy index, read-only."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import tantivy

from claimhound.data.disk.file_systems import native_path
from claimhound.data.records import Document
from claimhound.indexes.analysis.terms import ANALYZER_NAME, analyzer, query_terms, tokenize
from claimhound.indexes.conditions import NO_CONDITIONS, Conditions, asked_terms, field_term, first_day
from claimhound.indexes.durable import remove_folder
from claimhound.indexes.text_writer import LOCK_FILES, READ_LOCK
from claimhound.indexes.ties import ASK_GROWTH, ASK_MORE, Found, least_tied, level

DEFAULT_TITLE_WEIGHT = 0.5
_PAGE = 4096
_SCORE_DIGITS = 4
_LAST_DAY = 9999_12_31


class Entry(NamedTuple):
    """A stored document with its position and the number of terms in its text."""

    position: int
    n_tokens: int
    document: Document


class TextIndex:
    """A committed tantivy index as it was when opened.

    Damaged files raise ValueError or a panic; `text_writer.is_panic` recognizes the latter.
    """

    def __init__(self, path: Path) -> None:
        self._index = _open(path)
        self._index.register_tokenizer(ANALYZER_NAME, analyzer())
        self._schema = self._index.schema
        self._searcher = self._index.searcher()
        # Addresses of the last search's hits: looking them up by position takes as long as the search.
        self._addresses: dict[int, tantivy.DocAddress] = {}

    @property
    def n_docs(self) -> int:
        """Number of documents that are not deleted."""
        return int(self._searcher.num_docs)

    def search(
        self, text: str, k: int, conditions: Conditions = NO_CONDITIONS, *, title_weight: float = DEFAULT_TITLE_WEIGHT
    ) -> Found:
        """Return the k best positions by BM25, best first; more than k if scores tie at the end.

        The score is the text's plus `title_weight` times the title's, each with its own statistics.
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
            query = self._must(
                [query, *(tantivy.Query.const_score_query(q, 0.0) for q in self._conditions(conditions))]
            )
        k = min(k, self.n_docs)
        ask = k + ASK_MORE
        while True:
            hits = self._searcher.search(query, ask, count=False).hits
            if len(hits) < ask or hits[-1][0] < least_tied(hits[k - 1][0], _SCORE_DIGITS):
                break
            # The hits include an arbitrary few of the documents that tie at the end. The worst case is cheap enough:
            # 0.12 s for 200,000 equal documents.
            ask *= ASK_GROWTH
        addresses = [address for _, address in hits]
        positions = self._positions(addresses)
        self._addresses = dict(zip(positions, addresses, strict=True))
        scores = [float(score) for score, _ in hits]
        return level(zip(positions, scores, strict=True), k, _SCORE_DIGITS)

    def documents(self, positions: Sequence[int]) -> dict[int, Document]:
        """Return the documents at these positions; positions without one are left out."""
        addresses = self._addresses
        found = {position: self._document_at(addresses[position]) for position in positions if position in addresses}
        others = [position for position in positions if position not in addresses]
        for start in range(0, len(others), _PAGE):
            page = others[start : start + _PAGE]
            query = tantivy.Query.term_set_query(self._schema, "position", page)
            found.update(self._read(query, len(page)))
        return found

    def positions_of(self, doc_ids: Sequence[str]) -> dict[str, int]:
        """Return the position of each id in the index."""
        return {document.doc_id: position for position, document in self._with_ids(doc_ids)}

    def entries_of(self, doc_ids: Sequence[str]) -> list[Entry]:
        """Return the entry of each id in the index."""
        return [_entry(position, document) for position, document in self._with_ids(doc_ids)]

    def parts_of(self, parent_ids: Sequence[str]) -> list[Entry]:
        """Return the documents whose parent is one of these ids."""
        parts: list[Entry] = []
        for start in range(0, len(parent_ids), _PAGE):
            page = {parent_id for parent_id in parent_ids[start : start + _PAGE] if _is_text(parent_id)}
            terms = [field_term("parent_id", parent_id) for parent_id in sorted(page)]
            query = tantivy.Query.term_set_query(self._schema, "where", terms)
            found = self._read(query, n) if (n := self._count(query)) else ()
            # Another field named parent_id gives the same term.
            parts += [_entry(position, document) for position, document in found if document.parent_id in page]
        return parts

    def matching_positions(self, conditions: Conditions) -> list[int]:
        """Return the positions of all documents that meet the conditions, ascending."""
        query = self._must(self._conditions(conditions))
        limit = max(1, self.n_docs)
        hits = self._searcher.search(query, limit, count=False, order_by_field="position", order=tantivy.Order.Asc).hits
        return [int(position) for position, _ in hits]

    def n_meeting(self, conditions: Conditions) -> int:
        """Return the number of documents that meet the conditions."""
        return self._count(self._must(self._conditions(conditions)))

    def n_dated(self) -> int:
        """Return the number of documents with a date."""
        dated = tantivy.Query.range_query(self._schema, "day", tantivy.FieldType.Unsigned, 0, _LAST_DAY, True, True)
        return self._count(dated)

    def has_titles(self) -> bool:
        """Return whether any document has a word in its title."""
        titled = tantivy.Query.regex_query(self._schema, "title_terms", ".+")
        return bool(self._searcher.search(titled, 1, count=False).hits)

    def has_field(self, name: str) -> bool:
        """Return whether any document has this field, or an object's field whose path begins with this name."""
        named = tantivy.Query.regex_query(self._schema, "where", f"{re.escape(name)}[.=].*")
        return bool(self._searcher.search(named, 1, count=False).hits)

    def all_documents(self, next_position: int) -> Iterator[tuple[int, Document]]:
        """Yield the position and content of each document that is not deleted; `next_position` is past the last one."""
        for start in range(0, next_position, _PAGE):
            query = tantivy.Query.range_query(
                self._schema, "position", tantivy.FieldType.Unsigned, start, start + _PAGE, True, False
            )
            yield from sorted(self._read(query, _PAGE), key=lambda item: item[0])

    def _count(self, query: tantivy.Query) -> int:
        return int(self._searcher.search(query, 1, count=True).count or 0)  # type: ignore[attr-defined]

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

    @staticmethod
    def _must(queries: list[tantivy.Query]) -> tantivy.Query:
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, query) for query in queries])

    def _conditions(self, conditions: Conditions) -> list[tantivy.Query]:
        queries = [
            self._should([self._term("where", term, "basic") for term in asked_terms(name, value)])
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
        raise ValueError(f"a stored record does not have the fields of a document: {error}") from error


def _is_text(doc_id: str) -> bool:
    """Return whether an id has no lone surrogate; documents with such ids are never stored."""
    return not any("\ud800" <= character <= "\udfff" for character in doc_id)


def _open(path: Path) -> tantivy.Index:
    """Open a committed index, even on a read-only disk or in another user's folder.

    tantivy locks a file next to those it reads. Where it cannot, it gets a folder of links to them, which is removed
    once they are mapped. Links take 2 ms each, so they are not used elsewhere.
    """
    lock = path / READ_LOCK
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
