"""Measures of runs: by hand, at the edges, and by the names that a user types."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.errors import InputError
from claimhound.data.records import ScoredDoc
from claimhound.pipeline.evaluation.measures import mean_measures, parse_measures, values_by_claim
from claimhound.pipeline.search.fusion import by_score


def ranking(*doc_ids):
    return [ScoredDoc(doc_id, float(len(doc_ids) - place)) for place, doc_id in enumerate(doc_ids)]


def test_measures_agree_with_hand_calculation():
    run = {"q1": ranking("a", "x", "b", "y"), "q2": ranking("x", "y", "z", "u", "v", "c")}
    qrels = {"q1": {"a": 1, "b": 1, "d": 1}, "q2": {"c": 1, "x": 0}}
    found = mean_measures(run, qrels)
    # q1 finds a and b of three among 5; q2 finds c at rank 6.
    assert found["R@1"] == pytest.approx((1 / 3 + 0) / 2)
    assert found["R@5"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["R@10"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["RR@10"] == pytest.approx((1 + 1 / 6) / 2)
    # DCG: q1 at ranks 1 and 3, of ideal 1, 2, 3; q2 at rank 6, of ideal 1.
    first = (1 + 1 / math.log2(4)) / (1 + 1 / math.log2(3) + 1 / math.log2(4))
    second = (1 / math.log2(7)) / 1
    assert found["nDCG@10"] == pytest.approx((first + second) / 2)


def test_ndcg_uses_grades():
    found = mean_measures({"q": ranking("a", "b")}, {"q": {"a": 1, "b": 2}}, ["nDCG@10"])
    assert found["nDCG@10"] == pytest.approx((1 + 2 / math.log2(3)) / (2 + 1 / math.log2(3)))


def test_a_claim_without_hits_counts_as_0():
    assert mean_measures({"q1": ranking("a")}, {"q1": {"a": 1}, "q2": {"b": 1}}, ["R@5"]) == {"R@5": 0.5}
    assert mean_measures({"q1": []}, {"q1": {"a": 1}}, ["R@5"]) == {"R@5": 0.0}
    assert mean_measures({}, {"q1": {"a": 1}}, ["R@5"]) == {"R@5": 0.0}


def test_ties_keep_the_order_of_the_ranking():
    tied = {"q": [ScoredDoc("a", 1.0), ScoredDoc("b", 1.0)]}
    assert mean_measures(tied, {"q": {"a": 1}}, ["R@1"]) == {"R@1": 1.0}
    assert mean_measures(tied, {"q": {"b": 1}}, ["R@1"]) == {"R@1": 0.0}


doc_ids = st.sampled_from([f"d{n}" for n in range(12)])
hits = st.dictionaries(doc_ids, st.floats(0, 1), max_size=12).map(
    lambda found: by_score([ScoredDoc(doc_id, score) for doc_id, score in found.items()])
)


@given(
    st.dictionaries(st.sampled_from("abc"), hits),
    st.dictionaries(st.sampled_from("abc"), st.dictionaries(doc_ids, st.integers(1, 3), min_size=1), min_size=1),
)
def test_every_measure_lies_in_0_to_1(run, qrels):
    assert all(0 <= value <= 1 for value in mean_measures(run, qrels).values())


def test_values_are_in_the_requested_order_of_claims():
    run = {"q1": ranking("a"), "q2": ranking("x", "b")}
    qrels = {"q1": {"a": 1}, "q2": {"b": 1}, "q3": {"c": 1}}
    assert values_by_claim(run, qrels, ["RR@10"])["RR@10"].tolist() == [1.0, 0.5, 0.0]
    assert values_by_claim(run, qrels, ["RR@10"], ["q3", "q2"])["RR@10"].tolist() == [0.0, 0.5]
    with pytest.raises(ValueError, match="1 of 1 claims have no judgments, among them 'q4'"):
        values_by_claim(run, qrels, ["RR@10"], ["q4"])


def test_a_claim_without_relevant_documents_counts_as_0_and_a_negative_grade_as_not_relevant():
    qrels = {"q1": {"a": 0}, "q2": {"a": -1, "b": 1}}
    run = {"q1": ranking("a"), "q2": ranking("a", "b")}
    assert values_by_claim(run, qrels, ["RR@10", "nDCG@10"])["RR@10"].tolist() == [0.0, 0.5]
    assert values_by_claim(run, qrels, ["nDCG@10"])["nDCG@10"].tolist() == pytest.approx([0.0, 1 / math.log2(3)])


def test_measures_are_spelled_as_in_ir_measures_without_repeats():
    assert parse_measures("R@5, RR nDCG@10  R@5 MRR@10 SetF") == ("R@5", "RR", "nDCG@10", "RR@10", "SetF")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Foo@5", "'Foo@5' is not a measure that can be computed"),
        ("R@", "'R@' is not a measure"),
        ("1+1", r"'1\+1' is not a measure"),
        ("alpha_nDCG@10", "'alpha_nDCG@10' is not a measure that can be computed"),
        ("R@5 NumRet", "'NumRet' is summed over claims, not averaged"),
        (" , ", "no measure is named"),
    ],
)
def test_unknown_measures_are_refused_by_name(text, message):
    with pytest.raises(InputError, match=message):
        parse_measures(text)


def test_cutting_lists_at_the_deepest_cutoff_changes_nothing():
    long = {"q": ranking(*(f"x{n}" for n in range(30)), "a")}
    found = values_by_claim(long, {"q": {"a": 1}}, ["P@5", "R@30", "RR@10", "nDCG@20"])
    assert [values.tolist() for values in found.values()] == [[0.0]] * 4
    whole = values_by_claim(long, {"q": {"a": 1}}, ["R@30", "RR", "SetP"])
    assert [values.tolist() for values in whole.values()] == [[0.0], [1 / 31], [1 / 31]]


@pytest.mark.parametrize(
    ("run", "qrels"),
    [({"q": ranking("a\0b")}, {"q": {"a": 1}}), ({}, {"q": {"a\0b": 1}}), ({}, {"q\0": {"a": 1}})],
)
def test_an_id_with_a_nul_character_is_refused(run, qrels):
    with pytest.raises(InputError, match="contains a NUL character"):
        values_by_claim(run, qrels, ["R@5"])
