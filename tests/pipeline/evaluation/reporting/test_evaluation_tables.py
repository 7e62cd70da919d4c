"""Figures as people, programs and papers get them."""

from __future__ import annotations

import csv
import io
import json

import pytest

from claimhound.data.records import ScoredDoc
from claimhound.pipeline.evaluation.comparison import compare
from claimhound.pipeline.evaluation.evaluating import MeasureSettings, evaluate_runs
from claimhound.pipeline.evaluation.reporting import comparison_figures, run_figures


def ranking(*doc_ids):
    return [ScoredDoc(doc_id, float(len(doc_ids) - place)) for place, doc_id in enumerate(doc_ids)]


QRELS = {"c1": {"a": 1}, "c2": {"a": 1}}
RUNS = {"mine": {"c1": ranking("a"), "c2": ranking("b", "a")}, "their_run": {"c1": ranking("b", "a")}}


@pytest.fixture
def evaluation():
    return evaluate_runs(RUNS, None, QRELS, MeasureSettings(["RR@10", "R@1"]))


def test_a_wide_terminal_shows_a_column_per_list(evaluation):
    assert run_figures.as_text(evaluation, 80).splitlines() == [
        "2 claims: mean of each measure and its 95 % interval over claims",
        "",
        "                    mine         their_run",
        "RR@10 .750 [.500, 1.000] .250 [.000, .500]",
        "R@1   .500 [.000, 1.000] .000 [.000, .000]",
    ]


def test_a_narrow_terminal_shows_a_table_per_list(evaluation):
    text = run_figures.as_text(evaluation, 40)
    assert max(map(len, text.splitlines())) <= 40
    assert "mine\nRR@10 .750 [.500, 1.000]" in text
    assert "their_run\nRR@10 .250 [.000, .500]" in text


def test_one_claim_has_a_mean_without_an_interval():
    alone = evaluate_runs({"mine": RUNS["mine"]}, None, {"c1": {"a": 1}}, MeasureSettings(["R@1"]))
    assert run_figures.as_text(alone, 80).splitlines()[-1] == "R@1 1.000"
    assert run_figures.as_record(alone)["measures"] == {
        "mine": {"R@1": {"value": 1.0, "mean": 1.0, "low": None, "high": None}}
    }
    assert run_figures.as_csv(alone).splitlines()[1] == "mine,R@1,1.000000,,,1"


def test_json_and_csv_have_full_precision(evaluation):
    rows = list(csv.DictReader(io.StringIO(run_figures.as_csv(evaluation))))
    assert [(row["list"], row["measure"], float(row["mean"])) for row in rows] == [
        ("mine", "RR@10", 0.75),
        ("mine", "R@1", 0.5),
        ("their_run", "RR@10", 0.25),
        ("their_run", "R@1", 0.0),
    ]
    record = json.loads(json.dumps(run_figures.as_record(evaluation), allow_nan=False))
    assert record["n_claims"] == 2
    assert record["findings"][0]["items"] == ["c2"]


def test_latex_escapes_special_characters(evaluation):
    lines = run_figures.as_latex(evaluation).splitlines()
    assert lines[0] == r"\begin{tabular}{lll}"
    assert r"their\_run" in lines[2]
    assert lines[-1] == r"\end{tabular}"


@pytest.fixture
def comparison():
    return compare(RUNS, QRELS, measuring=MeasureSettings(["RR@10"]))


def test_a_comparison_shows_means_difference_and_tests(comparison):
    text = comparison_figures.as_text(comparison, 100)
    assert "their_run against mine" in text
    assert ".750  .250 -.500 [-.500, -.500] .500   .500         0/2/0" in text
    assert "Claims that changed most in RR@10" in text
    assert "1.000 to .500  c1\n    #1 to #2  a" in text
    assert "    #2 to –  a" in text


def test_a_comparison_fits_a_narrow_terminal(comparison):
    text = comparison_figures.as_text(comparison, 40)
    assert max(map(len, text.splitlines())) <= 40
    assert "RR@10: .750 to .250" in text


def test_a_comparison_has_json_csv_and_latex(comparison):
    (row,) = csv.DictReader(io.StringIO(comparison_figures.as_csv(comparison)))
    assert (row["run"], row["against"], float(row["difference"]), row["lost"]) == ("their_run", "mine", -0.5, "2")
    assert comparison_figures.as_record(comparison)["differences"]["their_run"]["RR@10"]["p"] == 0.5
    assert r"-.500 [-.500, -.500]" in comparison_figures.as_latex(comparison)
