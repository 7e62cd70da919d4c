"""Measuring a reranker on pairs from the command line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from command_runs import Invoke

from claimhound.pipeline.evaluation.classification import FIGURES
from claimhound.pipeline.model_folders.fingerprints import weights_sha256

LINES = "".join(
    f'{{"id": "{claim}-{number}", "claim": "the {claim} rises", "evidence": "{text} {claim}", "label": {number % 2}}}\n'
    for claim in ("sea", "moon", "sun", "ice")
    for number, text in enumerate(("wind", "the level of the", "gas and", "measles " * 70))
)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text(LINES)
    return path


@pytest.mark.parametrize("columns", ["40", "80"])
def test_a_table_shows_figures_notes_and_truncated_pairs(
    invoke: Invoke, pairs: Path, tiny_reranker_dir: Path, columns: str
) -> None:
    result = invoke("evaluate-pairs", pairs, "--reranker", tiny_reranker_dir, env={"COLUMNS": columns})
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= int(columns)
    text = " ".join(result.stdout.split())
    assert "16 pairs of 4 claims, 50.0 % relevant" in text
    assert "The thresholds were chosen on these pairs" in text
    assert result.stderr.splitlines()[-1] == "4 pairs too long for the reranker, cut"


def test_json_has_figures_and_settings_and_scores_are_written(
    invoke: Invoke, pairs: Path, tiny_reranker_dir: Path, tmp_path: Path
) -> None:
    output = tmp_path / "scores.jsonl"
    result = invoke(
        "evaluate-pairs", pairs, "--reranker", tiny_reranker_dir, "--format", "json", "--threshold", 0.5, "--seed", 4,
        "--output", output,
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert list(found["figures"]) == list(FIGURES)
    for figure in found["figures"].values():
        assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    assert {name: found[name] for name in ("n_pairs", "n_relevant", "n_claims", "n_truncated", "n_skipped")} == {
        "n_pairs": 16, "n_relevant": 8, "n_claims": 4, "n_truncated": 4, "n_skipped": 0,
    }  # fmt: skip
    assert (found["threshold"], found["seed"], found["pairs"]) == (0.5, 4, str(pairs))
    assert found["model"] == str(tiny_reranker_dir)
    assert found["weights_sha256"] == weights_sha256(tiny_reranker_dir)
    scores = [json.loads(line) for line in output.read_text().splitlines()]
    assert [score["id"] for score in scores] == [json.loads(line)["id"] for line in LINES.splitlines()]
    right = sum((score["score"] >= 0.5) == score["relevant"] for score in scores)
    assert found["figures"]["accuracy"]["value"] == right / 16
    assert f"wrote {output}" in result.stderr.splitlines()


def test_notes_of_csv_and_latex_go_to_standard_error(invoke: Invoke, pairs: Path, tiny_reranker_dir: Path) -> None:
    table = invoke("evaluate-pairs", pairs, "--reranker", tiny_reranker_dir, "--format", "csv")
    assert [row["figure"] for row in csv.DictReader(io.StringIO(table.stdout))] == list(FIGURES)
    latex = invoke("evaluate-pairs", pairs, "--reranker", tiny_reranker_dir, "--format", "latex")
    assert latex.stdout.startswith(r"\begin{tabular}")
    assert latex.stdout.endswith("\\end{tabular}\n")
    for result in (table, latex):
        assert result.exit_code == 0
        assert result.stderr.splitlines()[-1].startswith("The thresholds were chosen on these pairs")


def test_pairs_can_come_from_standard_input_with_custom_fields_and_labels(
    invoke: Invoke, tiny_reranker_dir: Path
) -> None:
    lines = '{"c": "ice", "e": "sea", "l": "SUPPORTS"}\n{"c": "sun", "e": "sea", "l": "NEUTRAL"}\n'
    result = invoke(
        "evaluate-pairs", "-", "--reranker", tiny_reranker_dir, "--positive", "SUPPORTS", "--format", "json",
        "--claim-field", "c", "--evidence-field", "e", "--label-field", "l", stdin=lines,
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert (found["n_pairs"], found["n_relevant"]) == (2, 1)


def test_bad_pairs_stop_the_command_or_are_skipped_and_listed(
    invoke: Invoke, pairs: Path, tiny_reranker_dir: Path
) -> None:
    pairs.write_text(LINES + '{"claim": "ice", "evidence": " ", "label": 1}\n')
    stopped = invoke("evaluate-pairs", pairs, "--reranker", tiny_reranker_dir)
    assert (stopped.exit_code, stopped.stdout) == (1, "")
    assert stopped.stderr == f"Error: {pairs}:17: the text in field 'evidence' is blank\n"
    result = invoke("evaluate-pairs", pairs, "--reranker", tiny_reranker_dir, "--on-error", "skip", "--format", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["n_skipped"] == 1
    assert f"skipped {pairs}:17: the text in field 'evidence' is blank" in result.stderr.splitlines()
    assert "1 bad record skipped" in result.stderr.splitlines()


def test_unusable_input_is_a_one_line_error(
    invoke: Invoke, pairs: Path, tiny_reranker_dir: Path, tmp_path: Path
) -> None:
    alike = tmp_path / "alike.jsonl"
    alike.write_text('{"claim": "ice", "evidence": "sea", "label": 1}\n')
    for words, message in (
        ((tmp_path / "no.jsonl",), f"{tmp_path / 'no.jsonl'}: no such file or folder"),
        ((alike,), "1 of 1 pairs are relevant; accuracy, F1 and average precision need both kinds"),
        ((pairs, "--positive", "yes"), f"{pairs}: no pair has the label 'yes'; the labels are 0, 1"),
        ((pairs, "--output", tmp_path / "no" / "a"), f"{tmp_path / 'no' / 'a'}: cannot be written: there is no folder"),
    ):
        result = invoke("evaluate-pairs", *words, "--reranker", tiny_reranker_dir)
        assert (result.exit_code, result.stdout) == (1, "")
        (line,) = result.stderr.splitlines()[-1:]
        assert line.startswith(f"Error: {message}")
    assert invoke("evaluate-pairs", pairs, "--threshold", "1.5").exit_code == 2


def test_a_shorter_max_length_truncates_more_pairs(invoke: Invoke, tiny_reranker_dir: Path, tmp_path: Path) -> None:
    source = tmp_path / "pairs.jsonl"
    texts = ["ice " * 5, "ice " * 20]
    lines = [json.dumps({"claim": "sea", "evidence": text, "label": n}) for n, text in enumerate(texts)]
    source.write_text("\n".join(lines) + "\n")
    words = ("evaluate-pairs", source, "--reranker", tiny_reranker_dir)
    assert "too long" not in invoke(*words).stderr
    assert "1 pair too long for the reranker, cut" in invoke(*words, "--max-length", 20).stderr
