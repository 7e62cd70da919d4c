"""Splits by claim: the same seed gives the same sides, and no claim is on both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.splits import (
    claim_folds,
    folds_of_groups,
    held_out_claims,
    held_out_with_groups,
    split_by_claim,
    without_claims,
)
from claimhound.data.records import Query
from claimhound.data.text.normal_text import normalize_text


def test_the_claims_that_models_were_trained_without_stay_the_same():
    """Held out by the code that trained the bundled models."""
    queries = [Query(f"c{number}", f"Claim number {number}.") for number in range(30)]
    assert [query.query_id for query in split_by_claim(queries, 0.1, 42)[1]] == ["c18", "c21", "c26"]
    assert claim_folds(queries[:12], 5, 0).tolist() == [4, 0, 3, 3, 1, 2, 2, 1, 4, 0, 0, 1]


@given(
    texts=st.lists(st.text("ab ", min_size=1, max_size=4), min_size=2, max_size=30),
    share=st.floats(0, 0.9),
    seed=st.integers(0, 5),
)
def test_a_claim_is_on_one_side_of_the_split(texts, share, seed):
    queries = [Query(f"c{number}", text) for number, text in enumerate(texts)]
    train, validation = split_by_claim(queries, share, seed)
    assert {query.query_id for query in (*train, *validation)} == {query.query_id for query in queries}
    assert len(train) + len(validation) == len(queries)
    sides = [{normalize_text(query.text) for query in side} for side in (train, validation)]
    assert not sides[0] & sides[1]
    reverse_train, _ = split_by_claim(queries[::-1], share, seed)
    assert reverse_train == train[::-1]


def test_a_small_share_holds_out_one_claim_and_a_large_one_leaves_one():
    claims = ["Ice melts.", "Sea rises.", "Wind turns."]
    assert [len(held_out_claims(claims, share, 1)) for share in (0.0, 0.01, 0.99)] == [0, 1, 2]
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\), not 1"):
        held_out_claims(claims, 1, 1)


def test_items_are_left_out_by_the_text_of_their_claim():
    queries = [Query("1", "Clouds cool."), Query("2", "Clouds warm.")]
    assert without_claims(queries, ["“clouds COOL”"], lambda query: query.text) == ([queries[1]], [queries[0]])


def test_folds_are_even_the_same_in_any_order_and_keep_claims_of_one_text_together():
    claims = [Query(f"q{number}", f"claim {number % 9}") for number in range(12)]
    folds = claim_folds(claims, 3, seed=0)
    of_text = {claim.text: fold for claim, fold in zip(claims, folds, strict=True)}
    assert [of_text[claim.text] for claim in claims] == folds.tolist()
    assert sorted(np.bincount(list(of_text.values()))) == [3, 3, 3]
    assert claim_folds(claims[::-1], 3, seed=0).tolist() == folds.tolist()[::-1]
    assert claim_folds(claims, 3, seed=1).tolist() != folds.tolist()
    with pytest.raises(InputError, match="9 distinct judged claims are too few for 10 folds"):
        claim_folds(claims, 10, seed=0)


@given(
    members=st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["", "1", "2", "3"])), max_size=20),
    share=st.floats(0, 0.9),
    seed=st.integers(0, 5),
)
def test_claims_that_groups_link_are_on_one_side_in_any_order(members, share, seed):
    held_out = held_out_with_groups(members, share, seed)
    for first, one in members:
        for second, other in members:
            if one and one == other:
                assert (first in held_out) == (second in held_out)
    assert held_out == held_out_with_groups(members[::-1], share, seed)
    assert held_out <= {claim for claim, _ in members}
    alone = [(claim, "") for claim, _ in members]
    assert held_out_with_groups(alone, share, seed) == held_out_claims([claim for claim, _ in members], share, seed)


def test_a_claim_in_two_groups_joins_them():
    members = [("a", "1"), ("b", "1"), ("B!", "2"), ("c", "2"), ("d", ""), ("e", "3")]
    sides = {frozenset(held_out_with_groups(members, 0.3, seed)) for seed in range(30)}
    assert sides == {frozenset("abc"), frozenset("d"), frozenset("e")}


def test_each_group_is_spread_over_the_folds_and_a_claim_of_two_groups_is_in_one_fold():
    first = [Query(f"q{number}", f"claim {number}") for number in range(9)]
    second = [Query(f"q{number}", f"Claim {number}!") for number in range(7, 14)]  # claims 7 and 8 are in both
    third = [Query(f"q{number}", f"thing {number}") for number in range(4)]
    groups = {"a": first, "b": second, "c": third}
    folds = folds_of_groups(groups, 3, seed=0)
    assert folds[0].tolist() == claim_folds(first, 3, seed=0).tolist()
    assert folds[1][:2].tolist() == folds[0][7:].tolist()
    assert sorted(np.bincount(folds[1][2:])) == [1, 2, 2]
    assert sorted(np.bincount(folds[2])) == [1, 1, 2]
    with pytest.raises(InputError, match=r"^c: 4 distinct judged claims are too few for 5 folds"):
        folds_of_groups(groups, 5, seed=0)
