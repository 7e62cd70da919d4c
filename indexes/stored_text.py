"""The documents and intact vectors of an index of any readable version, for rebuilding it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from claimhound.data.records import Document
from claimhound.indexes.layout import TEXT_DIR, generation_dir, latest_generation
from claimhound.indexes.manifest import MANIFEST_NAME, Manifest, damaged, unreadable
from claimhound.indexes.text_index import TextIndex
from claimhound.indexes.vector_segments import VectorSegment, stored_vectors
from claimhound.indexes.vectors import Vectors


def read_manifest(index_dir: Path) -> Manifest:
    """Return the newest generation's manifest, in any readable format.

    Raises IndexMissingError, IndexVersionError for an unreadable format, IndexDamagedError if a byte of it changed, or
    IndexUnusableError if it cannot be read.
    """
    folder = generation_dir(index_dir, latest_generation(index_dir))
    try:
        return Manifest.read(folder / MANIFEST_NAME)
    except OSError as error:
        raise unreadable(error, folder) from error


class StoredText:
    """The documents of an index's newest generation, with every byte of text checked."""

    def __init__(self, manifest: Manifest, text: TextIndex) -> None:
        """Use `open`."""
        self.manifest = manifest
        self._text = text

    @classmethod
    def open(cls, index_dir: Path) -> StoredText:
        """Read and check the text's files; hold the index's lock, since a writer may remove them.

        Raises as `read_manifest` does, and IndexDamagedError if a byte of the text changed.
        """
        manifest = read_manifest(index_dir)
        folder = generation_dir(index_dir, manifest.generation)
        try:
            for name, check in sorted(manifest.files.items()):
                if name.startswith(f"{TEXT_DIR}/") and (damage := check.damage(folder / name)):
                    raise damaged(folder / name, damage)
        except OSError as error:
            raise unreadable(error, folder) from error
        text = TextIndex(folder / TEXT_DIR)
        if text.n_docs != manifest.n_docs:
            raise damaged(folder, f"{text.n_docs} texts, but {manifest.n_docs} in its manifest")
        return cls(manifest, text)

    def entries(self) -> Iterator[tuple[int, Document]]:
        """Yield the position and content of each document that is not deleted, in the order added."""
        yield from self._text.all_documents(self.manifest.next_position)

    def sample(self, n: int, seed: int) -> list[tuple[int, Document]]:
        """Return the positions and contents of about n documents drawn by seed; fewer if many were deleted."""
        last = self.manifest.next_position
        drawn = np.random.default_rng(seed).choice(last, size=min(n, last), replace=False).tolist()
        return sorted(self._text.documents(drawn).items(), key=lambda item: item[0])

    @cached_property
    def is_split(self) -> bool:
        """Whether the index has sentences; if its format lacks this, whether any document has a parent."""
        if self.manifest.is_split is not None:
            return self.manifest.is_split
        return any(document.parent_id is not None for _, document in self.entries())


class StoredVectors:
    """The vectors of an index's generation by position, with every byte checked."""

    def __init__(self, dim: int, segments: list[VectorSegment]) -> None:
        """Use `open`."""
        self._dim = dim
        self._segments = segments

    @classmethod
    def open(cls, index_dir: Path, manifest: Manifest) -> StoredVectors | None:
        """Read and check the vectors' files; return None if one is missing or damaged."""
        folder = generation_dir(index_dir, manifest.generation)
        try:
            for item in manifest.vector_files:
                if manifest.files[item.file].damage(folder / item.file):
                    return None
            segments = [VectorSegment(folder / item.file) for item in manifest.vector_files]
        except (OSError, KeyError, RuntimeError):  # the last is FAISS's
            return None
        return cls(manifest.encoder.dim, segments)

    def at(self, positions: Sequence[int]) -> tuple[NDArray[np.bool_], Vectors]:
        """Return which of the n positions have a vector, and (n, dim) vectors, zeros for the others."""
        return stored_vectors(self._segments, positions, self._dim)
