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


def test_a_search_shows_stances_and_a_summary(invoke: Invoke, small_index: Path, tiny_stance_dir: Path) -> None:
    words = ("search", "the ice melts", "--index", small_index, "--no-rerank", "--stance", tiny_stance_dir)
    found = json.loads(invoke(*words, "--format", "json").stdout)
    assert found["models"]["stance"] == str(tiny_stance_dir)
    assert found["summary"]["label"] in {*LABELS, "DISPUTED"}
    for hit in found["evidence"]:
        assert list(hit["stance"]["probabilities"]) == LABELS
        assert sum(hit["stance"]["probabilities"].values()) == pytest.approx(1)
    table = invoke(*words).stdout
    assert ("\nStance: " in table) == (found["summary"]["label"] != "NOT_ENOUGH_INFO")
    assert "\n+ supports, - refutes, ~ neither\n" in table
    (row, *_) = csv.DictReader(io.StringIO(invoke(*words, "--format", "tsv").stdout), delimiter="\t")
    assert row["stance"] == found["evidence"][0]["stance"]["label"]


def test_no_stance_leaves_stances_out(invoke: Invoke, small_index: Path) -> None:
    words = ("search", "the ice melts", "--index", small_index, "--no-rerank", "--no-stance")
    found = json.loads(invoke(*words, "--format", "json").stdout)
    assert (found["summary"], found["models"]["stance"]) == (None, None)
    assert {hit["stance"] for hit in found["evidence"]} == {None}
    assert "stance" not in found["timings_ms"]
    assert "Stance" not in invoke(*words).stdout


def test_stance_excludes_no_stance_and_another_kind_of_model_is_refused(
    invoke: Invoke, small_index: Path, tiny_stance_dir: Path, tiny_reranker_dir: Path
) -> None:
    words = ("search", "the ice melts", "--index", small_index, "--no-rerank", "--stance")
    assert invoke(*words, tiny_stance_dir, "--no-stance").exit_code == 2
    refused = invoke(*words, tiny_reranker_dir)
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1].startswith(f"Error: {tiny_reranker_dir}: its labels are LABEL_0; a stance")


INFERENCE = (
    "contradiction is REFUTES, entailment is SUPPORTS, neutral is NOT_ENOUGH_INFO; reads the evidence, then the claim"
)


def test_how_an_nli_model_is_read_is_said_once(invoke: Invoke, small_index: Path, tiny_nli_dir: Path) -> None:
    words = ("search", "-", "--index", small_index, "--no-rerank", "--format", "jsonl", "--stance", tiny_nli_dir)
    found = invoke(*words, stdin="the ice melts\nthe sea level rises\n")
    assert found.exit_code == 0, found.stderr
    assert found.stderr.splitlines()[-1] == f"stance model {tiny_nli_dir}: {INFERENCE}"
    assert found.stderr.count("stance model") == 1
    # The same outputs under other names: each stance gets what another had.
    named = invoke(*words, "--stance-labels", "entailment,neutral,contradiction", stdin="the ice melts\n")
    assert named.exit_code == 0, named.stderr
    before, after = (json.loads(out.splitlines()[0])["evidence"][0]["stance"] for out in (found.stdout, named.stdout))
    turned = dict(
        zip(("REFUTES", "SUPPORTS", "NOT_ENOUGH_INFO"), ("SUPPORTS", "NOT_ENOUGH_INFO", "REFUTES"), strict=True)
    )
    assert {turned[name]: value for name, value in before["probabilities"].items()} == after["probabilities"]


@pytest.mark.parametrize("command", ["search", "annotate", "evaluate-stance", "doctor"])
def test_stance_labels_need_a_model_and_must_be_meaningful(invoke: Invoke, command: str) -> None:
    words: dict[str, tuple[object, ...]] = {
        "search": ("ice", "--index", "i"),
        "annotate": ("claims.jsonl", "--index", "i", "--output", "o.jsonl"),
        "evaluate-stance": ("rte:no.tsv",),
        "doctor": (),
    }
    nameless = invoke(command, *words[command], "--stance-labels", "contradiction,entailment,neutral")
    assert nameless.exit_code == 2
    assert "--stance-labels names the outputs of --stance MODEL" in nameless.stderr
    senseless = invoke(command, *words[command], "--stance", "m", "--stance-labels", "good,bad")
    assert senseless.exit_code == 2
    assert "'good,bad' does not name three outputs in order" in " ".join(senseless.stderr.split())


def test_an_annotation_does_not_resume_with_other_labels(
    invoke: Invoke, small_index: Path, tiny_nli_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "claims.txt").write_text("the ice melts\n")
    words = (
        "annotate",
        tmp_path / "claims.txt",
        "--index",
        small_index,
        "--no-rerank",
        "--output",
        tmp_path / "o.jsonl",
    )
    words += ("--stance", tiny_nli_dir)
    first = invoke(*words)
    assert first.exit_code == 0, first.stderr
    assert invoke(*words).exit_code == 0
    # The same map of labels, but the claim read first.
    refused = invoke(*words, "--stance-labels", "REFUTES,SUPPORTS,NEI")
    assert refused.exit_code == 1
    assert "other settings" in refused.stderr.splitlines()[-1]
    assert "pair" in refused.stderr.splitlines()[-1]


