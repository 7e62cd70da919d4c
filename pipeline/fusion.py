"""One ranking out of several."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from data.records import Ranking, ScoredDoc


def by_score(hits: Sequence[ScoredDoc]) -> Ranking:
    """Return the hits best first; ties stand in the order of doc_id."""
    return sorted(hits, key=lambda hit: (-hit.score, hit.doc_id))


def reciprocal_rank_fusion(rankings: Sequence[Ranking], k: int, rrf_k: int = 60) -> Ranking:
    """Score each document by the sum of 1 / (rrf_k + rank) over the rankings that hold it; the best k.

    Only ranks count, so BM25 and cosine scores need no common scale. Ties break by doc_id.

    Source: Cormack, Clarke and Buettcher, SIGIR 2009; rrf_k = 60 is theirs.
    """
    shares: defaultdict[str, list[float]] = defaultdict(list)
    for ranking in rankings:
        for rank, hit in enumerate(ranking, start=1):
            shares[hit.doc_id].append(1 / (rrf_k + rank))
    return by_score([ScoredDoc(doc_id, math.fsum(parts)) for doc_id, parts in shares.items()])[:k]


def min_max_fusion(rankings: Sequence[Ranking], weights: Sequence[float], k: int) -> Ranking:
    """Score each document by the weighted sum of its scores, each ranking's scaled to [0, 1]; the best k.

    A document that a ranking lacks gets 0 there; the documents of a ranking with one score throughout get 1. Ties break
    by doc_id. Raises ValueError unless there is a weight for each ranking.
    """
    if len(weights) != len(rankings):
        raise ValueError(f"{len(rankings)} rankings need as many weights, got {len(weights)}")
    shares: defaultdict[str, list[float]] = defaultdict(list)
    for ranking, weight in zip(rankings, weights, strict=True):
        if not ranking:
            continue
        low = min(hit.score for hit in ranking)
        spread = max(hit.score for hit in ranking) - low
        for hit in ranking:
            shares[hit.doc_id].append(weight * ((hit.score - low) / spread if spread else 1.0))
    return by_score([ScoredDoc(doc_id, math.fsum(parts)) for doc_id, parts in shares.items()])[:k]
