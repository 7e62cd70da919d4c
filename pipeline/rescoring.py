"""The reranked list out of the fused one and the cross-encoder's logits."""

from __future__ import annotations

import numpy as np

from data.records import Ranking, ScoredDoc
from pipeline.blending import Blend, Floats, HitScores, probability
from pipeline.fusion import by_score


def rescored(fused: Ranking, logits: Floats, blend: Blend, bm25: Ranking, dense: Ranking | None) -> Ranking:
    """Return the fused list with as many of its first hits as there are logits in the order of their probability.

    What was not rescored follows in the fused order, with scores below 0. `bm25` and `dense` are the lists that were
    fused: a blend may weigh their scores.
    """
    hits = hit_scores(fused, logits, bm25, dense)
    # Not rounded: far from the decision many differ in late digits only, and would tie.
    values = probability(blend, hits).tolist()
    head = by_score([ScoredDoc(hit.doc_id, value) for hit, value in zip(fused, values, strict=False)])
    return head + [ScoredDoc(hit.doc_id, -float(rank)) for rank, hit in enumerate(fused[len(logits) :], start=1)]


def hit_scores(fused: Ranking, logits: Floats, bm25: Ranking, dense: Ranking | None) -> HitScores:
    """Return what a blend may weigh of the fused list's first hits, as many as there are logits, in its order."""
    head = fused[: len(logits)]
    return HitScores(
        logit=logits,
        fused_rank=np.arange(1, len(head) + 1, dtype=np.float64),
        bm25=_scores_of(head, bm25),
        cosine=_scores_of(head, dense or []),
    )


def _scores_of(hits: Ranking, ranking: Ranking) -> Floats:
    """Return the hits' scores in another ranking, NaN where that one lacks it."""
    scores = dict(ranking)
    return np.array([scores.get(hit.doc_id, np.nan) for hit in hits], dtype=np.float64)
