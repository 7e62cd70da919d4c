"""Changing an index: everything is prepared beside the current generation and takes its place in one rename."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from claimhound.data.disk.file_systems import NO_LOCKS, NO_SYNC, HeldLock, acquire_lock, held_path, native_path
from claimhound.data.errors import IndexDamagedError, IndexLockedError, IndexWriteError, InputError
from claimhound.data.formats.fields import ID_SCHEME_VERSION
from claimhound.data.records import Document
from claimhound.indexes.durable import Disk, remove_folder
from claimhound.indexes.layout import (
    DEAD_FILE,
    TEXT_DIR,
    VECTOR_DIR,
    encoded_dir,
    generation_dir,
    generations,
    is_index_entry,
    latest_generation,
    lock_path,
    staging_dir,
)
from claimhound.indexes.manifest import MANIFEST_NAME, EncoderIdentity, FileCheck, Manifest, VectorFile
from claimhound.indexes.merging import SMALL_INDEX, text_wants_rewrite, vectors_to_keep
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.indexes.text_index import Entry, TextIndex
from claimhound.indexes.text_writer import (
    CHANGING_FILES,
    LOCK_FILES,
    TextWriter,
    n_deleted_texts,
    require_storable_document,
)
from claimhound.indexes.vector_segments import EXACT_UP_TO, write_segment
from claimhound.indexes.vectors import VectorBlocks, require_storable_vectors

_DEAD_NAME = f"{VECTOR_DIR}/{DEAD_FILE}"


class _Held(NamedTuple):
    """What is known of a document that is held: enough to take it away, and the text that it is or is a part of."""

    position: int
    n_tokens: int
    is_dated: bool
    text_id: str


class IndexWriter:
    """The one writer of an index folder, for one change of any size: add and delete, then `commit` once.

    Until `commit` returns, readers and crashes see the generation before. Use it as a context manager; leaving it
    without a commit leaves the index as it was. After a commit, or an error of the disk, it takes no more changes.
    `is_split`, `made_ids` and `id_scheme` are what the manifest is going to say, and may be set until then.
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
        self._staging = staging_dir(index_dir)
        self._current = current
        self._encoder = encoder
        self._disk = disk
        self._exact_up_to = exact_up_to
        self._small_up_to = small_up_to
        # The format that is changed says all of these.
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
        self._known_checks: dict[str, FileCheck] = {}
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
        """Start an index in a folder that is missing or empty, or, with `overwrite`, in place of the index there.

        Vector segments of `exact_up_to` rows are searched exactly; an index of `small_up_to` documents is kept as a
        rebuild would make it.

        Raises InputError if the folder holds something else or an index that is not to be overwritten, and
        IndexLockedError if another process writes it.
        """
        disk = disk or Disk()
        with _errors_of_the_disk(index_dir):
            _require_index_folder(index_dir)
            _make_durable_dir(index_dir, disk)
        lock = _lock(index_dir)
        try:
            if generations(index_dir) and not overwrite:
                raise InputError(
                    f"{index_dir}: holds an index already; add to it with: claimhound index add, "
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
        """Open an index to change it; the numbers are those of `create`.

        Raises IndexMissingError, IndexVersionError for an earlier form, IndexDamagedError, or IndexLockedError if
        another process writes it.
        """
        latest_generation(index_dir)
        lock = _lock(index_dir)
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
        """The encoder whose vectors the index holds."""
        return self._encoder

    def accept(self, encoder: EncoderIdentity) -> None:
        """Take note that vectors of this encoder are going to be added: the manifest names its precision, too.

        Raises EncoderMismatchError if they cannot be compared with those that the index holds.
        """
        self._encoder.require_same(encoder, self._dir)
        self._encoder = self._encoder.also_computed_in(encoder.precision)

    @property
    def notes(self) -> list[str]:
        """What the file system does not guarantee."""
        no_locks = self._lock is not None and self._lock.note is not None
        return [note for note, holds in ((NO_LOCKS, no_locks), (NO_SYNC, not self._disk.confirms)) if holds]

    @property
    def held_any(self) -> bool:
        """Whether the index held a document when it was opened."""
        return self._current is not None and self._current.n_docs > 0

    @property
    def n_docs(self) -> int:
        """How many documents the index will hold after a commit."""
        return self._n_docs

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the lock and of what was not committed."""
        self._usable = False
        if self._text is not None:
            self._text.close()
            self._text = None
        if self._lock is not None:
            with suppress(OSError):
                remove_folder(self._staging)
            self._lock.release()
            self._lock = None

    def add(self, documents: Sequence[Document], doc_vectors: NDArray[np.floating]) -> int:
        """Add documents with their (len(documents), dim) unit vectors; returns how many of them replaced another.

        A document whose id the index holds takes the other's place. A vector of zeros stands for a text without
        content. `doc_vectors` is kept until the commit and may be a memory map.

        Raises ValueError if an id stands twice among the documents, a date is none, the vectors' shape does not fit or
        a number in them is not finite, and InputError if an id cannot be stored or is that of another text: the
        sentence of one and a document of that name are never taken for each other. Nothing is then added.
        """
        doc_ids = [document.doc_id for document in documents]
        if len(set(doc_ids)) != len(doc_ids):
            raise ValueError("a document id stands twice in one batch")
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
        """Delete what the index held of these texts when it was opened: whole, or as the sentences that name them.

        Returns the ids of the documents that went, each with its text's. What was added since stays, and so do
        documents that only bear the name that a text's sentence would have.
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
        """Delete the documents with these ids, and the sentences of texts with these ids.

        Returns the ids of which there was neither.
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
        """Return those of the texts that were added since the index was opened."""
        return {one.text_id for one in self._added.values() if one.text_id in text_ids}

    def known_ids(self, ids: Sequence[str]) -> set[str]:
        """Return those of the ids that the index held when it was opened, as a document's or as its text's."""
        if self._current is None:
            return set()
        entries = (*self._current.entries_of(ids), *self._current.parts_of(ids))
        known = {name for entry in entries for name in (entry.document.doc_id, entry.document.text_id)}
        return known.intersection(ids)

    def compact(self) -> None:
        """Have the commit write everything anew: no deleted document left, one vector segment."""
        self._rewrite_all = True

    def commit(self) -> Manifest:
        """Make all changes the current generation at once; returns its manifest.

        Raises IndexWriteError if the disk fails. The generation before then stays, unless it was the very last step
        that failed, of which the error then tells.
        """
        with self._changing():
            manifest = self._prepare()
            self._disk.write_bytes(self._staging / MANIFEST_NAME, manifest.to_bytes())
            self._disk.sync_tree(self._staging)
            target = generation_dir(self._dir, manifest.generation)
            try:
                self._disk.rename(self._staging, target)
            except OSError as error:
                if not target.exists():
                    raise
                raise IndexWriteError(
                    f"{self._dir}: written, but the disk does not confirm that it keeps it ({error.strerror}); "
                    f"run: claimhound index verify --index {self._dir}"
                ) from error
        self._usable = False
        self._current = None
        self._remove_replaced(manifest.generation)
        return manifest

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Let one change be made; one that fails half-way is the last."""
        if not self._usable:
            raise ValueError("this writer has committed, failed or been closed; open another")
        self._usable = False
        with _errors_of_the_disk(self._dir):
            yield
        self._usable = True

    def _start(self, lock: HeldLock) -> None:
        with _errors_of_the_disk(self._dir):
            self._disk.remove_tree(self._staging)
            self._disk.make_dir(self._staging / TEXT_DIR)
            self._disk.make_dir(self._staging / VECTOR_DIR)
            if self._current is not None:
                for name in self._current.manifest.files:
                    if name.startswith(f"{TEXT_DIR}/"):
                        self._take_over(name)
        self._lock = lock

    def _take_over(self, name: str) -> None:
        """Stage a file of the current generation; one that is never changed keeps its bytes and its checksum."""
        assert self._current is not None
        source = generation_dir(self._dir, self._current.manifest.generation) / name
        if source.name in CHANGING_FILES:
            self._disk.copy(source, self._staging / name)
        else:
            self._disk.link(source, self._staging / name)
            self._known_checks[name] = self._current.manifest.files[name]

    def _open_text(self) -> TextWriter:
        if self._text is None:
            self._disk.before("open_text", self._staging / TEXT_DIR)
            self._text = TextWriter(self._staging / TEXT_DIR)
        return self._text

    def _held(self, doc_ids: Sequence[str]) -> dict[str, _Held]:
        """Return what is held under those of the ids that there are."""
        found = {doc_id: self._added[doc_id] for doc_id in doc_ids if doc_id in self._added}
        if self._current is not None:
            entries = [entry for entry in self._current.entries_of(doc_ids) if self._lives(entry.position)]
            found |= {entry.document.doc_id: _held(entry) for entry in entries}
        return found

    def _lives(self, position: int) -> bool:
        """Tell whether a document of the generation that was opened is still to be one of the next."""
        return position not in self._newly_dead

    def _forget(self, held: Mapping[str, _Held]) -> int:
        """Delete documents; returns how many there were."""
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
            files=self._checks(),
            n_tokens=self._n_tokens,
            is_split=self.is_split,
            n_dated=self._n_dated,
            has_titles=self._has_titles and self._n_docs > 0,
            made_ids=self.made_ids if self._n_docs else {},
            id_scheme=self.id_scheme,
        )

    def _write_text(self) -> int:
        """Write the text; returns how many deleted documents it still holds."""
        text_dir = self._staging / TEXT_DIR
        text = self._open_text()
        self._disk.before("commit_text", text_dir)
        text.commit()
        self._text = None
        n_dead = n_deleted_texts(text_dir)
        if n_dead and (self._rewrite_all or text_wants_rewrite(self._n_docs, n_dead, small_up_to=self._small_up_to)):
            self._rewrite_text(text_dir)
            n_dead = 0
        if (n_docs := TextIndex(text_dir).n_docs) != self._n_docs:
            raise IndexDamagedError(
                f"{self._dir}: {n_docs} texts where {self._n_docs} were to be written; build it anew"
            )
        return n_dead

    def _rewrite_text(self, text_dir: Path) -> None:
        for name in self._known_checks:
            self._require_intact(name)
        fresh_dir = self._staging / "text-anew"
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
        """Write the vectors; returns their segments, and how many dead vectors these still hold."""
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
            self._take_over(item.file)
        merged = VectorBlocks(self._encoder.dim)
        for item, segment in zip(old[keep:], self._current.segments[keep:] if self._current else [], strict=True):
            self._require_intact(item.file)
            merged.extend(segment.blocks())
        merged.extend(self._new_vectors)
        living = merged.without(dead)
        # What was not written anew has left the segments: nothing is there that a search would have to pass over.
        dead = np.setdiff1d(dead, merged.positions())
        if len(living):
            path = self._staging / new_name
            self._disk.before("write_vectors", path)
            segment_written = write_segment(living, path, exact_up_to=self._exact_up_to)
            self._disk.sync_file(path)
            self._known_checks[new_name] = FileCheck.of(path, segment_written.head_size)
            written.append(VectorFile(new_name, len(living), segment_written.exact))
        buffer = io.BytesIO()
        np.save(buffer, dead, allow_pickle=False)
        dead_path = self._staging / _DEAD_NAME
        self._disk.write_bytes(dead_path, buffer.getvalue())
        self._known_checks[_DEAD_NAME] = FileCheck.of(dead_path, len(buffer.getvalue()))
        return written, len(dead)

    def _require_intact(self, name: str) -> None:
        """Check a file that is going to be written anew: bad bytes must not come under a good checksum."""
        assert self._current is not None
        path = generation_dir(self._dir, self._current.manifest.generation) / name
        if damage := self._current.manifest.files[name].damage(path):
            raise IndexDamagedError(f"{path}: damaged ({damage}); restore it or build the index anew")

    def _checks(self) -> dict[str, FileCheck]:
        """Return size and checksums of every staged file, each of them on the disk."""
        mode = (self._staging / _DEAD_NAME).stat().st_mode
        checks: dict[str, FileCheck] = {}
        for path in sorted(self._staging.rglob("*")):
            if path.is_dir():
                continue
            if path.name in LOCK_FILES:
                path.unlink(missing_ok=True)
                continue
            name = path.relative_to(self._staging).as_posix()
            if name not in self._known_checks:
                # tantivy hides some of its files from other users.
                self._disk.set_mode(path, mode)
                self._disk.sync_file(path)
                self._known_checks[name] = FileCheck.of(path)
            checks[name] = self._known_checks[name]
        return checks

    def _remove_replaced(self, generation: int) -> None:
        """Remove what the new generation replaces; what cannot be removed now goes with the next commit."""
        for number in generations(self._dir):
            if number != generation:
                with suppress(OSError):
                    self._disk.remove_tree(generation_dir(self._dir, number))
        with suppress(OSError):
            self._disk.remove_tree(encoded_dir(self._dir))


