"""Calibrating a reranker from the command line, and its effect on search and evaluate."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from command_runs import Invoke

from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.commands.calibrate import DEFAULT_FEATURES, FEATURES
from claimhound.pipeline.models import blending


@pytest.fixture
def model_dir(tiny_reranker_dir: Path, tmp_path: Path) -> Path:
    """A reranker of the user's own."""
    return Path(shutil.copytree(tiny_reranker_dir, tmp_path / "reranker"))


@pytest.fixture
def calibrate(invoke: Invoke, small_index: Path, tmp_path: Path) -> Invoke:
    """Calibrate a model with three claims about three sentences."""
    claims, qrels = tmp_path / "claims.jsonl", tmp_path / "qrels.tsv"
    claims.write_text('{"id": "1", "text": "ice"}\n{"id": "2", "text": "sea"}\n{"id": "3", "text": "wind"}\n')
    qrels.write_text("query-id\tcorpus-id\tscore\n1\ta\t1\n2\tb\t1\n3\tc\t1\n9\ta\t1\n")

    def run(model: object, *words: object) -> object:
        folds = [] if "--folds" in words else ["--folds", 3]
        return invoke("calibrate", model, "--index", small_index, "--claims", claims, "--qrels", qrels, *folds, *words)

    return run


def test_the_blend_is_written_with_what_was_measured_and_shown_by_evaluate(
    calibrate: Invoke, invoke: Invoke, model_dir: Path, small_index: Path, tmp_path: Path
) -> None:
    result = calibrate(model_dir)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("3 claims, 9 hits; after: 3-fold cross-validation by claim\n")
    assert "calibration error of the first 5" in result.stdout
    assert "No threshold for answers in which nothing is relevant: it takes an encoder, 50 claims" in result.stdout
    said = result.stderr.splitlines()
    assert "Use claims that the reranker was NOT trained on: on those it is more confident than it is accurate." in said
    assert "judged claims that are not among the claims, not counted: 1 (9)" in said
    assert said[-1] == f"wrote {model_dir / 'blend.json'}"
    record = json.loads((model_dir / "blend.json").read_text())
    assert (record["format"], record["measured"]["n_claims"], record["relevance"]) == (2, 3, None)
    again = (model_dir / "blend.json").read_bytes()
    assert calibrate(model_dir).exit_code == 0
    assert (model_dir / "blend.json").read_bytes() == again

    judged = ["--claims", tmp_path / "claims.jsonl", "--qrels", tmp_path / "qrels.tsv", "--reranker", model_dir]
    output = tmp_path / "measured"
    shown = invoke("evaluate", "--index", small_index, *judged, "--output", output)
    assert shown.exit_code == 0, shown.stderr
    assert "Stored with the reranker: fitted on 3 claims" in " ".join(shown.stdout.split())
    assert "Stored with the reranker: fitted on 3 claims" in (output / "report.html").read_text()
    settings = json.loads((output / "evaluation.json").read_text())["settings"]
    assert settings["reranker"]["blend"]["measured"]["n_folds"] == 3


@pytest.fixture
def other_index(invoke: Invoke, tiny_model_dir: Path, tmp_path: Path) -> Path:
    """An index of three sentences of another field, with the ids of the first."""
    corpus = tmp_path / "other.jsonl"
    corpus.write_text(
        '{"id": "a", "text": "Vaccines work."}\n{"id": "b", "text": "Masks help."}\n{"id": "a#1", "text": "They do."}\n'
    )
    index_dir = tmp_path / "other" / "small-index"
    index_dir.parent.mkdir()
    assert invoke("index", "build", corpus, "--index", index_dir, "--encoder", tiny_model_dir).exit_code == 0
    return index_dir


SCIFACT = (
    '{"id": 1, "claim": "vaccines work", "evidence": {"a": [{"sentences": [1], "label": "SUPPORT"}]}}\n'
    '{"id": 2, "claim": "do they", "evidence": {"a": [{"sentences": [1], "label": "CONTRADICT"}]}}\n'
    '{"id": 3, "claim": "vaccines", "evidence": {"a": [{"sentences": [1], "label": "SUPPORT"}]}}\n'
)


def test_further_fields_have_their_own_index_claims_and_judgments(
    calibrate: Invoke, model_dir: Path, other_index: Path, tmp_path: Path
) -> None:
    (tmp_path / "scifact.jsonl").write_text(SCIFACT)
    field = ["--also", other_index, tmp_path / "scifact.jsonl", tmp_path / "scifact.jsonl"]
    result = calibrate(model_dir, *field)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "6 claims, 18 hits in 2 fields; after: 3-fold cross-validation by claim"
    assert "small-index (1): 3 claims, 9 hits" in lines
    assert "small-index (2): 3 claims, 9 hits" in lines
    said = result.stderr.splitlines()
    assert "small-index (1): judged claims that are not among the claims, not counted: 1 (9)" in said
    measured = json.loads((model_dir / "blend.json").read_text())["measured"]
    by_document = [(one["name"], one["n_claims"], one["n_hits"]) for one in measured["fields"]]
    assert by_document == [("small-index (1)", 3, 9), ("small-index (2)", 3, 9)]
    by_sentence = calibrate(model_dir, *field[:3], f"{field[3]}@sentence")
    assert by_sentence.exit_code == 0, by_sentence.stderr
    assert json.loads((model_dir / "blend.json").read_text())["measured"]["fields"][1] != measured["fields"][1]


