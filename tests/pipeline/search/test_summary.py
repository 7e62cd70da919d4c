"""The stance of the evidence as a whole: the rule, case by case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.records import Document
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.results import Evidence, StageScore
from claimhound.pipeline.search.summary import stance_of, summarize

FOR, AGAINST, NEITHER = (0.8, 0.1, 0.1), (0.1, 0.7, 0.2), (0.2, 0.2, 0.6)


def summary(hits, **changed):
    """Summarize with the default thresholds, or with those that are given."""
    config = PipelineConfig(**changed)
    return summarize(hits, min_stance=config.min_stance, min_relevance=config.min_relevance)


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
        ([("a", FOR, 0.9), ("b", NEITHER, 0.8)], ("SUPPORTS", ("a",), ())),
        ([("a", NEITHER, 0.9), ("b", AGAINST, 0.8)], ("REFUTES", (), ("b",))),
        ([("a", AGAINST, 0.9), ("b", FOR, 0.8), ("c", FOR, 0.7)], ("DISPUTED", ("b", "c"), ("a",))),
        ([("a", NEITHER, 0.9)], ("NOT_ENOUGH_INFO", (), ())),
        ([], ("NOT_ENOUGH_INFO", (), ())),
        # A piece below the threshold of relevance does not count; at the threshold it does.
        ([("a", FOR, 0.0499), ("b", AGAINST, 0.05)], ("REFUTES", (), ("b",))),
        # The likeliest label below one half does not count; at one half it does.
        ([("a", (0.49, 0.3, 0.21), 0.9), ("b", (0.3, 0.5, 0.2), 0.9)], ("REFUTES", (), ("b",))),
    ],
)
def test_the_rule_case_by_case(hits, expected):
    assert summary(evidence(*hits)) == expected


def test_without_a_reranker_all_evidence_counts():
    assert summary(evidence(("a", FOR, 0.0164), reranked=False)).label == "SUPPORTS"


def test_thresholds_are_arguments():
    hits = evidence(("a", FOR, 0.3), ("b", AGAINST, 0.6))
    assert summary(hits, min_stance=0.75).label == "SUPPORTS"
    assert summary(hits, min_relevance=0.5).label == "REFUTES"


def test_the_label_is_the_likeliest_and_a_tie_is_not_enough_info():
    assert stance_of((0.2, 0.5, 0.3)) == ("REFUTES", {"SUPPORTS": 0.2, "REFUTES": 0.5, "NOT_ENOUGH_INFO": 0.3}, False)
    assert stance_of((0.4, 0.4, 0.2), True).label == "NOT_ENOUGH_INFO"
    assert summary(evidence(("a", (0.5, 0.5, 0.0), 0.9))).label == "NOT_ENOUGH_INFO"


_rows = st.tuples(*[st.integers(0, 20)] * 3).filter(any).map(lambda row: tuple(part / sum(row) for part in row))


@given(st.lists(st.tuples(_rows, st.floats(0, 1)), max_size=6))
def test_no_document_counts_on_both_sides_and_the_label_follows_from_the_sides(rows):
    hits = evidence(*((str(number), *row) for number, row in enumerate(rows)))
    label, supports, refutes = summary(hits)
    assert not set(supports) & set(refutes)
    expected = {(True, True): "DISPUTED", (True, False): "SUPPORTS", (False, True): "REFUTES"}
    assert label == expected.get((bool(supports), bool(refutes)), "NOT_ENOUGH_INFO")
