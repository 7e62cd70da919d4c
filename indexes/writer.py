"""Changing an index: the next generation is prepared beside the current one and replaces it in one rename."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from claimhound.data.disk.file_systems import NO_LOCKS, NO_SYNC, HeldLock
from claimhound.data.errors import IndexDamagedError, InputError
from claimhound.data.formats.fields import ID_SCHEME_VERSION
from claimhound.data.records import Document
from claimhound.indexes.durable import Disk
from claimhound.indexes.layout import VECTOR_DIR, generations, latest_generation
from claimhound.indexes.manifest import EncoderIdentity, Manifest, VectorFile
from claimhound.indexes.merging import SMALL_INDEX, should_rewrite_text, vectors_to_keep
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.indexes.staging import DEAD_NAME, Staging
from claimhound.indexes.text_index import Entry, TextIndex
from claimhound.indexes.text_writer import TextWriter, n_deleted_texts, require_storable_document
from claimhound.indexes.vector_segments import EXACT_UP_TO, write_segment
from claimhound.indexes.vectors import VectorBlocks, require_storable_vectors
from claimhound.indexes.write_access import disk_errors, lock_index, make_durable_dir, require_index_folder


class _Held(NamedTuple):
    """The facts needed to delete a document, and the id of its whole text."""

    position: int
    n_tokens: int
    is_dated: bool
    text_id: str


class IndexWriter:
    """The one writer of an index folder, for one change of any size: add and delete, then `commit` once.

    Until `commit` returns, readers and crashes see the previous generation. Use it as a context manager; leaving
    without a commit leaves the index unchanged. After a commit or a disk error it takes no more changes. `is_split`,
    `made_ids` and `id_scheme` go into the manifest and may be set until then.
    """

    def __init__(
        self,
        index_dir: Path,
        current: IndexSnapshot | None,
        encoder: EncoderIdentity,
        disk: Disk,
        *,
        exact_up_to: int,
        small_up_to: int,
    ) -> None:
        """Use `create` or `open`."""
        self._dir = index_dir
        self._staging = Staging(index_dir, current.manifest if current else None, disk)
        self._current = current
        self._encoder = encoder
        self._disk = disk
        self._exact_up_to = exact_up_to
        self._small_up_to = small_up_to
        # Only the current format can be changed, so all of these are known.
        self.is_split = bool(current and current.manifest.is_split)
        self.made_ids: dict[str, str] | None = {}
        if current is not None:
            self.made_ids = None if current.manifest.made_ids is None else dict(current.manifest.made_ids)
        self.id_scheme = current.manifest.id_scheme if current else ID_SCHEME_VERSION
        self._n_tokens = (current.manifest.n_tokens or 0) if current else 0
        self._n_dated = (current.manifest.n_dated or 0) if current else 0
        self._has_titles = bool(current and current.manifest.has_titles)
        self._n_docs = current.n_docs if current else 0
        self._next_position = current.manifest.next_position if current else 0
        self._added: dict[str, _Held] = {}
        self._new_vectors = VectorBlocks(encoder.dim)
        self._newly_dead: set[int] = set()
        self._text: TextWriter | None = None
        self._rewrite_all = False
        self._usable = True
        self._lock: HeldLock | None = None

    @classmethod
    def create(
        cls,
        index_dir: Path,
        encoder: EncoderIdentity,
        *,
        overwrite: bool = False,
        disk: Disk | None = None,
        exact_up_to: int = EXACT_UP_TO,
        small_up_to: int = SMALL_INDEX,
    ) -> IndexWriter:
        """Start an index in a missing or empty folder, or, with `overwrite`, in place of the index there.

        Vector segments of up to `exact_up_to` rows are searched exactly; an index of up to `small_up_to` documents
        stays as a rebuild would make it.

        Raises InputError if the folder contains other files, or an index without `overwrite`, and
        IndexLockedError if another process is writing it.
        """
        disk = disk or Disk()
        with disk_errors(index_dir):
            require_index_folder(index_dir)
            make_durable_dir(index_dir, disk)
        lock = lock_index(index_dir)
        try:
            if generations(index_dir) and not overwrite:
                raise InputError(
                    f"{index_dir}: already contains an index; add to it with: claimhound index add, "
                    "or build with --overwrite"
                )
            writer = cls(index_dir, None, encoder, disk, exact_up_to=exact_up_to, small_up_to=small_up_to)
            writer._start(lock)
        except BaseException:
            lock.release()
            raise
        return writer

    @classmethod
    def open(
        cls,
        index_dir: Path,
        *,
        disk: Disk | None = None,
        exact_up_to: int = EXACT_UP_TO,
        small_up_to: int = SMALL_INDEX,
    ) -> IndexWriter:
        """Open an index to change it; for the numbers see `create`.

        Raises IndexMissingError, IndexVersionError for an index of another version, IndexDamagedError, or
        IndexLockedError if another process is writing it.
        """
        latest_generation(index_dir)
        lock = lock_index(index_dir)
        try:
            current = IndexSnapshot.open(index_dir)
            encoder = current.manifest.encoder
            writer = cls(index_dir, current, encoder, disk or Disk(), exact_up_to=exact_up_to, small_up_to=small_up_to)
            writer._start(lock)
        except BaseException:
            lock.release()
            raise
        return writer

    @property
    def encoder(self) -> EncoderIdentity:
        """The encoder of the index's vectors."""
        return self._encoder

    def accept(self, encoder: EncoderIdentity) -> None:
        """Allow vectors of this encoder to be added: the manifest will name its precision too.

        Raises EncoderMismatchError if they cannot be compared with those in the index.
        """
        self._encoder.require_same(encoder, self._dir)
        self._encoder = self._encoder.also_computed_in(encoder.precision)

    @property
    def notes(self) -> list[str]:
        """Guarantees that the file system does not give, in sentences."""
        no_locks = self._lock is not None and self._lock.note is not None
        return [note for note, holds in ((NO_LOCKS, no_locks), (NO_SYNC, not self._disk.confirms)) if holds]

    @property
    def had_documents(self) -> bool:
        """Whether the index had any document when it was opened."""
        return self._current is not None and self._current.n_docs > 0

    @property
    def n_docs(self) -> int:
        """Number of documents after a commit."""
        return self._n_docs

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Discard what was not committed and release the lock."""
        self._usable = False
        if self._text is not None:
            self._text.close()
            self._text = None
        if self._lock is not None:
            self._staging.discard()
            self._lock.release()
            self._lock = None

    def add(self, documents: Sequence[Document], doc_vectors: NDArray[np.floating]) -> int:
        """Add documents with their (len(documents), dim) unit vectors; return the number that replaced another.

        A document replaces the one with its id. A vector of zeros stands for a text without content. `doc_vectors` is
        kept until the commit and may be a memory map.

        Raises ValueError for a repeated id, an invalid date, vectors of another shape or numbers that are not finite,
        and InputError if an id cannot be stored or belongs to another text: a text's sentence never replaces a document
        of the same name, nor the reverse. Nothing is added then.
        """
        doc_ids = [document.doc_id for document in documents]
        if len(set(doc_ids)) != len(doc_ids):
            raise ValueError("a document id occurs twice in one batch")
        for document in documents:
            require_storable_document(document)
        positions = np.arange(self._next_position, self._next_position + len(documents), dtype=np.int64)
        require_storable_vectors(doc_vectors)
        new_vectors = VectorBlocks(self._encoder.dim)
        new_vectors.append(positions, doc_vectors)
        held = self._held(doc_ids)
        for document in documents:
            if document.doc_id in held:
                _require_same_text(self._dir, document, held[document.doc_id])
        with self._changing():
            n_replaced = self._forget(held)
            text = self._open_text()
            for position, document in enumerate(documents, start=self._next_position):
                n_tokens = text.add(position, document)
                is_dated = document.date is not None
                self._added[document.doc_id] = _Held(position, n_tokens, is_dated, document.text_id)
                self._n_tokens += n_tokens
                self._n_dated += is_dated
                self._has_titles |= document.title is not None
            self._next_position += len(documents)
            self._n_docs += len(documents)
            self._new_vectors.extend(new_vectors)
        return n_replaced

    def withdraw(self, text_ids: Sequence[str]) -> dict[str, str]:
        """Delete the documents and sentences of these texts that the index had when it was opened.

        Returns the ids of the deleted documents, each with its text's. Documents added since then stay, and so do those
        whose id only looks like that of a text's sentence.
        """
        if self._current is None:
            return {}
        whole = [entry for entry in self._current.entries_of(text_ids) if entry.document.parent_id is None]
        parts = self._current.parts_of(text_ids)
        held = {entry.document.doc_id: _held(entry) for entry in (*whole, *parts) if self._lives(entry.position)}
        with self._changing():
            self._forget(held)
        return {doc_id: one.text_id for doc_id, one in held.items()}

    def delete(self, ids: Sequence[str]) -> list[str]:
        """Delete the documents with these ids and the sentences of texts with these ids.

        Returns the ids that match neither.
        """
        wanted = set(ids)
        held = self._held(ids)
        if self._current is not None:
            parts = [entry for entry in self._current.parts_of(ids) if self._lives(entry.position)]
            held |= {entry.document.doc_id: _held(entry) for entry in parts}
        held |= {doc_id: one for doc_id, one in self._added.items() if one.text_id in wanted}
        known = {*held, *(one.text_id for one in held.values())}
        with self._changing():
            self._forget(held)
        return [given for given in dict.fromkeys(ids) if given not in known]

    def added_texts(self, text_ids: Collection[str]) -> set[str]:
        """Return the texts among these that were added since the index was opened."""
        return {one.text_id for one in self._added.values() if one.text_id in text_ids}

    def known_ids(self, ids: Sequence[str]) -> set[str]:
        """Return the ids that the index had when it was opened, of documents or of their texts."""
        if self._current is None:
            return set()
        entries = (*self._current.entries_of(ids), *self._current.parts_of(ids))
        known = {name for entry in entries for name in (entry.document.doc_id, entry.document.text_id)}
        return known.intersection(ids)

    def compact(self) -> None:
        """Make the commit rewrite everything: no deleted documents, one vector segment."""
        self._rewrite_all = True

    def commit(self) -> Manifest:
        """Publish all changes at once as the next generation; return its manifest.

        Raises IndexWriteError if the disk fails. The previous generation then stays current, unless only the last step
        failed, which the message says.
        """
        with self._changing():
            manifest = self._prepare()
            self._staging.commit(manifest)
        self._usable = False
        self._current = None
        self._staging.remove_replaced(manifest.generation)
        return manifest

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Allow one change; after a failure, no more."""
        if not self._usable:
            raise ValueError("this writer has committed, failed or been closed; open another")
        self._usable = False
        with disk_errors(self._dir):
            yield
        self._usable = True

    def _start(self, lock: HeldLock) -> None:
        with disk_errors(self._dir):
            self._staging.start()
        self._lock = lock

    def _open_text(self) -> TextWriter:
        if self._text is None:
            self._disk.before("open_text", self._staging.text_dir)
            self._text = TextWriter(self._staging.text_dir)
        return self._text

    def _held(self, doc_ids: Sequence[str]) -> dict[str, _Held]:
        """Return the current documents with these ids."""
        found = {doc_id: self._added[doc_id] for doc_id in doc_ids if doc_id in self._added}
        if self._current is not None:
            entries = [entry for entry in self._current.entries_of(doc_ids) if self._lives(entry.position)]
            found |= {entry.document.doc_id: _held(entry) for entry in entries}
        return found

    def _lives(self, position: int) -> bool:
        """Return whether a document of the opened generation will be in the next one."""
        return position not in self._newly_dead

    def _forget(self, held: Mapping[str, _Held]) -> int:
        """Delete documents; return their number."""
        for doc_id, (position, n_tokens, is_dated, _) in held.items():
            self._added.pop(doc_id, None)
            self._n_tokens -= n_tokens
            self._n_dated -= is_dated
            self._open_text().delete(doc_id)
            self._newly_dead.add(position)
        self._n_docs -= len(held)
        return len(held)

    def _prepare(self) -> Manifest:
        generation = max(generations(self._dir), default=0) + 1
        n_dead_text = self._write_text()
        written, n_dead_vectors = self._write_vectors(f"{VECTOR_DIR}/segment-{generation:06d}.faiss")
        return Manifest(
            generation=generation,
            n_docs=self._n_docs,
            next_position=self._next_position,
            n_dead_text=n_dead_text,
            n_dead_vectors=n_dead_vectors,
            encoder=self._encoder,
            vector_files=tuple(written),
            files=self._staging.checks(),
            n_tokens=self._n_tokens,
            is_split=self.is_split,
            n_dated=self._n_dated,
            has_titles=self._has_titles and self._n_docs > 0,
            made_ids=self.made_ids if self._n_docs else {},
            id_scheme=self.id_scheme,
        )

    def _write_text(self) -> int:
        """Write the text; return the number of deleted documents that remain in it."""
        text_dir = self._staging.text_dir
        text = self._open_text()
        self._disk.before("commit_text", text_dir)
        text.commit()
        self._text = None
        n_dead = n_deleted_texts(text_dir)
        if n_dead and (self._rewrite_all or should_rewrite_text(self._n_docs, n_dead, small_up_to=self._small_up_to)):
            self._rewrite_text(text_dir)
            n_dead = 0
        if (n_docs := TextIndex(text_dir).n_docs) != self._n_docs:
            raise IndexDamagedError(
                f"{self._dir}: {n_docs} texts where {self._n_docs} were to be written; rebuild the index"
            )
        return n_dead

    def _rewrite_text(self, text_dir: Path) -> None:
        self._staging.require_all_intact()
        fresh_dir = self._staging.folder / "new-text"
        self._disk.make_dir(fresh_dir)
        self._disk.before("rewrite_text", fresh_dir)
        fresh = TextWriter(fresh_dir)
        self._has_titles = False
        for position, document in TextIndex(text_dir).all_documents(self._next_position):
            fresh.add(position, document)
            self._has_titles |= document.title is not None
        fresh.commit()
        self._disk.remove_tree(text_dir)
        self._disk.rename(fresh_dir, text_dir)

    def _write_vectors(self, new_name: str) -> tuple[list[VectorFile], int]:
        """Write the vectors; return their segments and the number of dead vectors that remain in them."""
        old = list(self._current.manifest.vector_files) if self._current else []
        dead = np.array(sorted(self._newly_dead), dtype=np.int64)
        if self._current:
            dead = np.union1d(self._current.dead, dead)
        sizes = [item.n_rows for item in old]
        keep = 0
        if not self._rewrite_all:
            keep = vectors_to_keep(
                sizes, len(self._new_vectors), self._n_docs, len(dead), small_up_to=self._small_up_to
            )
        written = old[:keep]
        for item in written:
            self._staging.carry_over(item.file)
        merged = VectorBlocks(self._encoder.dim)
        for item, segment in zip(old[keep:], self._current.segments[keep:] if self._current else [], strict=True):
            self._staging.require_intact(item.file)
            merged.extend(segment.blocks())
        merged.extend(self._new_vectors)
        living = merged.without(dead)
        # Dead vectors of merged segments are gone: a search need not skip them.
        dead = np.setdiff1d(dead, merged.positions())
        if len(living):
            path = self._staging.folder / new_name
            self._disk.before("write_vectors", path)
            segment_written = write_segment(living, path, exact_up_to=self._exact_up_to)
            self._disk.sync_file(path)
            self._staging.add(new_name, segment_written.head_size)
            written.append(VectorFile(new_name, len(living), segment_written.exact))
        buffer = io.BytesIO()
        np.save(buffer, dead, allow_pickle=False)
        self._disk.write_bytes(self._staging.folder / DEAD_NAME, buffer.getvalue())
        self._staging.add(DEAD_NAME, len(buffer.getvalue()))
        return written, len(dead)


def _held(entry: Entry) -> _Held:
    document = entry.document
    return _Held(entry.position, entry.n_tokens, document.date is not None, document.text_id)


def _require_same_text(index_dir: Path, document: Document, held: _Held) -> None:
    if document.text_id == held.text_id:
        return
    raise InputError(
        f"{index_dir}: {document.doc_id!r} would be the id of {_role(document.doc_id, document.text_id)}, but is "
        f"already that of {_role(document.doc_id, held.text_id)}; give one of them another id"
    )


def _role(doc_id: str, text_id: str) -> str:
    return "a whole document" if doc_id == text_id else f"a sentence of {text_id!r}"
