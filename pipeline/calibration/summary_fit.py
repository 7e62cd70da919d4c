"""Thresholds of a claim's summary, fitted to labelled claims and cross-validated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from claimhound.data.labelled_sets.splits import claim_folds
from claimhound.data.labelled_sets.stances import SIDES, Side, Verdict
from claimhound.pipeline.evaluation.statistics import wilson_bound
from claimhound.pipeline.evaluation.summaries import (
    FittedSide,
    ScoredClaim,
    SummaryEvaluation,
    field_weights,
    measured_fields,
    pooled_sides,
)
from claimhound.pipeline.models.blending import Floats
from claimhound.pipeline.models.summary_rule import COMBINATIONS, Combination, SummaryRule, outweighs
from claimhound.pipeline.search.summary import SideScores

Bools = NDArray[np.bool_]

CONFIDENCE = 0.8
"""Probability that the precision is above the target, by Wilson's one-sided bound, at a threshold that is chosen."""
MIN_CALLED = 20
"""The fewest claims called by which a threshold can be chosen."""


def choose_threshold(
    scores: Floats,
    right: Bools,
    weights: Floats,
    target: float,
    confidence: float = CONFIDENCE,
    min_called: int = MIN_CALLED,
) -> float | None:
    """Return the lowest score from which on the weighted share of right claims is, quite surely, the target or more.

    Quite surely: the lower bound of Wilson's interval at this one-sided confidence reaches the target, for as many
    claims as the weighted ones are worth. A score of 0 is never called. None if no score has this with at least
    `min_called` claims called.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > 0]
    if not len(order):
        return None
    ranked, weight = scores[order], weights[order]
    total, squares = np.cumsum(weight), np.cumsum(weight**2)
    share = np.minimum(np.cumsum(weight * right[order]) / total, 1.0)
    bound = wilson_bound(share, total**2 / squares, -NormalDist().inv_cdf(confidence))
    is_last_of_its_score = np.append(ranked[:-1] > ranked[1:], True)
    n_called = np.arange(1, len(order) + 1)
    allowed = np.flatnonzero(is_last_of_its_score & (bound >= target) & (n_called >= min_called))
    return float(ranked[allowed[-1]]) if len(allowed) else None


def fit_rule(
    claims: Sequence[ScoredClaim], combination: Combination, target: float, min_called: int = MIN_CALLED
) -> SummaryRule:
    """Return the rule whose sides reach the target precision on these claims, each field weighing the same.

    The sides are fitted one by one: which side outweighs the other does not depend on the thresholds.
    """
    rule = SummaryRule(combination, None, None, target=target)
    weights = field_weights(claims)
    thresholds = []
    for side in SIDES:
        scores = np.array([_callable(side, one.scores[combination], rule.other_share) for one in claims])
        right = np.array([one.label == side for one in claims], dtype=np.bool_)
        thresholds.append(choose_threshold(scores, right, weights, target, min_called=min_called))
    return replace(rule, supports=thresholds[0], refutes=thresholds[1])


def fit_summaries(
    claims: Sequence[ScoredClaim],
    combination: Combination,
    model: str,
    relevance_sha256: str,
    *,
    target: float = 0.8,
    n_folds: int = 5,
    seed: int = 0,
    min_called: int = MIN_CALLED,
) -> SummaryEvaluation:
    """Fit a rule to scored claims and measure it by cross-validation, by claim, beside the other combinations.

    All measures are of claims that were called by thresholds chosen on the other folds. Raises InputError if there are
    fewer distinct claims than folds.
    """
    folds = claim_folds([one.claim for one in claims], n_folds, seed)
    alternatives: list[FittedSide] = []
    called: list[Verdict] = []
    for name in COMBINATIONS:
        held_out = _held_out_calls(claims, folds, name, target, min_called)
        rule = fit_rule(claims, name, target, min_called)
        measured = pooled_sides(claims, held_out)
        alternatives += [FittedSide(name, rule.threshold(one.side), one) for one in measured]
        if name == combination:
            chosen, called = replace(rule, relevance_sha256=relevance_sha256, measured=measured), held_out
    return SummaryEvaluation(
        model, chosen, measured_fields(claims, called), chosen.measured, tuple(called), n_folds, tuple(alternatives)
    )


def _held_out_calls(
    claims: Sequence[ScoredClaim], folds: NDArray[np.int64], combination: Combination, target: float, min_called: int
) -> list[Verdict]:
    """Return what each claim is called by the rule fitted to the other folds.

    These have fewer claims, so fewer have to be called to choose a threshold.
    """
    n_folds = int(folds.max()) + 1
    fewest = max(1, round(min_called * (n_folds - 1) / n_folds))
    rules = []
    for left_out in range(n_folds):
        others = [one for one, fold in zip(claims, folds, strict=True) if fold != left_out]
        rules.append(fit_rule(others, combination, target, fewest))
    return [rules[fold].verdict(*one.scores[combination]) for one, fold in zip(claims, folds, strict=True)]


def _callable(side: Side, scores: SideScores, other_share: float) -> float:
    """Return a side's score if it outweighs the other, otherwise 0."""
    score, other = scores if side == "SUPPORTS" else scores[::-1]
    return score if outweighs(score, other, other_share) else 0.0
