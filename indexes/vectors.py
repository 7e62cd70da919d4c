"""Vectors on disk: immutable FAISS segments in half precision, exact when small, inverted lists when large.

Scores are inner products of unit vectors: cosines in [-1, 1], higher is better.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]
Positions: TypeAlias = NDArray[np.int64]

# Below this a scan of all vectors takes a few milliseconds and is exact.
EXACT_UP_TO = 50_000
_TRAIN_PER_LIST = 40
_KMEANS_ROUNDS = 8
_SEED = 42
_BLOCK = 65_536
_SCORE_DIGITS = 6  # float32 sums differ beyond, with the order of addition


def n_lists_for(n_rows: int) -> int:
    """Return the number of inverted lists for that many vectors: the power of two nearest to 4 sqrt(n)."""
    return int(2 ** round(np.log2(4 * np.sqrt(n_rows))))


class VectorBlocks:
    """Vectors under their positions, in blocks that may be memory maps, so that a million need not be in memory."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._blocks: list[tuple[Positions, NDArray[np.floating]]] = []

    def append(self, positions: Positions, vectors: NDArray[np.floating]) -> None:
        """Add (n, dim) vectors under n positions.

        Raises ValueError if the shapes do not fit.
        """
        if vectors.shape != (len(positions), self.dim):
            raise ValueError(f"expected vectors of shape ({len(positions)}, {self.dim}), got {vectors.shape}")
        self._blocks.append((positions, vectors))

    def extend(self, other: VectorBlocks) -> None:
        """Add all of another's vectors."""
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
        """Yield all of it in float32, a bounded number of rows at a time."""
        for positions, vectors in self._blocks:
            for start in range(0, len(positions), _BLOCK):
                part = np.ascontiguousarray(vectors[start : start + _BLOCK], dtype=np.float32)
                yield positions[start : start + _BLOCK], part

    def sample(self, n: int) -> Vectors:
        """Return n rows (or all, if there are fewer) spread evenly over the blocks."""
        total = len(self)
        wanted = np.unique(np.linspace(0, total - 1, min(n, total)).astype(np.int64))
        rows: list[Vectors] = []
        start = 0
        for positions, vectors in self._blocks:
            inside = wanted[(wanted >= start) & (wanted < start + len(positions))] - start
            rows.append(np.asarray(vectors[inside], dtype=np.float32))
            start += len(positions)
        return np.concatenate(rows) if rows else np.empty((0, self.dim), dtype=np.float32)


