"""Fusion of several rankings into one."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from claimhound.data.records import Ranking, ScoredDoc
from claimhound.pipeline.search.config import PipelineConfig


def by_score(hits: Sequence[ScoredDoc]) -> Ranking:
    """Return the hits by descending score; ties break by doc_id."""
    return sorted(hits, key=lambda hit: (-hit.score, hit.doc_id))


def fuse_stages(bm25: Ranking, dense: Ranking | None, config: PipelineConfig) -> Ranking:
    """Return one ranking of the candidates of both searches; BM25's own if there was no search by vectors.

    If one search found nothing, the weights do not matter: the result has the other's order. Reciprocal rank fusion
    gets weights with a mean of 1, so equal weights leave its formula as published.
    """
    if dense is None:
        return bm25
    k = len(bm25) + len(dense)
    if not (bm25 and dense):
        weights, to_mean_one = [1.0, 1.0], 1
    else:
        weights, to_mean_one = [config.bm25_weight, 1 - config.bm25_weight], 2
    if config.fusion == "min-max":
        return min_max_fusion([bm25, dense], weights, k)
    return reciprocal_rank_fusion([bm25, dense], k, config.rrf_k, [to_mean_one * weight for weight in weights])


def reciprocal_rank_fusion(
    rankings: Sequence[Ranking], k: int, rrf_k: int = 60, weights: Sequence[float] | None = None
) -> Ranking:
    """Return the best k documents by the sum of weight / (rrf_k + rank) over the rankings that contain them.

    Only ranks count, so BM25 and cosine scores need no common scale. The default weights are 1. Ties break by doc_id.
    Raises ValueError unless there is a weight for each ranking.

    Source: Cormack, Clarke and Buettcher, SIGIR 2009; rrf_k = 60 is theirs, the weights are not.
    """
    factors = [1.0] * len(rankings) if weights is None else weights
    _require_weights(factors, rankings)
    shares: defaultdict[str, list[float]] = defaultdict(list)
    for ranking, weight in zip(rankings, factors, strict=True):
        for rank, hit in enumerate(ranking, start=1):
            shares[hit.doc_id].append(weight / (rrf_k + rank))
    return by_score([ScoredDoc(doc_id, math.fsum(parts)) for doc_id, parts in shares.items()])[:k]


def min_max_fusion(rankings: Sequence[Ranking], weights: Sequence[float], k: int) -> Ranking:
    """Return the best k documents by the weighted sum of their scores, scaled to [0, 1] within each ranking.

    A document that is not in a ranking scores 0 there; in a ranking whose scores are all equal, each scores 1. Ties
    break by doc_id. Raises ValueError unless there is a weight for each ranking.
    """
    _require_weights(weights, rankings)
    shares: defaultdict[str, list[float]] = defaultdict(list)
    for ranking, weight in zip(rankings, weights, strict=True):
        if not ranking:
            continue
        low = min(hit.score for hit in ranking)
        spread = max(hit.score for hit in ranking) - low
        for hit in ranking:
            shares[hit.doc_id].append(weight * ((hit.score - low) / spread if spread else 1.0))
    return by_score([ScoredDoc(doc_id, math.fsum(parts)) for doc_id, parts in shares.items()])[:k]


def _require_weights(weights: Sequence[float], rankings: Sequence[Ranking]) -> None:
    if len(weights) != len(rankings):
        raise ValueError(f"{len(rankings)} rankings need as many weights, got {len(weights)}")
