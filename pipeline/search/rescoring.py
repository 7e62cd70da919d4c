"""Reranked list from the fused list and the reranker's logits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from claimhound.data.records import Ranking, ScoredDoc
from claimhound.pipeline.models.blending import Blend, Floats, HitScores, probability
from claimhound.pipeline.search.fusion import by_score

_NONE_ALIKE: Mapping[str, str] = {}


def rescored(
    fused: Ranking,
    logits: Floats,
    blend: Blend,
    bm25: Ranking,
    dense: Ranking | None,
    alike: Mapping[str, str] = _NONE_ALIKE,
    decides: Floats | None = None,
) -> Ranking:
    """Return the fused list with its first hits, one per logit, ordered by probability.

    Hits that were not rescored follow in the fused order, with negative scores. `bm25` and `dense` are the lists that
    were fused, and `decides` has a number from `Reranker.decides` for each logit; a blend may use them all. `alike` is
    from `CopyFinder.alike`: hits that read the same to the models have the same probability, even if only the first of
    them was rescored.
    """
    hits = hit_scores(fused, logits, bm25, dense, alike, decides)
    # Not rounded: far from 0.5 many differ only in late digits, and would tie.
    values = probability(blend, hits).tolist()
    head = [ScoredDoc(hit.doc_id, value) for hit, value in zip(fused, values, strict=False)]
    below = fused[len(head) :]
    if alike:
        known = {alike[hit.doc_id]: hit.score for hit in head if hit.doc_id in alike}
        same = {hit.doc_id: known[alike[hit.doc_id]] for hit in below if alike.get(hit.doc_id) in known}
        head += [ScoredDoc(doc_id, value) for doc_id, value in same.items()]
        below = [hit for hit in below if hit.doc_id not in same]
    return by_score(head) + [ScoredDoc(hit.doc_id, -float(rank)) for rank, hit in enumerate(below, start=1)]


def hit_scores(
    fused: Ranking,
    logits: Floats,
    bm25: Ranking,
    dense: Ranking | None,
    alike: Mapping[str, str] = _NONE_ALIKE,
    decides: Floats | None = None,
) -> HitScores:
    """Return the scores that a blend may use of the fused list's first hits, one per logit, in its order.

    Hits that are alike all get the best of their ranks and scores; otherwise the same text would be less probable the
    lower its id ranks it.
    """
    head = fused[: len(logits)]
    scores = HitScores(
        logit=np.array(logits, dtype=np.float64),
        fused_rank=np.arange(1, len(head) + 1, dtype=np.float64),
        bm25=_scores_of(head, bm25),
        cosine=_scores_of(head, dense or []),
        decides=np.full(len(head), np.nan) if decides is None else np.array(decides, dtype=np.float64),
    )
    for rows in _rows_alike(head, alike):
        for values, best in zip(scores, (np.fmax, np.fmin, np.fmax, np.fmax, np.fmax), strict=True):
            values[rows] = best.reduce(values[rows])
    return scores


def _rows_alike(hits: Ranking, alike: Mapping[str, str]) -> list[list[int]]:
    rows: dict[str, list[int]] = {}
    for row, hit in enumerate(hits):
        if hit.doc_id in alike:
            rows.setdefault(alike[hit.doc_id], []).append(row)
    return [found for found in rows.values() if len(found) > 1]


def _scores_of(hits: Ranking, ranking: Ranking) -> Floats:
    """Return the hits' scores in another ranking, NaN for hits that are not in it."""
    scores = dict(ranking)
    return np.array([scores.get(hit.doc_id, np.nan) for hit in hits], dtype=np.float64)
