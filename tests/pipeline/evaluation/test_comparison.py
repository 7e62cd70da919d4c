"""Comparison of runs with the first of them."""

from __future__ import annotations

import json

import pytest

from claimhound.data.records import Document, Query, ScoredDoc
from claimhound.indexes.memory import MemoryIndex
from claimhound.pipeline.evaluation.comparison import Move, compare
from claimhound.pipeline.evaluation.evaluating import MeasureSettings
from claimhound.pipeline.evaluation.reporting.output_folder import write_comparison
from claimhound.pipeline.evaluation.statistics import holm


def ranking(*doc_ids):
    return [ScoredDoc(doc_id, float(len(doc_ids) - place)) for place, doc_id in enumerate(doc_ids)]


QRELS = {f"c{n}": {"good": 1, "fair": 1, "bad": 0} for n in range(8)}
BASE = {claim: ranking("bad", "good", "x") for claim in QRELS}
BETTER = {claim: ranking("good", "bad", "x") for claim in QRELS} | {"c7": ranking("x")}
RR = MeasureSettings(["RR@10"])
CLAIMS = [Query(claim, f"claim {claim}") for claim in QRELS]


def test_each_run_is_tested_against_the_first_and_corrected_for_all_tests_together():
    found = compare({"base": BASE, "better": BETTER, "same": BASE}, QRELS, measuring=MeasureSettings(["RR@10", "R@5"]))
    assert (found.baseline, list(found.tests)) == ("base", ["better", "same"])
    test = found.tests["better"]["RR@10"]
    # Seven claims rise from 1/2 to 1, one falls from 1/2 to 0.
    assert test.difference.mean == pytest.approx((7 * 0.5 - 0.5) / 8)
    assert (test.won, test.lost, test.tied) == (7, 1, 0)
    # As far from 0 as a sum of 6 halves are: all 8 one way, or 7 of 8, either way round: 2 (1 + 8) of 256.
    assert test.p == pytest.approx(18 / 256)
    assert found.tests["same"]["R@5"].p == 1
    every = [test for row in found.tests.values() for test in row.values()]
    assert [test.p_holm for test in every] == pytest.approx(holm([test.p for test in every]))
    assert found.changes["same"] == ()


def test_the_largest_changes_are_shown_with_the_documents_that_moved():
    worse = BASE | {"c3": ranking("x", "y", "good", "fair"), "c5": ranking("x")}
    index = MemoryIndex([Document("good", "the good text")])
    found = compare({"a": BASE, "b": worse}, QRELS, claims=CLAIMS, index=index, measuring=RR, n_changes=2)
    first, second = found.changes["b"]
    # c5 falls from 1/2 to 0, c3 from 1/2 to 1/3.
    assert (first.query_id, first.text, first.before, first.after) == ("c5", "claim c5", 0.5, 0.0)
    assert first.moved == (Move("good", 1, 2, None, "the good text"),)
    assert second.query_id == "c3"
    assert second.moved == (Move("good", 1, 2, 3, "the good text"), Move("fair", 1, None, 4, ""))
    usual = compare({"a": BASE, "b": worse}, QRELS, n_changes=1)
    assert usual.change_measure == "nDCG@10"
    assert [change.query_id for change in usual.changes["b"]] == ["c5"]


def test_a_single_run_cannot_be_compared():
    with pytest.raises(ValueError, match="two runs or more, got 1"):
        compare({"a": BASE}, QRELS)


def test_the_folder_has_differences_and_values_per_claim(tmp_path):
    found = compare({"base": BASE, "better": BETTER}, QRELS, measuring=RR)
    assert [path.name for path in write_comparison(found, tmp_path)] == [
        "comparison.json",
        "comparison.csv",
        "claims.csv",
    ]
    record = json.loads((tmp_path / "comparison.json").read_text())
    assert record["baseline"] == "base"
    assert record["differences"]["better"]["RR@10"]["won"] == 7
    _header, line = (tmp_path / "comparison.csv").read_text().splitlines()
    assert line.startswith("better,base,RR@10,0.500000,0.875000,0.375000,")
    assert (tmp_path / "claims.csv").read_text().splitlines()[1] == "c0,,2,0.500000,1.000000"
