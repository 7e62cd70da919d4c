"""Measures of summaries, by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from pipeline_fakes import FakeReranker, FakeStance

from claimhound.data.labelled_sets.claim_verdicts import LabelledClaim
from claimhound.data.records import Document, Query
from claimhound.indexes.memory import MemoryIndex
from claimhound.pipeline.evaluation.reporting import summary_figures
from claimhound.pipeline.evaluation.statistics import effective_number, wilson_interval
from claimhound.pipeline.evaluation.summaries import (
    ScoredClaim,
    evaluate_summaries,
    score_claims,
    side_measures,
    write_scored_claims,
)
from claimhound.pipeline.models.summary_rule import UNMEASURED, SummaryRule
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.summary import SideScores

RULE = SummaryRule("maximum", 0.5, None, target=0.8, relevance_sha256="x")


def test_wilson_s_interval_is_scipy_s():
    from scipy.stats import binomtest

    for right, n in ((0, 7), (3, 7), (42, 50), (9, 9)):
        expected = binomtest(right, n).proportion_ci(method="wilson")
        assert wilson_interval(right / n, n) == pytest.approx((right / n, expected.low, expected.high))
    assert all(map(math.isnan, wilson_interval(math.nan, 0)))


def test_weighted_claims_are_worth_fewer():
    assert effective_number(np.ones(4)) == 4
    assert effective_number(np.array([3.0, 1.0])) == 1.6  # 4^2 / (9 + 1)
    assert effective_number(np.zeros(0)) == 0


def test_precision_and_share_by_hand():
    labels = ["SUPPORTS", "SUPPORTS", "REFUTES", "NOT_ENOUGH_INFO", "DISPUTED"]
    called = ["SUPPORTS", "NOT_ENOUGH_INFO", "SUPPORTS", "SUPPORTS", "DISPUTED"]
    found = side_measures("SUPPORTS", labels, called, np.array([2.0, 1, 1, 1, 1]))
    assert (found.n_claims, found.n_labelled, found.n_called, found.n_right) == (5, 2, 3, 1)
    # 2 of 2 + 1 + 1 called, 2 of 2 + 1 labelled; worth 16 / 6 and 9 / 5 claims.
    assert (found.precision, found.share) == (pytest.approx(2 / 4), pytest.approx(2 / 3))
    assert (found.precision_low, found.precision_high) == wilson_interval(0.5, 16 / 6)[1:]
    assert (found.share_low, found.share_high) == pytest.approx(wilson_interval(2 / 3, 9 / 5)[1:])
    never = side_measures("REFUTES", labels, called, np.ones(5))
    assert (math.isnan(never.precision), never.share) == (True, 0.0)


def scored(number, label, supports, refutes, field):
    return ScoredClaim(field, Query(str(number), f"claim {number}"), label, {"maximum": SideScores(supports, refutes)})


CLAIMS = [
    scored(1, "SUPPORTS", 0.9, 0.0, "a"),
    scored(2, "SUPPORTS", 0.4, 0.0, "a"),
    scored(3, "NOT_ENOUGH_INFO", 0.6, 0.0, "a"),
    scored(4, "REFUTES", 0.0, 0.9, "a"),
    scored(5, "SUPPORTS", 0.6, 0.2, "b"),
]


def test_each_field_is_measured_and_all_with_the_same_weight():
    found = evaluate_summaries(CLAIMS, RULE, "model")
    assert found.called == ("SUPPORTS", "NOT_ENOUGH_INFO", "SUPPORTS", "NOT_ENOUGH_INFO", "SUPPORTS")
    first, second = found.fields
    assert (first.name, first.n_claims, first.sides[0].precision) == ("a", 4, 0.5)
    assert first.confusion["SUPPORTS"] == {"SUPPORTS": 1, "REFUTES": 0, "DISPUTED": 0, "NOT_ENOUGH_INFO": 1}
    assert (second.n_claims, second.sides[0].precision) == (1, 1.0)
    # 1/4 + 1 right of 1/4 + 1/4 + 1 called.
    assert found.pooled[0].precision == pytest.approx(1.25 / 1.5)
    assert (found.pooled[0].n_called, found.pooled[0].n_right) == (3, 2)


def test_the_figures_in_every_format():
    found = evaluate_summaries(CLAIMS, RULE, "model")
    text = summary_figures.as_text(found, 100)
    assert "Score by maximum: called SUPPORTS from .500." in text
    assert "a: 4 claims" in text
    assert "all, each weighing the same" in text
    assert "No claim is called REFUTES: no threshold reaches the precision of 0.8." in text
    assert max(map(len, text.splitlines())) <= 100
    record = json.loads(json.dumps(summary_figures.as_record(found), allow_nan=False))
    assert record["rule"]["supports"] == 0.5
    assert record["fields"][0]["confusion"]["REFUTES"]["NOT_ENOUGH_INFO"] == 1
    assert record["pooled"][1]["precision"] is None
    lines = summary_figures.as_csv(found).splitlines()
    assert lines[1].startswith("a,SUPPORTS,4,2,2,1,0.5,")
    assert [line.split(",")[:2] for line in lines[1:]] == [
        [name, side] for name in ("a", "b", "all") for side in ("SUPPORTS", "REFUTES")
    ]
    assert summary_figures.as_latex(found).count("REFUTES") == 3
    assert "Fit them with --fit." in summary_figures.as_text(evaluate_summaries(CLAIMS, UNMEASURED, "model"), 200)


def test_claims_are_scored_by_what_a_search_shows(tmp_path):
    documents = [Document("up", "the sea rises"), Document("down", "the sea falls")]
    stance = FakeStance({"the sea rises": (0.9, 0.05, 0.05), "the sea falls": (0.1, 0.8, 0.1)})
    reranker = FakeReranker({"the sea rises": 100.0, "the sea falls": 0.0})
    pipeline = EvidencePipeline(MemoryIndex(documents, None), None, reranker, stance=stance)
    (found,) = score_claims("sea", [LabelledClaim(Query("1", "sea"), "SUPPORTS")], pipeline)
    # Relevance 1 and .5: .9 for, .5 x .8 against.
    assert found.scores["maximum"] == pytest.approx((0.9, 0.4))
    assert (found.field, found.label) == ("sea", "SUPPORTS")
    path = tmp_path / "claims.jsonl"
    assert write_scored_claims([found], ["SUPPORTS"], path) == [path]
    record = json.loads(path.read_text())
    assert (record["id"], record["called"], record["scores"]["sum"]["REFUTES"]) == ("1", "SUPPORTS", 0.4)
    assert [(hit["doc_id"], hit["relevance"]) for hit in record["evidence"]] == [("up", 1.0), ("down", 0.5)]
    with pytest.raises(ValueError, match="needs a reranker and a stance model"):
        score_claims("sea", [], EvidencePipeline(MemoryIndex(documents, None), None, None, stance=stance))
