"""Vectors on disk: immutable FAISS segments in half precision, memory-mapped.

A small segment is one inverted list, searched exactly; a large one has many lists, and a search scans some of them.
FAISS's flat index would be read into memory, in 44 ms for 50,000 vectors instead of 0.2 ms, and scans no faster.

Scores are inner products of unit vectors: cosines in [-1, 1], higher is better.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from claimhound.data.disk.file_systems import native_path
from claimhound.indexes.ties import ASK_GROWTH, ASK_MORE, Found, least_tied, level
from claimhound.indexes.vectors import Positions, VectorBlocks, Vectors

# Below this a scan of all vectors takes a few milliseconds and is exact.
EXACT_UP_TO = 50_000
SCORE_DIGITS = 6  # further digits of a float32 sum depend on the order of addition
_TRAIN_PER_LIST = 40
_KMEANS_ROUNDS = 8
_SEED = 42
_POSITION_BYTES = 8
_WRITE_BYTES = 65_536
# Older versions of FAISS compare 20 queries or more with the centroids by BLAS (1.15 only 128,000 or more). Its last
# bits differ from those of a query alone, so a list at the edge could be scanned or not. At most 16 at a time take
# 12 ms per claim over 925,657 passages, 600 together 9 ms, one alone 15 ms.
_QUERIES_AT_A_TIME = 16


class WrittenSegment(NamedTuple):
    """A segment that was written: whether its search is exact, and the number of bytes before the vectors."""

    exact: bool
    head_size: int


def n_lists_for(n_rows: int) -> int:
    """Return the number of inverted lists for n vectors: the power of two nearest to 4 sqrt(n), at most n."""
    return min(n_rows, int(2 ** round(np.log2(4 * np.sqrt(n_rows)))))


def write_segment(blocks: VectorBlocks, path: Path, *, exact_up_to: int = EXACT_UP_TO) -> WrittenSegment:
    """Write the vectors as one segment: a single list if there are few, which makes its search exact."""
    exact = len(blocks) <= exact_up_to
    index = _one_list(blocks.dim) if exact else _inverted_lists(blocks)
    for positions, vectors in blocks.float32_blocks():
        index.add_with_ids(vectors, positions)
    with path.open("wb") as file:
        # FAISS's own writer does not report that the last block did not fit on the disk.
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write, _WRITE_BYTES))
    # The file ends with the codes and positions of all lists.
    head_size = path.stat().st_size - len(blocks) * (index.code_size + _POSITION_BYTES)
    return WrittenSegment(exact, head_size)


def _one_list(dim: int) -> faiss.IndexIVFScalarQuantizer:
    return _lists_around(np.zeros((1, dim), dtype=np.float32))


def _inverted_lists(blocks: VectorBlocks) -> faiss.IndexIVFScalarQuantizer:
    n_lists = n_lists_for(len(blocks))
    centroids = faiss.Kmeans(
        blocks.dim, n_lists, niter=_KMEANS_ROUNDS, seed=_SEED, spherical=True, max_points_per_centroid=_TRAIN_PER_LIST
    )
    centroids.train(blocks.sample(n_lists * _TRAIN_PER_LIST))
    return _lists_around(centroids.centroids)


def _lists_around(centroids: Vectors) -> faiss.IndexIVFScalarQuantizer:
    n_lists, dim = centroids.shape
    quantizer = faiss.IndexFlatIP(dim)
    quantizer.add(centroids)
    index = faiss.IndexIVFScalarQuantizer(
        quantizer, dim, n_lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
    )
    index.own_fields = True
    quantizer.this.disown()
    index.train(centroids)
    return index


class VectorSegment:
    """An immutable segment, memory-mapped."""

    def __init__(self, path: Path) -> None:
        self._index = faiss.read_index(native_path(path), faiss.IO_FLAG_MMAP)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    def search(
        self, query_vectors: Vectors, k: int, *, probe_share: float, keep: faiss.IDSelector | None
    ) -> tuple[Vectors, Positions]:
        """Return (n, k) scores and positions, best first; position -1 pads a short row.

        `probe_share` is the share of the inverted lists to scan; `keep` selects the positions that count.
        """
        n_probe = min(self._index.nlist, max(1, round(probe_share * self._index.nlist)))
        parameters = faiss.SearchParametersIVF(sel=keep, nprobe=n_probe)
        n_threads = faiss.omp_get_max_threads()
        # One query gains nothing from a second thread, and waits for it on a busy machine (4 times slower).
        faiss.omp_set_num_threads(1 if len(query_vectors) == 1 else n_threads)
        try:
            parts = [
                self._index.search(query_vectors[start : start + _QUERIES_AT_A_TIME], k, params=parameters)
                for start in range(0, len(query_vectors), _QUERIES_AT_A_TIME)
            ]
        finally:
            faiss.omp_set_num_threads(n_threads)
        return np.concatenate([scores for scores, _ in parts]), np.concatenate([positions for _, positions in parts])

    def blocks(self) -> VectorBlocks:
        """Return all vectors under their positions, as written."""
        blocks = VectorBlocks(self.dim)
        lists = self._index.invlists
        for number in range(self._index.nlist):
            n_rows = lists.list_size(number)
            if n_rows == 0:
                continue
            positions = faiss.rev_swig_ptr(lists.get_ids(number), n_rows).astype(np.int64, copy=True)
            codes = faiss.rev_swig_ptr(lists.get_codes(number), n_rows * lists.code_size)
            blocks.append(positions, codes.copy().view(np.float16).reshape(n_rows, self.dim))
        return blocks

    def vectors_at(self, wanted: Positions) -> tuple[Positions, Vectors]:
        """Return the wanted positions that are in this segment, and their (n, dim) vectors, in any order.

        All positions are read, but only the wanted vectors. FAISS's direct map would take 16 bytes of memory a vector.
        """
        lists = self._index.invlists
        sizes = np.array([lists.list_size(number) for number in range(self._index.nlist)], dtype=np.int64)
        ends = np.cumsum(sizes)
        held = [faiss.rev_swig_ptr(lists.get_ids(int(number)), int(sizes[number])) for number in np.flatnonzero(sizes)]
        positions = np.concatenate([np.empty(0, dtype=np.int64), *held])
        places = np.flatnonzero(np.isin(positions, wanted))
        vectors = np.empty((len(places), self.dim), dtype=np.float32)
        for row, place in enumerate(places):
            number = int(np.searchsorted(ends, place, side="right"))
            in_list = int(place - ends[number] + sizes[number])
            codes = faiss.rev_swig_ptr(lists.get_codes(number), int(sizes[number]) * lists.code_size)
            code = codes[in_list * lists.code_size : (in_list + 1) * lists.code_size]
            vectors[row] = code.view(np.float16)
        return positions[places], vectors


def stored_vectors(
    segments: Iterable[VectorSegment], positions: Sequence[int], dim: int
) -> tuple[NDArray[np.bool_], Vectors]:
    """Return which of the n positions have a vector in a segment, and (n, dim) vectors, zeros for the others."""
    wanted = np.array(positions, dtype=np.int64)
    vectors = np.zeros((len(wanted), dim), dtype=np.float32)
    is_held = np.zeros(len(wanted), dtype=np.bool_)
    for segment in segments:
        held, found = segment.vectors_at(wanted)
        order = np.argsort(held)
        rows = np.flatnonzero(np.isin(wanted, held))
        vectors[rows] = found[order[np.searchsorted(held, wanted[rows], sorter=order)]]
        is_held[rows] = True
    return is_held, vectors


def search_segments(
    segments: Sequence[VectorSegment],
    query_vectors: Vectors,
    k: int,
    *,
    probe_share: float,
    counting: NDArray[np.bool_] | None,
) -> list[Found]:
    """Return for each query the k nearest positions of all segments with their scores, best first.

    There are more than k if scores tie at the end. `counting` tells for each position whether it counts; None counts
    all. A zero vector stands for a text without content and finds nothing.
    """
    found: list[Found] = [[] for _ in query_vectors]
    rows = np.flatnonzero(query_vectors.any(axis=1))
    if k <= 0 or not len(rows):
        return found
    keep, bits = _selector(counting)
    for segment in segments:
        _search_segment(segment, query_vectors, rows, k, probe_share, keep, found)
    del bits
    return [level(hits, k, SCORE_DIGITS) for hits in found]


def _search_segment(
    segment: VectorSegment,
    query_vectors: Vectors,
    rows: Positions,
    k: int,
    probe_share: float,
    keep: faiss.IDSelector | None,
    found: list[Found],
) -> None:
    """Add to `found` the k best of each row and all that tie with the last: FAISS returns an arbitrary few of those."""
    ask = k + ASK_MORE
    while len(rows):
        ask = min(ask, len(segment))
        scores, positions = segment.search(query_vectors[rows], ask, probe_share=probe_share, keep=keep)
        cut: list[int] = []
        for row, row_scores, row_positions in zip(rows, scores, positions, strict=True):
            there = row_positions >= 0
            if ask < len(segment) and there[-1] and row_scores[-1] >= least_tied(row_scores[k - 1], SCORE_DIGITS):
                cut.append(row)
            else:
                found[row].extend(zip(row_positions[there].tolist(), row_scores[there].tolist(), strict=True))
        rows = np.array(cut, dtype=np.int64)
        ask *= ASK_GROWTH


def _selector(counting: NDArray[np.bool_] | None) -> tuple[faiss.IDSelector | None, NDArray[np.uint8]]:
    """Return a selector and the bits that must outlive it: FAISS keeps a bare pointer."""
    bits = np.packbits(counting if counting is not None else np.empty(0, dtype=np.bool_), bitorder="little")
    return (faiss.IDSelectorBitmap(bits) if counting is not None else None), bits
