"""Thresholds of a summary: against a brute-force search, by hand, and on claims that did not choose them."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claimhound.data.errors import InputError
from claimhound.data.records import Query
from claimhound.pipeline.calibration.summary_fit import choose_threshold, fit_rule, fit_summaries
from claimhound.pipeline.evaluation.summaries import ScoredClaim
from claimhound.pipeline.models.summary_rule import COMBINATIONS
from claimhound.pipeline.search.summary import SideScores


def scored(number, label, supports, refutes, field="climate"):
    """Make a claim with the same scores by each combination."""
    scores = dict.fromkeys(COMBINATIONS, SideScores(supports, refutes))
    return ScoredClaim(field, Query(f"{field}-{number}", f"{field} claim {number}"), label, scores)


def brute_force(scores, right, weights, target, confidence, min_called):
    """Try each score as the threshold; Wilson's bound is solved from its definition.

    The bound is the p below the share at which (share - p)^2 = z^2 p (1 - p) / n.
    """
    z = NormalDist().inv_cdf(confidence)
    reaching = []
    for threshold in sorted({score for score in scores if score > 0}):
        called = [i for i, score in enumerate(scores) if score >= threshold]
        if len(called) < min_called:
            continue
        total = sum(weights[i] for i in called)
        share = sum(weights[i] for i in called if right[i]) / total
        n = total**2 / sum(weights[i] ** 2 for i in called)
        roots = np.roots([1 + z * z / n, -2 * share - z * z / n, share * share])
        if min(roots.real) >= target:
            reaching.append(threshold)
    return min(reaching, default=None)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 100_000), st.sampled_from([0.5, 0.7, 0.8]), st.integers(1, 6))
def test_the_threshold_is_that_of_a_brute_force_search(seed, target, min_called):
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, 8, size=40) / 8  # many are equal, some are 0
    right = generator.random(40) < 0.3 + 0.7 * scores
    weights = generator.choice([0.1, 0.3], size=40)
    found = choose_threshold(scores, right, weights, target, 0.8, min_called)
    assert found == brute_force(scores.tolist(), right.tolist(), weights.tolist(), target, 0.8, min_called)


def test_a_bound_above_the_target_is_needed_not_just_the_share():
    # All right: Wilson's lower bound is n / (n + z^2), with z^2 = .708 at 80 %: .738 of two, .809 of three.
    scores, right = np.array([0.9, 0.8, 0.7, 0.2]), np.array([True, True, True, False])
    assert choose_threshold(scores, right, np.ones(4), 0.8, 0.8, 1) == 0.7
    assert choose_threshold(scores[:2], right[:2], np.ones(2), 0.8, 0.8, 1) is None
    assert choose_threshold(scores, right, np.ones(4), 0.8, 0.8, 4) is None
    assert choose_threshold(np.zeros(4), right, np.ones(4), 0.8, 0.8, 1) is None


def test_a_claim_whose_other_side_weighs_half_as_much_is_not_called():
    sure = [scored(number, "SUPPORTS", 0.8, 0.1) for number in range(10)]
    # They would spoil the precision if they were called.
    contested = [scored(number, "DISPUTED", 0.8, 0.4) for number in range(10, 20)]
    rule = fit_rule([*sure, *contested], "maximum", 0.8, min_called=5)
    assert (rule.supports, rule.refutes, rule.target) == (0.8, None, 0.8)


def test_each_field_weighs_the_same():
    # By claims 18 of 20 are right, .9; by fields the mean of 1 and .5.
    large = [scored(number, "SUPPORTS", 0.8, 0.0, "large") for number in range(16)]
    small = [scored(number, "SUPPORTS" if number < 2 else "REFUTES", 0.8, 0.0, "small") for number in range(4)]
    assert fit_rule(large + small, "maximum", 0.7, min_called=5).supports is None
    assert fit_rule([one._replace(field="one") for one in large + small], "maximum", 0.7, min_called=5).supports == 0.8


def claims_of_both_sides():
    """SUPPORTS above .5 is right, REFUTES is right as often as not."""
    found = [scored(number, "SUPPORTS", 0.5 + number / 100, 0.0) for number in range(30)]
    found += [scored(number, "NOT_ENOUGH_INFO", 0.2, 0.0) for number in range(30, 60)]
    return found + [
        scored(number, "REFUTES" if number % 2 else "NOT_ENOUGH_INFO", 0.0, 0.6) for number in range(60, 100)
    ]


def test_a_fit_is_measured_on_claims_that_did_not_choose_it():
    claims = claims_of_both_sides()
    found = fit_summaries(claims, "maximum", "model", "scale", n_folds=5, seed=1)
    assert (found.rule.supports, found.rule.refutes) == (0.5, None)
    assert (found.rule.relevance_sha256, found.rule.target, found.n_folds) == ("scale", 0.8, 5)
    supports, refutes = found.rule.measured
    assert found.pooled == found.rule.measured
    # The lowest score is above the threshold that the other claims choose only where a lower one is among them.
    assert (supports.n_claims, supports.n_labelled, supports.precision) == (100, 30, 1.0)
    assert supports.n_called == sum(verdict == "SUPPORTS" for verdict in found.called) == 29
    assert (refutes.n_called, refutes.n_labelled, refutes.share) == (0, 20, 0.0)
    assert found.notes == ["No claim is called REFUTES: no threshold reaches the precision of 0.8."]


def test_all_combinations_are_compared_and_the_named_one_is_chosen():
    claims = [
        one._replace(scores=one.scores | {"sum": SideScores(2 * one.scores["sum"].supports, 0.0)})
        for one in claims_of_both_sides()
    ]
    found = fit_summaries(claims, "sum", "model", "scale")
    assert [(one.combination, one.measured.side) for one in found.alternatives] == [
        (name, side) for name in COMBINATIONS for side in ("SUPPORTS", "REFUTES")
    ]
    assert {one.combination: one.threshold for one in found.alternatives if one.measured.side == "SUPPORTS"} == {
        "maximum": 0.5,
        "noisy-or": 0.5,
        "sum": 1.0,
    }
    assert (found.rule.combination, found.rule.supports) == ("sum", 1.0)


def test_claims_fewer_than_folds_are_refused():
    with pytest.raises(InputError, match="too few for 5 folds"):
        fit_summaries([scored(1, "SUPPORTS", 0.5, 0.0)], "maximum", "model", "scale")
