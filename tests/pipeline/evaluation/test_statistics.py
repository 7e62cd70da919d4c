"""Intervals and tests: by hand where the arithmetic is small, and their edges."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.pipeline.evaluation.statistics import clustered_interval, holm, mean_intervals, paired_tests


def test_an_interval_covers_the_middle_95_percent_of_resampled_means():
    # Of two values the mean of two draws is 0, .5 or 1 with chances 1/4, 1/2, 1/4: the middle 95 % reach from 0 to 1.
    (interval,) = mean_intervals(np.array([[0.0, 1.0]]), seed=1)
    assert interval == (0.5, 0.0, 1.0)


def test_an_interval_agrees_with_the_normal_approximation_of_many_values():
    values = np.random.default_rng(0).normal(3, 2, size=(1, 2000))
    (interval,) = mean_intervals(values, seed=5)
    half = 1.96 * values.std(ddof=1) / math.sqrt(2000)
    assert interval.mean == values.mean()
    assert interval.low == pytest.approx(values.mean() - half, abs=0.005)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.005)


def test_equal_rows_have_equal_intervals():
    row = np.random.default_rng(0).random(50)
    first, second, shifted = mean_intervals(np.stack([row, row, row + 1]), seed=3)
    assert first == second
    assert shifted.low - first.low == pytest.approx(1)


def test_the_interval_depends_only_on_the_seed():
    values = np.random.default_rng(0).random((1, 40))
    assert mean_intervals(values, seed=1) == mean_intervals(values, seed=1)
    assert mean_intervals(values, seed=1) != mean_intervals(values, seed=2)


def test_equal_values_have_an_interval_of_zero_width_and_a_single_value_has_none():
    assert mean_intervals(np.full((1, 3), 0.1), seed=0)[0] == pytest.approx((0.1, 0.1, 0.1))
    (single,) = mean_intervals(np.ones((1, 1)), seed=0)
    assert single.mean == 1
    assert math.isnan(single.low) and math.isnan(single.high)
    assert mean_intervals(np.ones((0, 5)), seed=0) == []
    with pytest.raises(ValueError, match=r"expected \(m, n\) values, got the shape \(3,\)"):
        mean_intervals(np.ones(3), seed=0)


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=2, max_size=12))
def test_the_mean_lies_in_its_interval_and_the_interval_in_the_range_of_the_values(values):
    (interval,) = mean_intervals(np.array([values]), seed=0)
    assert min(values) - 1e-12 <= interval.low <= interval.mean <= interval.high <= max(values) + 1e-12


def test_with_few_claims_p_is_the_exact_share_of_sign_flips():
    differences = [0.5, 0.25, -0.125, 0.5, 0.0]
    observed = abs(sum(differences))
    flips = [
        abs(sum(sign * value for sign, value in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=5)
    ]
    expected = sum(flip >= observed - 1e-12 for flip in flips) / len(flips)
    (test,) = paired_tests(np.zeros((1, 5)), np.array([differences]), seed=0)
    assert test.p == pytest.approx(expected)
    assert (test.won, test.lost, test.tied) == (3, 1, 1)
    assert test.difference.mean == pytest.approx(sum(differences) / 5)


def test_swapping_the_systems_negates_the_difference():
    rng = np.random.default_rng(1)
    first, second = rng.random((2, 1, 60))
    (forth,), (back,) = paired_tests(first, second, seed=4), paired_tests(second, first, seed=4)
    assert forth.difference.mean == -back.difference.mean
    assert forth.p == pytest.approx(back.p, abs=0.02)
    assert (forth.won, forth.lost) == (back.lost, back.won)


def test_equal_systems_have_no_difference():
    values = np.random.default_rng(1).random((1, 30))
    (test,) = paired_tests(values, values.copy(), seed=0)
    assert (test.p, test.p_holm, test.tied, test.difference) == (1.0, 1.0, 30, (0.0, 0.0, 0.0))
    (single,) = paired_tests(np.zeros((1, 1)), np.ones((1, 1)), seed=0)
    assert single.p == 1.0
    with pytest.raises(ValueError, match=r"got \(1, 2\) and \(1, 3\)"):
        paired_tests(np.zeros((1, 2)), np.zeros((1, 3)), seed=0)


def test_a_clear_difference_is_significant_and_noise_is_not():
    rng = np.random.default_rng(2)
    base = rng.random((2, 200))
    clear, noise = paired_tests(base, base + np.stack([np.full(200, 0.1), rng.normal(0, 0.1, 200)]), seed=0)
    assert clear.p < 0.001
    assert noise.p > 0.05


def test_holm_agrees_with_the_paper():
    # Sorted: .01 times 4, .02 times 3, .03 times 2, .5 times 1; none below the one before it.
    assert holm([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_or_changes_the_order(p_values):
    corrected = holm(p_values)
    assert all(before <= after <= 1 for before, after in zip(p_values, corrected, strict=True))
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    assert [corrected[place] for place in order] == sorted(corrected)
    assert min(corrected) == pytest.approx(min(1.0, len(p_values) * min(p_values)))


def test_drawing_pairs_of_a_claim_together_widens_the_interval():
    values = np.repeat([0.0, 1.0, 0.0, 1.0, 1.0, 0.0], 10)  # ten equal pairs for each of six claims

    def mean_of(rows):
        return float(values[rows].mean())

    by_claim = clustered_interval(mean_of, [row // 10 for row in range(60)], seed=0)
    by_pair = clustered_interval(mean_of, list(range(60)), seed=0)
    assert by_claim.mean == by_pair.mean == 0.5
    assert by_claim.high - by_claim.low > 2 * (by_pair.high - by_pair.low)
    alone = clustered_interval(mean_of, ["one"] * 60, seed=0)
    assert alone.mean == 0.5
    assert math.isnan(alone.low)