def test_features_can_be_chosen_by_name(calibrate: Invoke, model_dir: Path) -> None:
    assert (tuple(blending.FEATURES), blending.FITTED_FEATURES) == (FEATURES, DEFAULT_FEATURES)
    words = [word for name in ("cosine", "logit", "cosine") for word in ("--feature", name)]
    result = calibrate(model_dir, *words)
    assert result.exit_code == 0, result.stderr
    assert list(json.loads((model_dir / "blend.json").read_text())["weights"]) == ["cosine", "logit"]
    refused = calibrate(model_dir, "--feature", "decides")
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1].startswith(
        f"Error: {model_dir}: the feature decides takes a model that also tells the stance"
    )
    assert calibrate(model_dir, "--feature", "moon").exit_code == 2


def test_standard_input_is_the_file_of_one_field(calibrate: Invoke, model_dir: Path, other_index: Path) -> None:
    result = calibrate(model_dir, "--also", other_index, "-", "x.tsv", "--also", other_index, "x.jsonl", "-")
    assert result.exit_code == 2
    assert "standard input can be read only once; name a file for the other fields" in result.stderr


def test_a_copy_leaves_the_model_as_it_was(calibrate: Invoke, invoke: Invoke, model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text('{"id": "x", "text": "ICE"}\n')
    copy = tmp_path / "copy"
    result = calibrate(model_dir, "--output", copy, "--exclude-claims", tmp_path / "other.jsonl", "--folds", 2)
    assert result.exit_code == 0, result.stderr
    assert "1 claim left out by --exclude-claims" in result.stderr.splitlines()
    assert list(json.loads((copy / "blend.json").read_text())["weights"]) == ["logit", "log_fused_rank"]
    assert not (model_dir / "blend.json").exists()
    assert (copy / "model.safetensors").read_bytes() == (model_dir / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--folds", 5], "3 distinct judged claims are too few for 5 folds"),
        (["--output", "missing/copy"], "missing/copy: cannot be written: no such folder: "),
        (["--output", "."], ".: already exists; choose a new folder for the copy"),
        (["--exclude-claims", "missing.jsonl"], "missing.jsonl: no such file or folder"),
        (["--also", "missing", "missing.jsonl", "missing.jsonl"], "missing.jsonl: no such file or folder"),
        (["--without-evidence", "missing.jsonl"], "missing.jsonl: no such file or folder"),
    ],
)
def test_a_failed_calibration_is_one_line_and_changes_nothing(
    calibrate: Invoke, model_dir: Path, words: list[object], message: str
) -> None:
    result = calibrate(model_dir, *words)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1].startswith(f"Error: {message}")
    assert not (model_dir / "blend.json").exists()


def test_a_model_that_is_not_the_user_s_own_needs_a_copy(calibrate: Invoke) -> None:
    result = calibrate("bundled")
    assert result.exit_code == 1
    assert result.stderr == "Error: bundled: not a local folder; name a folder for a copy with --output DIR\n"


def test_a_folder_whose_blend_cannot_be_written_is_an_error(calibrate: Invoke, model_dir: Path) -> None:
    assert calibrate(model_dir).exit_code == 0
    kept = (model_dir / "blend.json").read_text()
    (model_dir / "blend.json").unlink()
    (model_dir / "blend.json").mkdir()
    result = calibrate(model_dir)
    assert result.exit_code == 1
    assert "blend.json: is not a valid blend (IsADirectoryError" in result.stderr.splitlines()[-1]
    assert '"format": 2' in kept


def test_search_leaves_out_evidence_with_a_low_probability(
    invoke: Invoke, small_index: Path, tiny_reranker_dir: Path
) -> None:
    models = ["--reranker", tiny_reranker_dir, "--no-stance"]
    search = ["search", "ice", "--index", small_index, *models, "--format", "json"]
    every = json.loads(invoke(*search).stdout)
    assert every["nothing_relevant"] is None
    lowest = sorted(hit["score"] for hit in every["evidence"])[1]
    kept = json.loads(invoke(*search, "--min-score", lowest).stdout)
    assert [hit["doc_id"] for hit in kept["evidence"]] == [
        hit["doc_id"] for hit in every["evidence"] if hit["score"] >= lowest
    ]
    assert invoke(*search[:4], "--no-rerank", "--min-score", 0.5).exit_code == 2


def test_an_index_gives_a_sample_of_its_documents(small_index: Path) -> None:
    index = IndexSnapshot.open(small_index)
    assert index.sample(2, 0) == index.sample(2, 0)
    assert [document.doc_id for document in index.sample(9, 0)] == ["a", "b", "c"]
