"""Measuring from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_runs import Invoke

from data.bundled import sample_dir
from data.trec import read_run

CLAIMS, QRELS = sample_dir() / "claims.jsonl", sample_dir() / "qrels.tsv"
MEASURES = ["R@1", "R@5", "R@10", "R@20", "R@50", "R@100", "RR@10", "nDCG@10"]


def test_a_table_shows_each_measure_at_each_stage_and_runs_are_written(
    invoke: Invoke, sample_index: Path, tiny_reranker_dir: Path, tmp_path: Path
) -> None:
    result = invoke(
        "evaluate", "--index", sample_index, "--claims", CLAIMS, "--qrels", QRELS,
        "--reranker", tiny_reranker_dir, "--rerank-k", 20, "--output", tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    title, header, *rows = result.stdout.splitlines()
    assert title == "42 claims, mean of each measure"
    assert header.split() == ["bm25", "dense", "fused", "rerank"]
    assert [row.split()[0] for row in rows] == MEASURES
    assert all(0 <= float(value) <= 1 for row in rows for value in row.split()[1:])
    assert max(map(len, result.stdout.splitlines())) <= 40
    for stage in ("bm25", "dense", "fused", "rerank"):
        assert len(read_run(tmp_path / "out" / f"{stage}.trec")) == 42
    assert f"wrote {tmp_path / 'out' / 'evaluation.json'}" in result.stderr.splitlines()


def test_json_holds_figures_settings_and_odd_input_which_is_also_reported(
    invoke: Invoke, sample_index: Path, tmp_path: Path
) -> None:
    claims, qrels = tmp_path / "claims.jsonl", tmp_path / "qrels.tsv"
    claims.write_text('{"id": "1", "text": "ice"}\n{"id": "2", "text": "moon"}\n')
    qrels.write_text("query-id\tcorpus-id\tscore\n1\tspace-moon-05\t1\n1\tgone\t1\n9\tspace-moon-05\t1\n")
    result = invoke(
        "evaluate", "--index", sample_index, "--claims", claims, "--qrels", qrels, "--no-rerank", "--format", "json"
    )
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["n_claims"] == 1
    assert list(found["means"]) == ["bm25", "dense", "fused"]
    assert list(found["means"]["bm25"]) == MEASURES
    assert (found["unjudged"], found["absent"], found["unknown_documents"]) == (["2"], ["9"], ["gone"])
    assert found["settings"]["claims"] == str(claims)
    assert result.stderr.splitlines() == [
        "claims without a relevant judgment, not counted: 1 (2)",
        "judged claims that are not among the claims, not counted: 1 (9)",
        "relevant documents that are not in the index, counted as not found: 1 (gone)",
    ]


@pytest.mark.parametrize(
    ("claims", "qrels", "message"),
    [
        ("missing.jsonl", QRELS, "missing.jsonl: no such file or folder"),
        (CLAIMS, "missing.tsv", "missing.tsv: no such file or folder"),
        (CLAIMS, CLAIMS, f"{CLAIMS}:1: "),
        (sample_dir() / "evidence.jsonl", QRELS, "none of the 471 claims has a relevant judgment"),
    ],
)
def test_files_that_cannot_be_used_are_one_line(
    invoke: Invoke, sample_index: Path, claims: object, qrels: object, message: str
) -> None:
    result = invoke("evaluate", "--index", sample_index, "--claims", claims, "--qrels", qrels, "--no-rerank")
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {message}")
