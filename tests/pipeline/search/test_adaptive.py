"""The adaptive number of pieces of evidence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.pipeline.search.adaptive import adaptive_k

probabilities = st.lists(st.floats(0, 1, exclude_min=True), max_size=12).map(lambda found: sorted(found, reverse=True))
shares = st.floats(0, 1, exclude_min=True)


@pytest.mark.parametrize(
    ("scores", "k", "expected"),
    [
        ([0.5, 0.3, 0.2, 0.1, 0.1], 5, 3),  # .4 x .5 = .2 is still enough
        ([0.5, 0.1, 0.1], 5, 1),
        ([0.02, 0.02, 0.01, 0.001], 5, 3),  # relative to the best, however low that is
        ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], 5, 5),
        ([0.9], 5, 1),
        ([], 5, 0),
        ([0.9, -1.0, -2.0], 3, 1),  # hits that were not rescored have negative scores
    ],
)
def test_hits_below_the_share_of_the_best_probability_are_left_out(scores, k, expected):
    assert adaptive_k(scores, k, 0.4) == expected


@given(probabilities, st.integers(1, 10), shares)
def test_the_number_is_between_one_and_k(scores, k, share):
    assert min(1, len(scores)) <= adaptive_k(scores, k, share) <= min(k, len(scores))


@given(probabilities, st.integers(1, 10), shares)
def test_scores_below_k_change_nothing(scores, k, share):
    assert adaptive_k(scores, k, share) == adaptive_k(scores[:k], k, share)


@given(probabilities, shares)
def test_a_smaller_k_only_cuts_the_set(scores, share):
    sizes = [adaptive_k(scores, k, share) for k in range(1, 13)]
    assert sizes == [min(k, sizes[-1]) for k in range(1, 13)]


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        adaptive_k([0.5], 0, 0.4)
    for share in (0.0, 1.1):
        with pytest.raises(ValueError, match=f"got {share}"):
            adaptive_k([0.5], 1, share)
