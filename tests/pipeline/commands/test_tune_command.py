"""Tuning from the command line, and the file that comes of it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from command_runs import Invoke

from claimhound.pipeline.search.config import PipelineConfig, read_config, write_config

CLAIM = "The sea level rises because ice melts."


@pytest.fixture
def tune(invoke: Invoke, small_index: Path, tmp_path: Path) -> Invoke:
    """Tune the small index on three claims whose words are in their evidence, without a reranker if none is named."""
    claims, qrels = tmp_path / "claims.jsonl", tmp_path / "qrels.tsv"
    claims.write_text('{"id": "1", "text": "ice"}\n{"id": "2", "text": "sea"}\n{"id": "3", "text": "wind"}\n')
    qrels.write_text("query-id\tcorpus-id\tscore\n1\ta\t1\n2\tb\t1\n2\tgone\t1\n3\tc\t1\n9\ta\t1\n")

    def run(*words: object) -> object:
        output = [] if "--output" in words else ["--output", tmp_path / "tuned.json"]
        no_rerank = [] if "--reranker" in words else ["--no-rerank"]
        return invoke("tune", "--index", small_index, "--claims", claims, "--qrels", qrels, *no_rerank, *output, *words)

    return run


def test_without_a_significant_gain_the_default_is_written(tune: Invoke, tmp_path: Path) -> None:
    result = tune("--folds", 3)
    assert result.exit_code == 0, result.stderr
    title, default, tuned, *_, note = result.stdout.splitlines()
    assert title == "3 claims, 560 settings, mean nDCG@10"
    assert default.startswith("default ")
    assert tuned.startswith("tuned, on claims left out ")
    assert "so the default settings are kept: nDCG@10 " in note
    assert result.stderr.splitlines() == [
        "judged claims that are not among the claims, not counted: 1 (9)",
        "relevant documents that are not in the index, counted as not found: 1 (gone)",
        f"wrote {tmp_path / 'tuned.json'}",
    ]
    written = json.loads((tmp_path / "tuned.json").read_text())
    assert written.pop("note").startswith(note)
    assert written == asdict(PipelineConfig())
    again = (tmp_path / "tuned.json").read_bytes()
    assert tune("--folds", 3).stdout == result.stdout
    assert (tmp_path / "tuned.json").read_bytes() == again


def test_a_reranker_is_tuned_with_its_depth(tune: Invoke, tiny_reranker_dir: Path, tmp_path: Path) -> None:
    result = tune("--reranker", tiny_reranker_dir, "--folds", 2, "--measure", "R@5")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("3 claims, 1680 settings, mean R@5\n")
    assert f"reranker {tiny_reranker_dir}" in json.loads((tmp_path / "tuned.json").read_text())["note"]
    read_config(tmp_path / "tuned.json")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "3 distinct judged claims are too few for 5 folds"),
        (["--measure", "best"], "'best' is not a measure that can be computed; "),
        (["--measure", "P@1 P@2"], "tuning goes by one measure, got 2: P@1 P@2"),
        (["--qrels", "missing.tsv"], "missing.tsv: no such file or folder"),
        (["--output", "missing/tuned.json"], "missing/tuned.json: cannot be written: there is no folder "),
        (["--output", "."], ".: is a folder, not a file; name a file to write"),
    ],
)
def test_a_failed_tuning_is_a_one_line_error_and_leaves_no_file(
    tune: Invoke, tmp_path: Path, words: list[str], message: str
) -> None:
    result = tune(*words)
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {message}")
    assert not (tmp_path / "tuned.json").exists()


def test_one_fold_is_a_usage_error(tune: Invoke) -> None:
    result = tune("--folds", 1)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == "Error: Invalid value for '--folds': 1 is not in the range x>=2."


class TestSearchWithAFileOfSettings:
    def test_settings_come_from_the_file_and_options_override_them(
        self, invoke: Invoke, sample_index: Path, tmp_path: Path
    ) -> None:
        deep, shallow, words_first = (tmp_path / f"{name}.json" for name in ("deep", "shallow", "words-first"))
        by_rank = PipelineConfig(fusion="reciprocal-rank", bm25_weight=0.5)
        write_config(by_rank, deep)
        write_config(replace(by_rank, first_stage_k=1), shallow)
        write_config(PipelineConfig(bm25_weight=1.0), words_first)
        search = ("search", CLAIM, "--index", sample_index, "--no-rerank", "--no-stance", "-k", 1, "--format", "json")

        def best(*words: object) -> dict[str, object]:
            result = invoke(*search, *words)
            assert result.exit_code == 0, result.stderr
            return json.loads(result.stdout)["evidence"][0]["stages"]

        assert best("--config", words_first)["bm25"]["rank"] == 1
        assert best("--config", shallow) == best("--config", deep, "--first-stage-k", 1) != best("--config", deep)
        # Also where the option repeats its default.
        assert best("--config", shallow, "--first-stage-k", by_rank.first_stage_k) == best("--config", deep)

    def test_adaptive_k_shows_hits_near_the_best(
        self, invoke: Invoke, sample_index: Path, tiny_reranker_dir: Path, tmp_path: Path
    ) -> None:
        found = {}
        for share in (1.0, 1e-6):
            config = tmp_path / "config.json"
            write_config(PipelineConfig(rerank_k=10, adaptive_share=share), config)
            result = invoke(
                "search", CLAIM, "--index", sample_index, "--reranker", tiny_reranker_dir, "--config", config,
                "-k", 4, "--adaptive-k", "--no-stance", "--format", "json",
            )  # fmt: skip
            assert result.exit_code == 0, result.stderr
            found[share] = json.loads(result.stdout)
        assert list(found[1.0]) == list(found[1e-6])
        assert found[1.0]["evidence"] == found[1e-6]["evidence"][:1]
        assert len(found[1e-6]["evidence"]) == 4

    def test_adaptive_k_needs_a_reranker(self, invoke: Invoke) -> None:
        result = invoke("search", "ice", "--index", "x", "--no-rerank", "--adaptive-k")
        assert result.exit_code == 2
        message = "Error: --adaptive-k needs the reranker's probabilities; leave out --no-rerank"
        assert result.stderr.splitlines()[-1] == message

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (None, "cannot be read (No such file or directory)"),
            ('{"rrf": 1}', "unknown field 'rrf'; the fields are first_stage_k, "),
            ('{"rrf_k": 1.5}', "field 'rrf_k' must be a whole number, got 1.5"),
        ],
    )
    def test_an_unusable_config_file_is_a_one_line_error(
        self, invoke: Invoke, small_index: Path, tmp_path: Path, text: str | None, message: str
    ) -> None:
        config = tmp_path / "config.json"
        if text is not None:
            config.write_text(text)
        result = invoke("search", "ice", "--index", small_index, "--no-rerank", "--config", config)
        assert result.exit_code == 1
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"Error: {config}: {message}")
