"""Writing text for BM25: a tantivy index of documents, each under its position.

k1 = 1.2 and b = 0.75 are fixed in tantivy. Its formula adds 1 inside the idf's logarithm (Lucene's form), so even a
term in most documents counts a little, and a score of 0 means "no match".
"""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import tantivy

from claimhound.data.disk.file_systems import native_path
from claimhound.data.errors import InputError
from claimhound.data.records import Document
from claimhound.indexes.analysis.terms import ANALYZER_NAME, analyzer, split_words
from claimhound.indexes.conditions import field_terms, first_day, last_day

CHANGING_FILES = frozenset({"meta.json", ".managed.json"})
"""Files that tantivy replaces; it writes all others once."""
READ_LOCK = ".tantivy-meta.lock"
LOCK_FILES = frozenset({".tantivy-writer.lock", READ_LOCK})

_HEAP_BYTES = 256 << 20
_FIELDS = tuple(item.name for item in fields(Document))
_LONGEST_ID_BYTES = 65_530  # tantivy drops longer terms silently


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


def require_storable_document(document: Document) -> None:
    """Raise InputError for an id that tantivy cannot store, and ValueError for an invalid date."""
    try:
        n_bytes = len(document.doc_id.encode())
    except UnicodeEncodeError:
        raise InputError(f"document id {document.doc_id!r}: half of a surrogate pair is not a character") from None
    if n_bytes > _LONGEST_ID_BYTES:
        raise InputError(
            f"document id {document.doc_id[:40]!r}…: has {n_bytes:,} bytes, at most {_LONGEST_ID_BYTES:,} can be stored"
        )
    if document.date is not None:
        first_day(document.date)


class TextWriter:
    """Changes the tantivy index in `path`, creating it if needed; nothing is kept before `commit`.

    Raises OSError if the disk fails.
    """

    def __init__(self, path: Path) -> None:
        with _disk_errors():
            self._index = tantivy.Index(_schema(), path=native_path(path))
            self._index.register_tokenizer(ANALYZER_NAME, analyzer())
            # One thread adds documents in order of position, so the same input gives the same segments. The heap is
            # allocated as it fills: a writer that adds one document opens in 1 ms.
            self._writer: tantivy.IndexWriter | None = self._index.writer(_HEAP_BYTES, 1)

    def add(self, position: int, document: Document) -> int:
        """Add a document and return the number of terms in its text; one with the same id stays until deleted."""
        entry = tantivy.Document()
        entry.add_unsigned("position", position)
        entry.add_text("doc_id", document.doc_id)
        words = " ".join(split_words(document.text))
        entry.add_text("terms", words)
        if document.title is not None:
            entry.add_text("title_terms", " ".join(split_words(document.title)))
        for term in field_terms(document):
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
        """Write all additions and deletions, wait for merges, and close."""
        with _disk_errors():
            self._open().commit()
            self._open().wait_merging_threads()
        self.close()

    def close(self) -> None:
        """Close, discarding what was not committed."""
        self._writer = None

    def _open(self) -> tantivy.IndexWriter:
        if self._writer is None:
            raise ValueError("the text writer is closed")
        return self._writer


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Raise OSError instead of tantivy's errors for failed writes: a ValueError, or a panic in one of its threads."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, ValueError) and not is_panic(error):
            raise
        raise OSError(errno.EIO, f"tantivy: {' '.join(str(error).split())}") from error


def is_panic(error: BaseException) -> bool:
    """Return whether Rust code panicked: a BaseException whose class cannot be imported."""
    return type(error).__name__ == "PanicException"


def n_deleted_texts(path: Path) -> int:
    """Return the number of deleted documents that remain in a committed tantivy index."""
    meta = json.loads((path / "meta.json").read_bytes())
    return sum((segment["deletes"] or {"num_deleted_docs": 0})["num_deleted_docs"] for segment in meta["segments"])
