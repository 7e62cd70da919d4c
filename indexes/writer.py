"""Changing an index: everything is prepared beside the current generation and takes its place in one rename."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from data.errors import IndexLockedError, IndexWriteError, InputError
from data.records import Document
from indexes.durable import Disk, sha256_of
from indexes.layout import (
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
from indexes.manifest import MANIFEST_NAME, EncoderIdentity, FileCheck, Manifest, VectorFile
from indexes.merging import SMALL_INDEX, first_to_merge, text_wants_rewrite
from indexes.snapshot import IndexSnapshot
from indexes.text import TextIndex, TextWriter
from indexes.vectors import EXACT_UP_TO, Positions, VectorBlocks, write_segment

# tantivy replaces these files as it goes; all others it writes once.
_CHANGING = {"meta.json", ".managed.json"}
_LOCKS = {".tantivy-writer.lock", ".tantivy-meta.lock"}


class IndexWriter:
    """The one writer of an index folder, for one change of any size: add and delete, then `commit` once.

    Until `commit` returns, readers and crashes see the generation before. Use it as a context manager; leaving it without
    a commit leaves the index as it was.
    """

    def __init__(
        self, index_dir: Path, current: IndexSnapshot | None, encoder: EncoderIdentity, disk: Disk, *, exact_up_to: int
    ) -> None:
        """Use `create` or `open`."""
        self._dir = index_dir
        self._current = current
        self._encoder = encoder
        self._disk = disk
        self._exact_up_to = exact_up_to
        self._next_position = current.manifest.next_position if current else 0
        self._added: dict[str, int] = {}
        self._new_vectors = VectorBlocks(encoder.dim)
        self._newly_dead: set[int] = set()
        self._deleted_ids: set[str] = set()
        self._text: TextWriter | None = None
        self._rewrite_all = False
        self._lock: FileLock | None = None

    @classmethod
    def create(
        cls,
        index_dir: Path,
        encoder: EncoderIdentity,
        *,
        overwrite: bool = False,
        disk: Disk | None = None,
        exact_up_to: int = EXACT_UP_TO,
    ) -> IndexWriter:
        """Start an index in a folder that is missing or empty, or, with `overwrite`, in place of the index there.

        Raises InputError if the folder holds something else or an index that is not to be overwritten, and
        IndexLockedError if another process writes it.
        """
        disk = disk or Disk()
        if index_dir.exists() and not index_dir.is_dir():
            raise InputError(f"{index_dir}: is a file; name a folder for the index")
        if index_dir.is_dir():
            strange = sorted(path.name for path in index_dir.iterdir() if not is_index_entry(path))
            if strange:
                raise InputError(
                    f"{index_dir}: is not an index folder (it holds {strange[0]}); name a new or empty one"
                )
        with _errors_of_the_disk(index_dir):
            disk.make_dir(index_dir)
        lock = _lock(index_dir)
        try:
            if generations(index_dir) and not overwrite:
                raise InputError(
                    f"{index_dir}: holds an index already; add to it with: claimhound index add, or build with --overwrite"
                )
            writer = cls(index_dir, None, encoder, disk, exact_up_to=exact_up_to)
            writer._start(lock)
        except BaseException:
            lock.release()
            raise
        return writer

    @classmethod
    def open(cls, index_dir: Path, *, disk: Disk | None = None, exact_up_to: int = EXACT_UP_TO) -> IndexWriter:
        """Open an index to change it.

        Raises IndexMissingError, IndexVersionError, IndexDamagedError, or IndexLockedError if another process writes it.
        """
        latest_generation(index_dir)
        lock = _lock(index_dir)
        try:
            current = IndexSnapshot.open(index_dir)
            writer = cls(index_dir, current, current.manifest.encoder, disk or Disk(), exact_up_to=exact_up_to)
            writer._start(lock)
        except BaseException:
            lock.release()
            raise
        return writer

    @property
    def encoder(self) -> EncoderIdentity:
        """The encoder whose vectors the index holds."""
        return self._encoder

    @property
    def n_docs(self) -> int:
        """How many documents the index will hold after a commit."""
        before = self._current.n_docs if self._current else 0
        return before - len(self._dead_before_commit()) + len(self._added)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the lock and of what was not committed."""
        self._text = None
        if self._lock is not None:
            shutil.rmtree(staging_dir(self._dir), ignore_errors=True)
            self._lock.release()
            self._lock = None

    def add(self, documents: Sequence[Document], doc_vectors: NDArray[np.floating]) -> int:
        """Add documents with their (len(documents), dim) unit vectors; returns how many of them replaced another.

        A document whose id the index holds takes the other's place. `doc_vectors` is kept until the commit and may be a
        memory map.

        Raises ValueError if an id stands twice among the documents, or the vectors' shape does not fit.
        """
        doc_ids = [document.doc_id for document in documents]
        if len(set(doc_ids)) != len(doc_ids):
            raise ValueError("a document id stands twice in one batch")
        with _errors_of_the_disk(self._dir):
            text = self._open_text(len(documents))
            replaced = self._forget(doc_ids, text)
            first = self._next_position
            for position, document in enumerate(documents, start=first):
                text.add(position, document)
                self._added[document.doc_id] = position
            self._next_position += len(documents)
            self._new_vectors.append(np.arange(first, self._next_position, dtype=np.int64), doc_vectors)
        return replaced

    def delete(self, doc_ids: Sequence[str]) -> list[str]:
        """Delete documents; returns the ids that the index did not hold."""
        with _errors_of_the_disk(self._dir):
            text = self._open_text(0)
            held = self._current.positions_of(doc_ids) if self._current else {}
            unknown = [doc_id for doc_id in dict.fromkeys(doc_ids) if doc_id not in held and doc_id not in self._added]
            self._forget(doc_ids, text)
        return unknown

    def compact(self) -> None:
        """Have the commit write everything anew: no deleted document left, one vector segment."""
        self._rewrite_all = True

    def commit(self) -> Manifest:
        """Make all changes the current generation at once; returns its manifest.

        Raises IndexWriteError if the disk fails; the generation before then stays.
        """
        with _errors_of_the_disk(self._dir):
            manifest = self._prepare()
            staging = staging_dir(self._dir)
            self._disk.write_bytes(staging / MANIFEST_NAME, manifest.to_bytes())
            self._disk.sync_tree(staging)
            self._disk.rename(staging, generation_dir(self._dir, manifest.generation))
        self._remove_old(manifest.generation)
        self._current = None
        return manifest

    def _start(self, lock: FileLock) -> None:
        self._lock = lock
        with _errors_of_the_disk(self._dir):
            staging = staging_dir(self._dir)
            self._disk.remove_tree(staging)
            self._disk.make_dir(staging / TEXT_DIR)
            self._disk.make_dir(staging / VECTOR_DIR)
            if self._current is not None:
                self._link_text(generation_dir(self._dir, self._current.manifest.generation) / TEXT_DIR)

    def _link_text(self, source: Path) -> None:
        target = staging_dir(self._dir) / TEXT_DIR
        for path in sorted(source.iterdir()):
            if path.name in _CHANGING:
                self._disk.copy(path, target / path.name)
            elif path.name not in _LOCKS:
                self._disk.link(path, target / path.name)

    def _open_text(self, expect: int) -> TextWriter:
        if self._text is None:
            self._disk.before("open_text", staging_dir(self._dir))
            self._text = TextWriter(staging_dir(self._dir) / TEXT_DIR, expect=expect)
        return self._text

    def _forget(self, doc_ids: Sequence[str], text: TextWriter) -> int:
        held = self._current.positions_of(doc_ids) if self._current else {}
        forgotten = 0
        for doc_id in dict.fromkeys(doc_ids):
            earlier = self._added.pop(doc_id, None)
            position = held.get(doc_id)
            newly_dead = position is not None and position not in self._newly_dead
            if earlier is None and not newly_dead:
                continue
            text.delete(doc_id)
            forgotten += 1
            if earlier is not None:
                self._newly_dead.add(earlier)
            if position is not None:
                self._newly_dead.add(position)
        return forgotten

    def _dead_before_commit(self) -> list[int]:
        first_new = self._current.manifest.next_position if self._current else 0
        return [position for position in self._newly_dead if position < first_new]

    def _prepare(self) -> Manifest:
        n_docs = self.n_docs
        n_dead_text = self._write_text(n_docs)
        vector_files, n_dead_vectors = self._write_vectors(n_docs)
        return Manifest(
            generation=max(generations(self._dir), default=0) + 1,
            n_docs=n_docs,
            next_position=self._next_position,
            n_dead_text=n_dead_text,
            n_dead_vectors=n_dead_vectors,
            encoder=self._encoder,
            vector_files=tuple(vector_files),
            files=self._checks(),
        )

    def _write_text(self, n_docs: int) -> int:
        text_dir = staging_dir(self._dir) / TEXT_DIR
        text = self._open_text(0)
        self._disk.before("commit_text", text_dir)
        text.commit()
        self._text = None
        before = self._current.manifest.n_dead_text if self._current else 0
        n_dead = before + len(self._newly_dead)
        if n_dead and (self._rewrite_all or text_wants_rewrite(n_docs, n_dead)):
            self._rewrite_text(text_dir, n_docs)
            n_dead = 0
        return n_dead

    def _rewrite_text(self, text_dir: Path, n_docs: int) -> None:
        fresh_dir = staging_dir(self._dir) / "text-anew"
        self._disk.make_dir(fresh_dir)
        self._disk.before("rewrite_text", fresh_dir)
        fresh = TextWriter(fresh_dir, expect=n_docs)
        for position, document in TextIndex(text_dir).all_documents(self._next_position):
            fresh.add(position, document)
        fresh.commit()
        self._disk.remove_tree(text_dir)
        self._disk.rename(fresh_dir, text_dir)

    def _write_vectors(self, n_docs: int) -> tuple[list[VectorFile], int]:
        staging = staging_dir(self._dir)
        old = list(self._current.manifest.vector_files) if self._current else []
        segments = list(self._current.segments) if self._current else []
        dead = np.array(sorted(self._newly_dead), dtype=np.int64)
        if self._current:
            dead = np.union1d(self._current.dead, dead)
        keep = first_to_merge([item.n_rows for item in old], len(self._new_vectors))
        if self._rewrite_all or n_docs <= SMALL_INDEX:
            keep = 0
        files: list[VectorFile] = []
        for item in old[:keep]:
            self._link_vector_file(item)
            files.append(item)
        merged = VectorBlocks(self._encoder.dim)
        for segment in segments[keep:]:
            merged.extend(segment.blocks())
        merged.extend(self._new_vectors)
        living = merged.without(dead)
        dead = self._still_dead(dead, merged, living)
        if len(living):
            generation = max(generations(self._dir), default=0) + 1
            name = f"{VECTOR_DIR}/segment-{generation:06d}.faiss"
            self._disk.before("write_vectors", staging / name)
            exact = write_segment(living, staging / name, exact_up_to=self._exact_up_to)
            self._disk.sync_file(staging / name)
            files.append(VectorFile(name, len(living), exact))
        buffer = io.BytesIO()
        np.save(buffer, dead, allow_pickle=False)
        self._disk.write_bytes(staging / VECTOR_DIR / DEAD_FILE, buffer.getvalue())
        return files, len(dead)

    @staticmethod
    def _still_dead(dead: Positions, merged: VectorBlocks, living: VectorBlocks) -> Positions:
        """Return the dead positions whose vectors still lie in a segment that was not written anew."""
        gone = np.setdiff1d(merged.positions(), living.positions())
        return np.setdiff1d(dead, gone)

    def _link_vector_file(self, item: VectorFile) -> None:
        assert self._current is not None
        source = generation_dir(self._dir, self._current.manifest.generation) / item.file
        self._disk.link(source, staging_dir(self._dir) / item.file)

    def _checks(self) -> dict[str, FileCheck]:
        """Return size and checksum of every staged file; those of linked files are known."""
        staging = staging_dir(self._dir)
        known = self._current.manifest.files if self._current else {}
        checks: dict[str, FileCheck] = {}
        for path in sorted(staging.rglob("*")):
            if path.is_dir() or path.name in _LOCKS:
                continue
            name = path.relative_to(staging).as_posix()
            if name in known and path.name not in _CHANGING and path.name != DEAD_FILE and path.stat().st_nlink > 1:
                checks[name] = known[name]
                continue
            self._disk.sync_file(path)
            checks[name] = FileCheck(path.stat().st_size, sha256_of(path))
        for lock in staging.rglob("*.lock"):
            lock.unlink()
        return checks

    def _remove_old(self, generation: int) -> None:
        """Remove what the new generation replaces; what cannot be removed now goes with the next commit."""
        for number in generations(self._dir):
            if number != generation:
                shutil.rmtree(generation_dir(self._dir, number), ignore_errors=True)
        shutil.rmtree(encoded_dir(self._dir), ignore_errors=True)


def _lock(index_dir: Path) -> FileLock:
    lock = FileLock(lock_path(index_dir))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise IndexLockedError(f"{index_dir}: another process is writing this index; wait for it, or stop it") from None
    except OSError as error:
        raise InputError(f"{index_dir}: cannot be written ({error.strerror})") from error
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
