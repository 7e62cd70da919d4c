"""The stance of the evidence as a whole: the rule, case by case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.records import Document
from claimhound.pipeline.models.summary_rule import UNMEASURED, SummaryRule
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.results import Evidence, StageScore
from claimhound.pipeline.search.summary import side_scores, stance_of, summarize

FOR, AGAINST, NEITHER = (0.8, 0.1, 0.1), (0.1, 0.7, 0.2), (0.2, 0.2, 0.6)


def summary(hits, rule=UNMEASURED, **changed):
    """Summarize with the default settings, or with those that are given."""
    config = PipelineConfig(**changed)
    return summarize(hits, rule, min_stance=config.min_stance, min_relevance=config.min_relevance)


def evidence(*hits, reranked=True):
    """Make evidence of (doc_id, probabilities, probability of relevance)."""
    return [
        Evidence(
            rank=rank,
            document=Document(doc_id, doc_id),
            score=relevance,
            truncated=False,
            stages={"rerank": StageScore(rank, relevance) if reranked else None},
            stance=stance_of(row),
        )
        for rank, (doc_id, row, relevance) in enumerate(hits, start=1)
    ]


@pytest.mark.parametrize(
    ("hits", "expected"),
    [
        # Weights .9 x .8 = .72 and .8 x .7 = .56: at least one half.
        ([("a", FOR, 0.9), ("b", NEITHER, 0.8)], ("SUPPORTS", ("a",), ())),
        ([("a", NEITHER, 0.9), ("b", AGAINST, 0.8)], ("REFUTES", (), ("b",))),
        ([("a", AGAINST, 0.9), ("b", FOR, 0.8), ("c", FOR, 0.7)], ("DISPUTED", ("b", "c"), ("a",))),
        ([("a", NEITHER, 0.9)], ("NOT_ENOUGH_INFO", (), ())),
        ([], ("NOT_ENOUGH_INFO", (), ())),
        # One piece that is hardly relevant points against the claim, and says nothing about it.
        ([("a", AGAINST, 0.07)], ("NOT_ENOUGH_INFO", (), ("a",))),
        # .7 x .7 = .49 is too little, .72 x .7 = .504 is enough.
        ([("a", AGAINST, 0.70)], ("NOT_ENOUGH_INFO", (), ("a",))),
        ([("a", AGAINST, 0.72)], ("REFUTES", (), ("a",))),
        # .72 for; against .49 is more than half of it, .35 is less.
        ([("a", FOR, 0.9), ("b", AGAINST, 0.7)], ("NOT_ENOUGH_INFO", ("a",), ("b",))),
        ([("a", FOR, 0.9), ("b", AGAINST, 0.5)], ("SUPPORTS", ("a",), ("b",))),
        # A piece below the least relevance does not point; at the least it does.
        ([("a", FOR, 0.0499), ("b", AGAINST, 0.05)], ("NOT_ENOUGH_INFO", (), ("b",))),
        # The likeliest label below one half does not point; at one half it does: 1 x .5.
        ([("a", (0.49, 0.3, 0.21), 1.0), ("b", (0.3, 0.5, 0.2), 1.0)], ("REFUTES", (), ("b",))),
    ],
)
def test_without_measured_thresholds_one_piece_must_probably_be_right(hits, expected):
    assert summary(evidence(*hits)) == expected


def test_without_a_reranker_nothing_is_said_but_what_points_is_named():
    assert summary(evidence(("a", FOR, 0.9), reranked=False)) == ("NOT_ENOUGH_INFO", ("a",), ())


def test_the_least_stance_and_relevance_are_settings():
    hits = evidence(("a", FOR, 0.9), ("b", AGAINST, 0.95))
    assert summary(hits).label == "DISPUTED"
    assert summary(hits, min_stance=0.75) == ("SUPPORTS", ("a",), ())
    assert summary(hits, min_relevance=0.92) == ("REFUTES", (), ("b",))


@pytest.mark.parametrize(
    ("combination", "expected"),
    # Weights .4 and .5 for, nothing against: .5; 1 - .6 x .5 = .7; .9.
    [("maximum", 0.5), ("noisy-or", 0.7), ("sum", 0.9)],
)
def test_pieces_are_combined_as_told(combination, expected):
    hits = evidence(("a", FOR, 0.5), ("b", NEITHER, 0.5), ("c", FOR, 0.625))
    assert side_scores(hits, combination, min_stance=0.5, min_relevance=0.05) == (pytest.approx(expected), 0.0)


def test_each_side_has_its_threshold_and_one_without_is_never_called():
    hits = evidence(("a", AGAINST, 0.9))  # .63
    assert summary(hits, SummaryRule("maximum", 0.1, 0.63)).label == "REFUTES"
    assert summary(hits, SummaryRule("maximum", 0.1, 0.64)).label == "NOT_ENOUGH_INFO"
    assert summary(hits, SummaryRule("maximum", 0.1, None)).label == "NOT_ENOUGH_INFO"


def test_more_shown_evidence_does_not_change_the_label():
    first = [(str(number), NEITHER, 0.9) for number in range(5)]
    hits = evidence(*first, ("x", FOR, 0.9))
    assert summary(hits) == ("NOT_ENOUGH_INFO", ("x",), ())
    assert summary(evidence(*first[1:], ("x", FOR, 0.9))).label == "SUPPORTS"


def test_the_label_is_the_likeliest_and_a_tie_is_not_enough_info():
    assert stance_of((0.2, 0.5, 0.3)) == ("REFUTES", {"SUPPORTS": 0.2, "REFUTES": 0.5, "NOT_ENOUGH_INFO": 0.3}, False)
    assert stance_of((0.4, 0.4, 0.2), True).label == "NOT_ENOUGH_INFO"
    assert summary(evidence(("a", (0.5, 0.5, 0.0), 0.9))).label == "NOT_ENOUGH_INFO"


_rows = st.tuples(*[st.integers(0, 20)] * 3).filter(any).map(lambda row: tuple(part / sum(row) for part in row))


@given(st.lists(st.tuples(_rows, st.floats(0, 1)), max_size=6))
def test_no_document_points_both_ways_and_a_side_that_is_called_has_one(rows):
    hits = evidence(*((str(number), *row) for number, row in enumerate(rows)))
    label, supports, refutes = summary(hits)
    assert not set(supports) & set(refutes)
    assert supports or label not in ("SUPPORTS", "DISPUTED")
    assert refutes or label not in ("REFUTES", "DISPUTED")


@given(st.lists(st.tuples(_rows, st.floats(0, 1)), max_size=5), st.floats(0.01, 1), st.floats(0.01, 1))
def test_swapping_the_sides_swaps_what_is_called(rows, supports, refutes):
    swapped = [((against, for_it, neither), relevance) for (for_it, against, neither), relevance in rows]
    hits, others = (evidence(*((str(number), *row) for number, row in enumerate(either))) for either in (rows, swapped))
    mirror = {"SUPPORTS": "REFUTES", "REFUTES": "SUPPORTS"}
    found = summary(hits, SummaryRule("noisy-or", supports, refutes)).label
    assert summary(others, SummaryRule("noisy-or", refutes, supports)).label == mirror.get(found, found)
