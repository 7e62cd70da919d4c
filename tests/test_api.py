"""The public names: complete, documented, typed, quick to import; the examples in docs/api.md run as shown."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import claimhound
from claimhound import EvidencePipeline, InputError, annotate, evaluate, open_pipeline
from claimhound.data.bundled import sample_dir

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "api.md"
EXAMPLE = re.compile(r"```python\n(?P<code>.*?)```\n(?:\n```text\n(?P<shown>.*?)```\n)?", re.DOTALL)
HEAVY = ("torch", "openvino", "faiss", "numpy", "tantivy", "click", "rich")


def test_the_public_names_are_sorted_and_each_can_be_imported() -> None:
    assert claimhound.__all__ == sorted(claimhound.__all__)
    assert dir(claimhound) == claimhound.__all__
    for name in claimhound.__all__:
        assert getattr(claimhound, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = claimhound.nothing


def test_type_checkers_see_exactly_the_public_names() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    (checked,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    seen |= {
        node.target.id for node in checked.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert seen == set(claimhound.__all__)


def test_the_page_shows_every_public_name_in_an_example() -> None:
    examples = "\n".join(found["code"] for found in EXAMPLE.finditer(PAGE.read_text(encoding="utf-8")))
    assert [name for name in claimhound.__all__ if not re.search(rf"\b{name}\b", examples)] == []


@pytest.mark.slow
def test_every_example_on_the_page_prints_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("evidence.jsonl", "claims.jsonl", "qrels.tsv"):
        shutil.copy(sample_dir() / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for found in EXAMPLE.finditer(PAGE.read_text(encoding="utf-8")):
        exec(found["code"], names)
        assert without_decimals(capsys.readouterr().out) == without_decimals(found["shown"] or ""), found["code"]


def without_decimals(text: str) -> str:
    """Return a text without decimal fractions, which vary with the processor."""
    return re.sub(r"\b\d\.\d+\b", "#", text)


@pytest.fixture(scope="module")
def words_only() -> EvidencePipeline:
    """The bundled sample in memory, searched by BM25 alone."""
    corpus = sample_dir() / "evidence.jsonl"
    return open_pipeline(corpus=corpus, with_encoder=False, with_reranker=False, with_stance=False)


def test_annotate_opens_the_pipeline_only_once_the_claims_are_read(
    tmp_path: Path, words_only: EvidencePipeline
) -> None:
    claims, output = sample_dir() / "claims.jsonl", tmp_path / "answers.jsonl"
    with pytest.raises(InputError, match=r"missing\.jsonl"):
        annotate(tmp_path / "missing.jsonl", output, lambda: pytest.fail("opened"))
    report = annotate(str(claims), str(output), lambda: words_only, k=2, limit=3)
    assert (report.n_claims, report.n_bad, report.output) == (3, 0, output)
    records = [json.loads(line) for line in output.read_text().splitlines()]
    assert [len(record["evidence"]) for record in records] == [2, 2, 2]
    with pytest.raises(ValueError, match="the pipeline has none"):
        annotate(claims, tmp_path / "other.jsonl", words_only, known=claims)


def test_evaluate_writes_a_report_and_passes_on_notices(tmp_path: Path, words_only: EvidencePipeline) -> None:
    claims = tmp_path / "claims.csv"
    claims.write_text("ID;Claim\nclaim-01;The oceans have crept up about 8 inches since 1900.\n")
    said: list[str] = []
    found = evaluate(
        words_only,
        claims,
        sample_dir() / "qrels.tsv",
        stages=["bm25"],
        output_dir=tmp_path / "out",
        on_notice=said.append,
    )
    assert found.means.keys() == {"bm25"}
    assert 0 < found.means["bm25"]["R@100"] <= 1
    assert (tmp_path / "out" / "report.html").is_file()
    assert any(str(claims) in line for line in said)


def test_evaluate_refuses_one_string_of_measures_or_stages(words_only: EvidencePipeline) -> None:
    for argument in ("measures", "stages"):
        with pytest.raises(TypeError, match=rf"{argument} is a sequence of names, not one string: \['bm25'\]"):
            evaluate(words_only, "claims.jsonl", "qrels.tsv", **{argument: "bm25"})  # type: ignore[arg-type]


def test_an_unavailable_device_is_not_blamed_on_the_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    index_dir = tmp_path / "ix"
    (tmp_path / "one.txt").write_text("Ice melts.\n")
    claimhound.build_index(tmp_path / "one.txt", index_dir)
    with pytest.raises(claimhound.ModelError, match=r"^no cuda device here"):
        open_pipeline(index_dir, compute=claimhound.Compute("cuda"))


def test_annotate_without_any_claim_says_so(tmp_path: Path, words_only: EvidencePipeline) -> None:
    claims = tmp_path / "claims.jsonl"
    claims.write_text('{"claim": "Ice melts."}\n')
    with pytest.raises(InputError, match=r"claims.jsonl: has no claims"):
        annotate(claims, tmp_path / "out.jsonl", words_only, limit=0)


def test_importing_the_package_loads_nothing_and_takes_less_than_50_ms() -> None:
    code = (
        "import sys, time; start = time.process_time(); import claimhound; spent = time.process_time() - start; "
        f"print(spent, *sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    spent, *heavy = found.stdout.split()
    assert heavy == []
    assert float(spent) < 0.05


USER_SCRIPT = """
from pathlib import Path

