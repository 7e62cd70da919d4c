"""Vectors in memory: unit length, limits of half precision, and blocks of vectors by position."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]
Positions: TypeAlias = NDArray[np.int64]

_BLOCK = 65_536
_LARGEST_HALF = 65_504.0


def unit_vectors(vectors: Vectors) -> Vectors:
    """Return (n, dim) vectors scaled to unit length; a row of zeros stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = vectors / np.maximum(lengths, 1e-12)
    return unit


def require_storable_vectors(vectors: NDArray[np.floating]) -> None:
    """Raise ValueError if a number is not finite or too large for half precision."""
    for start in range(0, len(vectors), _BLOCK):
        part = vectors[start : start + _BLOCK]
        if vectors.dtype == np.float16:
            # The minimum of a million vectors in half precision takes 2 s, this 0.3 s.
            storable = np.isfinite(part).all()
        else:
            storable = part.min() >= -_LARGEST_HALF and part.max() <= _LARGEST_HALF
        if not storable:
            raise ValueError("vectors contain NaN, infinity or numbers too large for half precision")


class VectorBlocks:
    """Vectors under their positions, in blocks that may be memory maps: a million need not fit in memory."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._blocks: list[tuple[Positions, NDArray[np.floating]]] = []

    def append(self, positions: Positions, vectors: NDArray[np.floating]) -> None:
        """Add (n, dim) vectors under n positions.

        Raises ValueError if the shapes do not match.
        """
        if vectors.shape != (len(positions), self.dim):
            raise ValueError(f"expected vectors of shape ({len(positions)}, {self.dim}), got {vectors.shape}")
        self._blocks.append((positions, vectors))

    def extend(self, other: VectorBlocks) -> None:
        """Add all vectors of other blocks."""
        self._blocks.extend(other._blocks)

    def __len__(self) -> int:
        return sum(len(positions) for positions, _ in self._blocks)

    def positions(self) -> Positions:
        """Return the position of every vector, in the order of the vectors."""
        return np.concatenate([np.empty(0, dtype=np.int64), *(positions for positions, _ in self._blocks)])

    def without(self, dead: Positions) -> VectorBlocks:
        """Return the vectors whose position is not one of `dead`."""
        living = VectorBlocks(self.dim)
        for positions, vectors in self._blocks:
            keep = ~np.isin(positions, dead)
            if keep.all():
                living.append(positions, vectors)
            elif keep.any():
                living.append(positions[keep], np.asarray(vectors[keep]))
        return living

    def float32_blocks(self) -> Iterable[tuple[Positions, Vectors]]:
        """Yield everything in float32, gathering small blocks up to a bounded number of rows."""
        gathered: list[tuple[Positions, NDArray[np.floating]]] = []
        n_gathered = 0
        for positions, vectors in self._blocks:
            for start in range(0, len(positions), _BLOCK):
                part = slice(start, start + _BLOCK)
                gathered.append((positions[part], vectors[part]))
                n_gathered += len(positions[part])
                if n_gathered >= _BLOCK:
                    yield _joined(gathered)
                    gathered, n_gathered = [], 0
        if gathered:
            yield _joined(gathered)

    def sample(self, n: int) -> Vectors:
        """Return n rows spread evenly over the blocks, all if there are fewer."""
        total = len(self)
        wanted = np.unique(np.linspace(0, total - 1, min(n, total)).astype(np.int64))
        rows: list[Vectors] = []
        start = 0
        for positions, vectors in self._blocks:
            inside = wanted[(wanted >= start) & (wanted < start + len(positions))] - start
            rows.append(np.asarray(vectors[inside], dtype=np.float32))
            start += len(positions)
        return np.concatenate(rows) if rows else np.empty((0, self.dim), dtype=np.float32)


def _joined(blocks: list[tuple[Positions, NDArray[np.floating]]]) -> tuple[Positions, Vectors]:
    positions = np.concatenate([positions for positions, _ in blocks])
    return positions, np.concatenate([vectors for _, vectors in blocks], dtype=np.float32)
