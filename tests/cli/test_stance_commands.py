"""Stance from the command line: searching with it, training and measuring it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from command_runs import Invoke

LABELS = ["SUPPORTS", "REFUTES", "NOT_ENOUGH_INFO"]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "climate_train.jsonl"
    evidences = [
        {"evidence_id": label, "evidence_label": label, "evidence": f"the ice {word}"}
        for label, word in zip(LABELS, ("melts", "rises", "is cold"), strict=True)
    ]
    lines = [json.dumps({"claim": f"ice melts by {number}", "evidences": evidences}) for number in range(8)]
    path.write_text("\n".join(lines))
    return path


def test_a_search_tells_stances_and_a_summary(invoke: Invoke, small_index: Path, tiny_stance_dir: Path) -> None:
    words = ("search", "the ice melts", "--index", small_index, "--no-rerank", "--stance", tiny_stance_dir)
    found = json.loads(invoke(*words, "--format", "json").stdout)
    assert found["models"]["stance"] == str(tiny_stance_dir)
    assert found["summary"]["label"] in {*LABELS, "DISPUTED"}
    for hit in found["evidence"]:
        assert list(hit["stance"]["probabilities"]) == LABELS
        assert sum(hit["stance"]["probabilities"].values()) == pytest.approx(1)
    table = invoke(*words).stdout
    assert f"\nStance: {found['summary']['label']}" in table
    assert "\n+ supports, - refutes, ~ neither\n" in table
    (row, *_) = csv.DictReader(io.StringIO(invoke(*words, "--format", "tsv").stdout), delimiter="\t")
    assert row["stance"] == found["evidence"][0]["stance"]["label"]


def test_a_search_without_stance_says_nothing_of_it(invoke: Invoke, small_index: Path) -> None:
    words = ("search", "the ice melts", "--index", small_index, "--no-rerank", "--no-stance")
    found = json.loads(invoke(*words, "--format", "json").stdout)
    assert (found["summary"], found["models"]["stance"]) == (None, None)
    assert {hit["stance"] for hit in found["evidence"]} == {None}
    assert "stance" not in found["timings_ms"]
    assert "Stance" not in invoke(*words).stdout


def test_stance_and_no_stance_exclude_each_other_and_another_model_is_refused(
    invoke: Invoke, small_index: Path, tiny_stance_dir: Path, tiny_reranker_dir: Path
) -> None:
    words = ("search", "the ice melts", "--index", small_index, "--no-rerank", "--stance")
    assert invoke(*words, tiny_stance_dir, "--no-stance").exit_code == 2
    refused = invoke(*words, tiny_reranker_dir)
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1].startswith(f"Error: {tiny_reranker_dir}: its labels are LABEL_0; a stance")


def test_a_model_is_trained_and_measured(invoke: Invoke, pairs: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "dev.txt").write_text("ice melts by 7\n")
    output = tmp_path / "model"
    trained = invoke(
        "train", "stance", "--data", f"climate_fever:{pairs}", "--output", output, "--base-model", tiny_model_dir,
        "--exclude-claims", tmp_path / "dev.txt", "--exclude-claims", f"climate_fever:{pairs}@1", "--epochs", 1,
        "--precision", "fp32", "--max-length", 32, "--device", "cpu",
    )  # fmt: skip
    assert trained.exit_code == 0, trained.stderr
    assert f"{output}: trained on " in trained.stdout
    assert f"{tmp_path.name}/climate_train: accuracy " in trained.stdout
    assert "left out" in trained.stderr
    measured = invoke(
        "evaluate-stance", f"climate_fever:{pairs}", "--stance", output, "--format", "json", "--device", "cpu",
        "--output", tmp_path / "scores.jsonl",
    )  # fmt: skip
    assert measured.exit_code == 0, measured.stderr
    (found,) = json.loads(measured.stdout)["sets"]
    assert (found["n_pairs"], found["n_claims"]) == (24, 8)
    assert len((tmp_path / "scores.jsonl").read_text().splitlines()) == 24


@pytest.mark.parametrize("columns", ["40", "80"])
def test_figures_come_as_table_csv_and_latex(invoke: Invoke, pairs: Path, tiny_stance_dir: Path, columns: str) -> None:
    words = ("evaluate-stance", f"climate_fever:{pairs}", "--stance", tiny_stance_dir)
    shown = invoke(*words, env={"COLUMNS": columns})
    assert shown.exit_code == 0, shown.stderr
    assert "24 pairs of 8 claims" in " ".join(shown.stdout.split())
    assert len(list(csv.DictReader(io.StringIO(invoke(*words, "--format", "csv").stdout)))) == 1
    assert invoke(*words, "--format", "latex").stdout.startswith(r"\begin{tabular}")


def test_what_cannot_be_used_is_one_line(invoke: Invoke, pairs: Path, tiny_stance_dir: Path, tmp_path: Path) -> None:
    dev = pairs.rename(tmp_path / "climate_dev.jsonl")
    for words, message in (
        (("train", "stance", "--data", f"climate_fever:{dev}", "--output", tmp_path / "m"), f"{dev}: its name says"),
        (("train", "stance", "--data", "snli:x", "--output", tmp_path / "m"), "'snli:x' names no labelled set"),
        (("evaluate-stance", "rte:no.tsv"), "no.tsv: no such file or folder"),
        (
            ("evaluate-stance", f"climate_fever:{dev}", "--output", tmp_path / "no" / "a"),
            f"{tmp_path / 'no' / 'a'}: can",
        ),
    ):
        result = invoke(*words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.splitlines()[-1].startswith(f"Error: {message}")


def test_doctor_tells_of_the_stance_model_and_does_not_miss_it(invoke: Invoke) -> None:
    found = invoke("doctor")
    assert "model claimhound-stance" in found.stdout
    assert "stance" not in found.stderr