from claimhound import (
    ClaimEvidence,
    ClaimhoundError,
    Conditions,
    EvidencePipeline,
    PipelineConfig,
    __version__,
    annotate,
    build_index,
    delete_documents,
    evaluate,
    open_pipeline,
)

def evidence_for(claim: str, index_dir: Path) -> list[str]:
    pipeline: EvidencePipeline = open_pipeline(index_dir, config=PipelineConfig(rerank_k=10))
    answers: list[ClaimEvidence] = pipeline.find_evidence([claim], conditions=Conditions(before="2020"))
    return [hit.document.text for answer in answers for hit in answer.evidence]

try:
    n_read: int = build_index(["a.jsonl", Path("b.csv")], "index").n_read
    unknown: list[str] = delete_documents("a", Path("index")).unknown_ids
    n_claims: int = annotate("claims.jsonl", Path("out.csv"), lambda: open_pipeline("index")).n_claims
    mean: float = evaluate(open_pipeline("index"), "claims.jsonl").means["fused"]["nDCG@10"]
except ClaimhoundError as error:
    message: str = str(error) + __version__
"""


@pytest.mark.slow
def test_a_user_s_script_type_checks_strictly_and_mistakes_are_found(tmp_path: Path) -> None:
    source = tmp_path / "site"
    source.mkdir()
    (source / "claimhound").symlink_to(ROOT)
    script = tmp_path / "script.py"
    script.write_text(USER_SCRIPT + "\nopen_pipeline(5)\nreveal_type(evidence_for)\n")
    # Errors inside the package are for `make lint` to find. Following large libraries takes mypy a minute.
    large = ",".join(f"{library}.*" for library in ("torch", "transformers", "sentence_transformers", "numpy", "rich"))
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nstrict = True\nfollow_imports = silent\nignore_missing_imports = True\n"
        f"[mypy-{large}]\nfollow_imports = skip\n"
    )
    words = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), str(script)]
    environment = os.environ | {"MYPYPATH": str(source)}
    found = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    first, second, *rest = found.stdout.splitlines()
    assert 'error: Argument 1 to "open_pipeline" has incompatible type "int"' in first
    assert "def (claim: str, index_dir: pathlib.Path) -> list[str]" in second.replace("builtins.", "")
    assert rest == ["Found 1 error in 1 file (checked 1 source file)"], found.stderr


def test_wrong_arguments_are_refused_by_name_before_any_work(tiny_model_dir: Path) -> None:
    with pytest.raises(ValueError, match="no sources: name at least one"):
        claimhound.build_index([], "my-index", encoder=str(tiny_model_dir))
    with pytest.raises(ValueError, match="name an index folder or a corpus, not both"):
        claimhound.open_pipeline("my-index", corpus="passages.txt")
    with pytest.raises(TypeError, match=r"where must be \(field, value\) pairs of strings, got 'source'"):
        claimhound.Conditions(where={"source": "Notes"})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="before must be a date as a string, got 2020"):
        claimhound.Conditions(before=2020)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected a date as YYYY, YYYY-MM or YYYY-MM-DD, got 'soon'"):
        claimhound.Conditions(before="soon")
    with pytest.raises(ValueError, match="device is one of auto, cpu, cuda, mps, got 'gpu'"):
        claimhound.Compute("gpu")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="precision is one of auto, bf16, int8, f32, got 'fp8'"):
        claimhound.Compute(precision="fp8")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n_threads starts at 1, got 0"):
        claimhound.Compute(n_threads=0)