def test_an_evaluation_names_labels_and_pair_order_if_not_ours(invoke: Invoke, pairs: Path, tiny_nli_dir: Path) -> None:
    words = ("evaluate-stance", f"climate_fever:{pairs}", "--stance", tiny_nli_dir, "--format", "json")
    measured = invoke(*words)
    assert measured.exit_code == 0, measured.stderr
    assert measured.stderr.count(f"stance model {tiny_nli_dir}: {INFERENCE}\n") == 1
    record = json.loads(measured.stdout)
    assert (record["labels"], record["pair"]) == (["contradiction", "entailment", "neutral"], ["evidence", "claim"])


def test_doctor_shows_how_a_stance_model_is_read_or_why_it_cannot_be(
    invoke: Invoke, tiny_nli_dir: Path, tiny_reranker_dir: Path
) -> None:
    lines = [line.split(maxsplit=2) for line in invoke("doctor", "--stance", tiny_nli_dir).stdout.splitlines()]
    outputs, order = INFERENCE.split("; reads ")
    assert ["stance", "model", str(tiny_nli_dir)] in lines
    assert ["its", "labels", outputs] in lines
    assert ["it", "reads", order] in lines
    given = invoke("doctor", "--stance", tiny_nli_dir, "--stance-labels", "REFUTES,SUPPORTS,NEI")
    assert "the claim, then the evidence" in given.stdout
    other = invoke("doctor", "--stance", tiny_reranker_dir)
    assert other.exit_code == 1
    assert f"stance model: {tiny_reranker_dir}: its labels are LABEL_0; a stance model has" in other.stderr


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
def test_figures_can_be_a_table_csv_or_latex(invoke: Invoke, pairs: Path, tiny_stance_dir: Path, columns: str) -> None:
    words = ("evaluate-stance", f"climate_fever:{pairs}", "--stance", tiny_stance_dir)
    shown = invoke(*words, env={"COLUMNS": columns})
    assert shown.exit_code == 0, shown.stderr
    assert "24 pairs of 8 claims" in " ".join(shown.stdout.split())
    assert len(list(csv.DictReader(io.StringIO(invoke(*words, "--format", "csv").stdout)))) == 1
    assert invoke(*words, "--format", "latex").stdout.startswith(r"\begin{tabular}")


def test_an_unusable_model_or_set_is_a_one_line_error(
    invoke: Invoke, pairs: Path, tiny_stance_dir: Path, tmp_path: Path
) -> None:
    dev = pairs.rename(tmp_path / "climate_dev.jsonl")
    for words, message in (
        (("train", "stance", "--data", f"climate_fever:{dev}", "--output", tmp_path / "m"), f"{dev}: its name says"),
        (("train", "stance", "--data", "snli:x", "--output", tmp_path / "m"), "'snli:x': not a labelled set"),
        (("evaluate-stance", "rte:no.tsv"), "no.tsv: no such file or folder"),
        (
            ("evaluate-stance", f"climate_fever:{dev}", "--output", tmp_path / "no" / "a"),
            f"{tmp_path / 'no' / 'a'}: can",
        ),
    ):
        result = invoke(*words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.splitlines()[-1].startswith(f"Error: {message}")


def test_doctor_finds_the_stance_model(invoke: Invoke) -> None:
    found = invoke("doctor")
    assert "model claimhound-cross-encoder" in found.stdout
    assert "stance" not in found.stderr


def test_stance_figures_are_printed_even_if_their_file_cannot_be_written(
    invoke: Invoke, pairs: Path, tiny_stance_dir: Path, tmp_path: Path
) -> None:
    words = ("evaluate-stance", f"climate_fever:{pairs}", "--stance", tiny_stance_dir)
    full = invoke(*words, "--output", "/dev/full")
    assert full.exit_code == 1
    assert full.stdout == invoke(*words).stdout
    assert full.stderr.splitlines()[-1] == "Error: /dev/full: cannot be written: No space left on device"
    early = invoke(*words, "--output", tmp_path)
    assert (early.exit_code, early.stdout) == (1, "")
    assert early.stderr == f"Error: {tmp_path}: is a folder, not a file; name a file to write\n"


def test_a_stance_set_with_numeric_labels_is_measured_with_label_names(
    invoke: Invoke, pairs: Path, tiny_stance_dir: Path
) -> None:
    words = ("evaluate-stance", f"climate_fever:{pairs}", "--stance", tiny_stance_dir)
    named = invoke(*words).stdout
    text = pairs.read_text()
    for number, label in enumerate(LABELS):
        text = text.replace(f'"evidence_label": "{label}"', f'"evidence_label": {number}')
    pairs.write_text(text)
    assert "--label-names SUPPORTS,REFUTES,NOT_ENOUGH_INFO" in invoke(*words).stderr
    assert invoke(*words, "--label-names", ",".join(LABELS)).stdout == named