def write_segment(blocks: VectorBlocks, path: Path, *, exact_up_to: int = EXACT_UP_TO) -> bool:
    """Write the vectors as one segment; returns whether its search is exact."""
    exact = len(blocks) <= exact_up_to
    if exact:
        flat = faiss.IndexScalarQuantizer(blocks.dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        index = faiss.IndexIDMap2(flat)
    else:
        index = _inverted_lists(blocks)
    for positions, vectors in blocks.float32_blocks():
        index.add_with_ids(vectors, positions)
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        raise OSError(errno.EIO, f"FAISS: {str(error).strip().splitlines()[-1]}") from error
    return exact


def _inverted_lists(blocks: VectorBlocks) -> faiss.IndexIVFScalarQuantizer:
    n_lists = n_lists_for(len(blocks))
    centroids = faiss.Kmeans(
        blocks.dim, n_lists, niter=_KMEANS_ROUNDS, seed=_SEED, spherical=True, max_points_per_centroid=_TRAIN_PER_LIST
    )
    sample = blocks.sample(n_lists * _TRAIN_PER_LIST)
    centroids.train(sample)
    quantizer = faiss.IndexFlatIP(blocks.dim)
    quantizer.add(centroids.centroids)
    index = faiss.IndexIVFScalarQuantizer(
        quantizer, blocks.dim, n_lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
    )
    index.own_fields = True
    quantizer.this.disown()
    index.train(sample)
    return index


class VectorSegment:
    """An immutable segment, opened by memory map."""

    def __init__(self, path: Path, *, exact: bool) -> None:
        self._exact = exact
        self._index = faiss.read_index(str(path), 0 if exact else faiss.IO_FLAG_MMAP)
        self._lists = self._index if exact else faiss.downcast_index(self._index)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    def search(
        self, query_vectors: Vectors, k: int, *, probe_share: float, keep: faiss.IDSelector | None
    ) -> tuple[NDArray[np.float32], Positions]:
        """Return (n, k) scores and positions, best first; position -1 pads a short row.

        `probe_share` is the part of the inverted lists that is scanned; `keep` selects the positions that count.
        """
        if self._exact:
            parameters = faiss.SearchParameters(sel=keep) if keep is not None else None
        else:
            n_probe = max(1, round(probe_share * self._lists.nlist))
            parameters = faiss.SearchParametersIVF(sel=keep, nprobe=n_probe)
        scores, positions = self._index.search(query_vectors, k, params=parameters)
        return scores, positions

    def blocks(self) -> VectorBlocks:
        """Return all its vectors under their positions, as they were written."""
        blocks = VectorBlocks(self.dim)
        if self._exact:
            if len(self):
                positions = faiss.vector_to_array(self._index.id_map).copy()
                blocks.append(positions, self._index.index.reconstruct_n(0, len(self)))
            return blocks
        lists = self._lists.invlists
        for number in range(self._lists.nlist):
            n_rows = lists.list_size(number)
            if n_rows == 0:
                continue
            positions = faiss.rev_swig_ptr(lists.get_ids(number), n_rows).astype(np.int64, copy=True)
            codes = faiss.rev_swig_ptr(lists.get_codes(number), n_rows * lists.code_size)
            blocks.append(positions, codes.copy().view(np.float16).reshape(n_rows, self.dim))
        return blocks


def search_segments(
    segments: Sequence[VectorSegment],
    query_vectors: Vectors,
    k: int,
    *,
    probe_share: float,
    dead: Positions,
    allowed: Positions | None,
) -> list[list[tuple[int, float]]]:
    """Return for each query its `k` nearest living positions with their scores over all segments, best first.

    A few more than k may come, where scores tie at the end. `allowed` limits the positions that count; None allows all.
    """
    if k <= 0 or not segments:
        return [[] for _ in query_vectors]
    keep, holders = _selector(dead, allowed)
    results: list[list[tuple[int, float]]] = [[] for _ in query_vectors]
    for segment in segments:
        ask = min(len(segment), k + max(8, k // 8))
        if ask == 0:
            continue
        scores, positions = segment.search(query_vectors, ask, probe_share=probe_share, keep=keep)
        for row, result in enumerate(results):
            found = positions[row] >= 0
            result.extend(
                zip(
                    positions[row][found].tolist(),
                    np.round(scores[row][found].astype(np.float64), _SCORE_DIGITS).tolist(),
                    strict=True,
                )
            )
    del holders
    return [_best(result, k) for result in results]


def _best(found: list[tuple[int, float]], k: int) -> list[tuple[int, float]]:
    found.sort(key=lambda hit: (-hit[1], hit[0]))
    if len(found) <= k:
        return found
    last = found[k - 1][1]
    return [hit for hit in found if hit[1] >= last]


def _selector(dead: Positions, allowed: Positions | None) -> tuple[faiss.IDSelector | None, list[object]]:
    """Return a selector, and what must live as long as it: FAISS keeps bare pointers."""
    if allowed is not None:
        living = np.setdiff1d(allowed, dead)
        chosen = faiss.IDSelectorBatch(living)
        return chosen, [chosen, living]
    if len(dead):
        excluded = faiss.IDSelectorBatch(dead)
        chosen = faiss.IDSelectorNot(excluded)
        return chosen, [chosen, excluded, dead]
    return None, []