def _held(entry: Entry) -> _Held:
    document = entry.document
    return _Held(entry.position, entry.n_tokens, document.date is not None, document.text_id)


def _require_same_text(index_dir: Path, document: Document, held: _Held) -> None:
    if document.text_id == held.text_id:
        return
    raise InputError(
        f"{index_dir}: {document.doc_id!r} would be the id of {_role(document.doc_id, document.text_id)}, and is "
        f"that of {_role(document.doc_id, held.text_id)}, which stays; give one of them another id"
    )


def _role(doc_id: str, text_id: str) -> str:
    return "a document of its own" if doc_id == text_id else f"a sentence of {text_id!r}"


def _require_index_folder(index_dir: Path) -> None:
    native_path(index_dir)
    if index_dir.is_symlink() and not index_dir.exists():
        raise InputError(
            f"{index_dir}: is a link to {index_dir.readlink()}, which is not there; make that folder, or name another"
        )
    if index_dir.exists() and not index_dir.is_dir():
        raise InputError(f"{index_dir}: is a file; name a folder for the index")
    if index_dir.is_dir():
        strange = sorted(path.name for path in index_dir.iterdir() if not is_index_entry(path))
        if strange:
            raise InputError(f"{index_dir}: is not an index folder (it holds {strange[0]}); name a new or empty one")


def _make_durable_dir(path: Path, disk: Disk) -> None:
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    disk.make_dir(path)
    for folder in missing:
        disk.sync_dir(folder.parent)


def _lock(index_dir: Path) -> HeldLock:
    path = lock_path(index_dir)
    try:
        lock = acquire_lock(path)
    except OSError as error:
        raise InputError(f"{index_dir}: cannot be written ({error.strerror})") from error
    if lock is None:
        held = held_path(path)
        hint = f" (if there is none, remove {held})" if held.exists() else ""
        raise IndexLockedError(f"{index_dir}: another process is writing this index; wait for it, or stop it{hint}")
    return lock


@contextmanager
def _errors_of_the_disk(index_dir: Path) -> Iterator[None]:
    """Turn what is raised for a disk that fails into one of our errors."""
    try:
        yield
    except OSError as error:
        raise IndexWriteError(
            f"{index_dir}: not written ({error.strerror or error}); the index is as it was before"
        ) from error
