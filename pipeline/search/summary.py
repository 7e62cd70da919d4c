"""Stance of a claim's evidence as a whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from claimhound.data.labelled_sets.stances import SIDES, STANCES, Side, Stance
from claimhound.pipeline.models.summary_rule import Combination, SummaryRule
from claimhound.pipeline.search.results import ClaimSummary, Evidence, EvidenceStance

SUMMARISED_K = 5
"""Number of pieces of evidence that a label is made of, so that more shown pieces do not change it."""


class SideScores(NamedTuple):
    """How much a claim's evidence speaks for and against it; 0 for nothing."""

    supports: float
    refutes: float


def stance_of(probabilities: Sequence[float], truncated: bool = False) -> EvidenceStance:
    """Return the stance given three probabilities in the order of STANCES."""
    named = {stance: float(value) for stance, value in zip(STANCES, probabilities, strict=True)}
    likeliest = [stance for stance, value in named.items() if value == max(named.values())]
    label: Stance = likeliest[0] if len(likeliest) == 1 else "NOT_ENOUGH_INFO"
    return EvidenceStance(label, named, bool(truncated))


def relevance_of(hit: Evidence) -> float | None:
    """Return the probability that a piece is relevant, None if no reranker scored it."""
    return None if hit.stages.get("rerank") is None else hit.score


def points_to(hit: Evidence, *, min_stance: float, min_relevance: float) -> Stance:
    """Return SUPPORTS if a piece of evidence points for its claim, REFUTES if against, otherwise NOT_ENOUGH_INFO.

    It points if its label is one of the first two with a probability of at least `min_stance`, and its probability of
    relevance, where a reranker scored it, is at least `min_relevance`.
    """
    if hit.stance is None or hit.stance.probabilities[hit.stance.label] < min_stance:
        return "NOT_ENOUGH_INFO"
    relevance = relevance_of(hit)
    return "NOT_ENOUGH_INFO" if relevance is not None and relevance < min_relevance else hit.stance.label


def combined(weights: Sequence[float], combination: Combination) -> float:
    """Return one score from the weights, each in [0, 1], of pieces that point to one side; 0 without a piece.

    - `maximum` is the best piece alone: more evidence does not add up.
    - `noisy-or`, 1 - (1 - w1)(1 - w2)…, is the probability that at least one piece is right if each is right with its
      weight, independently of the others.
    - `sum` is the expected number of pieces that are right, and has no upper limit.
    """
    if combination == "maximum":
        return max(weights, default=0.0)
    return math.fsum(weights) if combination == "sum" else 1.0 - math.prod(1.0 - weight for weight in weights)


def side_scores(
    evidence: Sequence[Evidence], combination: Combination, *, min_stance: float, min_relevance: float
) -> SideScores:
    """Return the scores of both sides, made of the first SUMMARISED_K pieces.

    A piece that points to a side, see `points_to`, weighs the probability that it is relevant times that of its stance.
    Without a reranker nothing is known to be relevant, and both scores are 0.
    """
    weights: dict[Side, list[float]] = {side: [] for side in SIDES}
    for hit in evidence[:SUMMARISED_K]:
        side = points_to(hit, min_stance=min_stance, min_relevance=min_relevance)
        if side != "NOT_ENOUGH_INFO" and hit.stance is not None:
            weights[side].append((relevance_of(hit) or 0.0) * hit.stance.probabilities[side])
    return SideScores(*(combined(weights[side], combination) for side in SIDES))


def summarize(
    evidence: Sequence[Evidence], rule: SummaryRule, *, min_stance: float, min_relevance: float
) -> ClaimSummary:
    """Return what the rule calls a claim given its evidence, with the ids of all pieces that point for and against it.

    The label comes from the `side_scores`, so from the first SUMMARISED_K pieces; the ids, by rank, from all of them.
    There can be ids although the label is NOT_ENOUGH_INFO: too little to say something about the claim.
    """
    scores = side_scores(evidence, rule.combination, min_stance=min_stance, min_relevance=min_relevance)
    pointing = [points_to(hit, min_stance=min_stance, min_relevance=min_relevance) for hit in evidence]
    supports, refutes = (
        tuple(hit.document.doc_id for hit, pointed in zip(evidence, pointing, strict=True) if pointed == side)
        for side in SIDES
    )
    return ClaimSummary(rule.verdict(*scores), supports, refutes)
