"""Measuring and fitting summaries from the command line, and their effect on a search."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from command_runs import Invoke

from claimhound.data.bundled import BUNDLED_MODELS
from claimhound.pipeline.commands import evaluate_summary
from claimhound.pipeline.models import summary_rule

CLAIMS = [
    {"id": "1", "claim": "the ice melts", "label": "SUPPORTS"},
    {"id": "2", "claim": "the sea level rises", "label": "REFUTES"},
    {"id": "3", "claim": "wind power", "evidence": {}},
]


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    path = tmp_path / "labelled.jsonl"
    path.write_text("".join(json.dumps(claim) + "\n" for claim in CLAIMS))
    return path


@pytest.fixture
def stance_dir(tiny_stance_dir: Path, tmp_path: Path) -> Path:
    """A stance model of the user's own."""
    return Path(shutil.copytree(tiny_stance_dir, tmp_path / "stance"))


@pytest.fixture
def evaluate(invoke: Invoke, small_index: Path, claims: Path, stance_dir: Path, tiny_reranker_dir: Path) -> Invoke:
    """Evaluate the summaries of three claims about three sentences."""

    def run(*words: object) -> object:
        models = ("--stance", stance_dir, "--reranker", tiny_reranker_dir)
        return invoke("evaluate-summary", "--index", small_index, "--claims", claims, *models, *words)

    return run


def test_the_rule_that_a_search_uses_is_measured(
    evaluate: Invoke, invoke: Invoke, small_index: Path, stance_dir: Path, tiny_reranker_dir: Path, tmp_path: Path
) -> None:
    output = tmp_path / "claims-out.jsonl"
    result = evaluate("--format", "json", "--output", output)
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert (record["fields"][0]["n_claims"], record["n_folds"], record["alternatives"]) == (3, 0, [])
    assert record["rule"]["relevance_sha256"] == ""
    written = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["label"] for line in written] == ["SUPPORTS", "REFUTES", "NOT_ENOUGH_INFO"]
    models = ("--stance", stance_dir, "--reranker", tiny_reranker_dir, "--format", "json")
    for line in written:
        found = json.loads(invoke("search", line["claim"], "--index", small_index, *models).stdout)
        assert line["called"] == found["summary"]["label"]
        assert [hit["doc_id"] for hit in line["evidence"]] == [hit["doc_id"] for hit in found["evidence"]]
        assert line["evidence"][0]["relevance"] == pytest.approx(found["evidence"][0]["score"])


def test_a_fit_is_written_to_the_stance_model_and_used(evaluate: Invoke, stance_dir: Path) -> None:
    result = evaluate("--fit", "--folds", 3, "--combination", "sum", "--target", 0.75)
    assert result.exit_code == 0, result.stderr
    # Three claims are too few for any threshold.
    assert "Score by sum: nothing is called." in result.stdout
    assert "3-fold cross-validation" in " ".join(result.stdout.split())
    assert "Ways to combine the pieces of evidence" in result.stdout
    assert result.stderr.splitlines()[-1] == f"wrote {stance_dir / 'summary.json'}"
    record = json.loads((stance_dir / "summary.json").read_text())
    assert (record["combination"], record["supports"], record["refutes"], record["target"]) == ("sum", None, None, 0.75)
    assert [side["n_claims"] for side in record["measured"]] == [3, 3]
    again = json.loads(evaluate("--format", "json").stdout)
    assert again["rule"] == record
    assert "No claim is called REFUTES" in " ".join(again["notes"])


def test_fields_are_paired_with_their_indexes_in_order(
    evaluate: Invoke, small_index: Path, claims: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps(CLAIMS[0]) + "\n")
    found = evaluate("--index", small_index, "--claims", other, "--format", "csv")
    assert found.exit_code == 0, found.stderr
    rows = list(csv.DictReader(io.StringIO(found.stdout)))
    assert [(row["field"], row["claims"]) for row in rows[::2]] == [(str(claims), "3"), (str(other), "1"), ("all", "4")]
    assert "Fit them with --fit." in found.stderr
    refused = evaluate("--index", small_index)
    assert refused.exit_code == 2
    assert "name as many indexes as files of claims, not 2 and 1" in refused.stderr


def test_claims_can_be_left_out(evaluate: Invoke, tmp_path: Path) -> None:
    trained = tmp_path / "trained.jsonl"
    trained.write_text('{"id": "x", "claim": "The ICE melts"}\n')
    found = evaluate("--exclude-claims", trained, "--format", "json")
    assert "labelled.jsonl: 1 claim left out by --exclude-claims" in found.stderr
    assert json.loads(found.stdout)["fields"][0]["n_claims"] == 2


def test_a_fit_without_a_folder_to_write_to_is_one_line(invoke: Invoke, small_index: Path, claims: Path) -> None:
    words = ("evaluate-summary", "--index", small_index, "--claims", claims, "--fit")
    for model, reason in (((), "no stance model"), (("--stance", "bundled"), "bundled: not a local folder")):
        result = invoke(*words, *model)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == f"Error: {reason}; name the folder that --fit writes to with --stance DIR\n"


def test_a_damaged_rule_and_a_claim_without_label_are_one_line_errors(
    evaluate: Invoke, stance_dir: Path, claims: Path
) -> None:
    (stance_dir / "summary.json").write_text("{")
    assert evaluate().stderr.splitlines()[-1].startswith(f"Error: {stance_dir / 'summary.json'}: not JSON")
    claims.write_text('{"id": "1", "claim": "the ice melts"}\n')
    assert evaluate().stderr.splitlines()[-1].startswith(f"Error: {claims}: claim '1' has no field 'label'")


def test_the_ways_to_combine_evidence_are_those_of_the_rule() -> None:
    assert evaluate_summary.COMBINATIONS == summary_rule.COMBINATIONS


def test_the_bundled_model_is_not_fitted_in_place(evaluate: Invoke) -> None:
    bundled = BUNDLED_MODELS["stance"].folder
    before = (bundled / "summary.json").read_bytes()
    refused = evaluate("--fit", "--stance", bundled)
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1] == f"Error: {bundled}: comes with claimhound; fit a copy of it"
    assert (bundled / "summary.json").read_bytes() == before


@pytest.mark.parametrize("words", [("--target", "0.9"), ("--combination", "sum"), ("--folds", "3"), ("--seed", "1")])
def test_an_option_of_the_fit_needs_it(evaluate: Invoke, words: tuple[str, str]) -> None:
    result = evaluate(*words)
    assert result.exit_code == 2
    assert f"{words[0]} needs --fit" in result.stderr
