"""Mining and training from the command line: from an index of the sample to an index by the new encoder."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
from command_runs import Invoke

from claimhound.data.bundled import sample_dir
from claimhound.pipeline.training.encoder.recipe import EncoderRecipe
from claimhound.pipeline.training.two_heads.recipe import TwoHeadRecipe

LOOSE = ("--max-cosine", 1)  # random weights find everything similar
QUICK = ("--precision", "fp32", "--batch-size", 8, "--mini-batch-size", 8, "--n-negatives", 1, "--threads", 1)
F32 = ("--precision", "f32", "--threads", 1)  # one conversion, where auto makes three and measures them


@pytest.fixture(scope="module")
def mined(invoke: Invoke, sample_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mined") / "mined.jsonl"
    result = invoke("mine", *judged_sample(sample_index), "--output", path, "--n-negatives", 2, *LOOSE)
    assert result.exit_code == 0, result.stderr
    n_claims = len(path.read_text().splitlines())
    assert result.stdout.startswith(f"{path}: {n_claims} claims, ")
    assert all(json.loads(line)["negatives"] for line in path.read_text().splitlines())
    return path


def judged_sample(index: Path) -> tuple[object, ...]:
    return ("--index", index, "--claims", sample_dir() / "claims.jsonl", "--qrels", sample_dir() / "qrels.tsv")


def test_mining_the_same_again_gives_the_same_bytes(invoke: Invoke, mined: Path, sample_index: Path, tmp_path: Path):
    again = tmp_path / "again.jsonl"
    common = ("mine", *judged_sample(sample_index), "--n-negatives", 2, *LOOSE)
    invoke(*common, "--output", again)
    assert again.read_bytes() == mined.read_bytes()
    left_out = tmp_path / "left-out.jsonl"
    result = invoke(*common, "--output", left_out, "--exclude-claims", sample_dir() / "claims.jsonl")
    assert result.exit_code == 1
    assert "none of the 0 claims" in result.stderr
    assert not left_out.exists()


def test_a_reranker_and_a_margin_leave_candidates_out(
    invoke: Invoke, mined: Path, sample_index: Path, tiny_reranker_dir: Path, tmp_path: Path
):
    common = ("mine", *judged_sample(sample_index), "--output", tmp_path / "m.jsonl")
    result = invoke(*common, "--reranker", tiny_reranker_dir, "--max-p", 1e-9, "--pool-k", 10, *LOOSE)
    assert result.exit_code == 0, result.stderr
    assert "candidates rejected: relevant to the reranker: " in result.stderr
    result = invoke(*common, "--margin", 1, "--pool-k", 10, *LOOSE)
    assert "candidates rejected: as near the claim as its evidence: " in result.stderr


def test_mined_pairs_train_an_encoder_that_can_build_an_index(
    invoke: Invoke, mined: Path, tmp_path: Path, tiny_model_dir: Path
):
    output = tmp_path / "encoder"
    common = ("train", "encoder", "--data", f"mined:{mined}", "--base-model", tiny_model_dir, "--output", output)
    result = invoke(*common, *QUICK, "--epochs", 1)
    assert result.exit_code == 0, result.stderr
    trained, base, after = result.stdout.splitlines()
    assert trained.startswith(f"{output}: trained on ")
    assert base.startswith("base      recall@1 ")
    assert after.startswith("trained   recall@1 ")
    assert "nan" not in result.stdout
    assert "| precision | fp32 |" in (output / "README.md").read_text()
    corpus = sample_dir() / "evidence.jsonl"
    built = invoke("index", "build", corpus, "--index", tmp_path / "i", "--encoder", output, *F32)
    assert built.exit_code == 0, built.stderr


@pytest.mark.parametrize(("command", "recipe"), [("encoder", EncoderRecipe), ("cross-encoder", TwoHeadRecipe)])
def test_every_setting_of_the_recipe_is_an_option_with_its_default(invoke: Invoke, command, recipe):
    shown = " ".join(invoke("train", command, "--help").stdout.split())
    for setting in fields(recipe):
        flag = f"--{setting.name.replace('_', '-')}"
        if setting.name in ("warmup_share", "weight_decay"):
            assert flag not in shown
            continue
        assert flag in shown
        if setting.default is not False:
            rest = shown.split(f" {flag} ", 1)[1]
            assert rest.split("[default: ", 1)[1].startswith(f"{setting.default}]"), flag


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--data", "moon:x"), "Error: 'moon:x': not a labelled set; write KIND:PATH, where KIND is one of mined, "),
        (("--data", "mined:missing.jsonl"), "Error: missing.jsonl: no such file or folder"),
        (("--data", "pairs:{pairs}", "--batch-size", 1), "Error: batch_size must be at least 2, not 1"),
        (("--data", "pairs:{pairs}", "--base-model", "./missing"), "Error: ./missing: no such model folder"),
        (("--data", "pairs:{pairs}"), "Error: nothing to learn from: "),
        (("--data", "pairs:{bad}"), "Error: {bad}:1: 'label' must be a number in [0, 1], not 7; name labels of "),
        (("--data", "mined:{pairs}"), "Error: {pairs}:1: is not a mined claim; 'claimhound mine' writes"),
    ],
)
def test_an_error_the_user_can_fix_is_one_line(
    invoke: Invoke, tmp_path: Path, tiny_model_dir: Path, words: tuple[object, ...], message: str
):
    names = {"pairs": tmp_path / "pairs.jsonl", "bad": tmp_path / "bad.jsonl"}
    for name, label in (("pairs", 1), ("bad", 7)):
        names[name].write_text(json.dumps({"claim": "ice", "text": "ice melts", "label": label}))
    given = [str(word).format(**names) for word in words]
    base = [] if "--base-model" in given else ["--base-model", tiny_model_dir]
    result = invoke("train", "encoder", "--output", tmp_path / "m", *given, *base)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith(message.format(**names))
    assert result.stdout == ""
