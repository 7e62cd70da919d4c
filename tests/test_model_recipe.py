"""The Makefile of the bundled models: its whole graph on about one per cent of the data, with tiny base models."""

from __future__ import annotations

import csv
import io
import json
import lzma
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from claimhound.pipeline.models.blending import load_blend
from claimhound.pipeline.models.cross_encoders import load_pair_models, load_stance
from claimhound.pipeline.serving.compute import Compute

pytestmark = [
    pytest.mark.shared,
    pytest.mark.slow,
    pytest.mark.skipif("MODEL_RECIPE" not in os.environ, reason="takes ten minutes; run it with: make test-recipe"),
]

MODELS = Path(__file__).resolve().parents[1] / "data" / "models"
# Of each file, but at least so many lines: there must be claims of every label, and some to hold out.
ONE_IN = 100
AT_LEAST = 60


def _read(path: Path) -> list[str]:
    with lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else path.open(encoding="utf-8") as file:
        return file.readlines()


def _write(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(path, "wt", encoding="utf-8") if path.suffix == ".xz" else path.open("w", encoding="utf-8") as file:
        file.writelines(lines)


def _drawn(lines: list[str]) -> list[str]:
    """Return lines drawn at random, since labels often alternate, in their order."""
    n_drawn = min(len(lines), max(AT_LEAST, len(lines) // ONE_IN))
    return [lines[number] for number in sorted(random.Random(0).sample(range(len(lines)), n_drawn))]


class _Cut:
    """Writes a part of each data set in the same shape; what a kept record names is kept too."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source = source
        self._target = target

    def lines(self, name: str, keep: Callable[[str], bool] | None = None, *, header: int = 0) -> list[str]:
        """Cut a file of lines; `keep` chooses further ones, and the first `header` lines stay."""
        lines = _read(self._source / name)
        chosen = set(_drawn(lines[header:])) | {line for line in lines if keep is not None and keep(line)}
        kept = [line for number, line in enumerate(lines) if number < header or line in chosen]
        _write(self._target / name, kept)
        return kept[header:]

    def only(self, name: str, keep: Callable[[str], bool], *, header: int = 0) -> None:
        """Cut a file to the lines to keep."""
        lines = _read(self._source / name)
        _write(self._target / name, [*lines[:header], *filter(keep, lines[header:])])

    def climate(self) -> None:
        judged: set[str] = set()
        for part in ("queries-train.jsonl.xz", "queries-dev.jsonl"):
            claims = {json.loads(line)["_id"] for line in self.lines(f"climate/{part}")}
            qrels = f"climate/qrels-{'train' if 'train' in part else 'dev'}.tsv"
            self.only(qrels, lambda line, claims=claims: line.split("\t")[0] in claims, header=1)  # type: ignore[misc]
            judged |= {line.split("\t")[1] for line in _read(self._target / qrels)}
        self.lines("climate/corpus.jsonl.xz", lambda line: json.loads(line)["_id"] in judged)

    def scifact_shaped(self, folder: str, train: str) -> None:
        """Cut the claims; the corpus of some thousand papers stays, since claims name them in several fields."""
        for name in (train, "claims_dev.jsonl"):
            self.lines(f"{folder}/{name}")
        _write(self._target / folder / "corpus.jsonl.xz", _read(self._source / folder / "corpus.jsonl.xz"))

    def table(self, name: str, delimiter: str) -> None:
        """Cut a CSV or TSV, whose cells may hold line breaks."""
        header, *rows = csv.reader(io.StringIO("".join(_read(self._source / name))), delimiter=delimiter)
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(
            [header, *rows[:: max(1, len(rows) // AT_LEAST)]]
        )
        _write(self._target / name, [text.getvalue()])

    def checked(self) -> None:
        folder = "checkthat2022_2a"
        tweets = self.lines(f"{folder}/CT2022-Task2A-EN-Train-Dev_Queries.tsv.xz")
        ids = {line.split("\t")[0] for line in tweets}
        qrels = f"{folder}/CT2022-Task2A-EN-Train_QRELs.tsv"
        self.only(qrels, lambda line: line.split()[0] in ids)
        judged = {line.split()[2] for line in _read(self._target / qrels)}
        self.lines(f"{folder}/verified_claims.jsonl.xz", lambda line: not judged.isdisjoint(_ids(json.loads(line))))

    def squad(self) -> None:
        name = "squad/1_1-train.json.xz"
        content = json.loads("".join(_read(self._source / name)))
        _write(self._target / name, [json.dumps({**content, "data": content["data"][::ONE_IN]})])


def _ids(record: dict[str, object]) -> Iterator[str]:
    yield from (value for value in record.values() if isinstance(value, str))


@pytest.fixture(scope="module")
def few_data(shared_datasets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("few-data")
    cut = _Cut(shared_datasets, target)
    cut.climate()
    cut.scifact_shaped("scifact", "claims_train.jsonl")
    cut.scifact_shaped("healthver", "claims_train.jsonl.xz")
    cut.scifact_shaped("citation_integrity", "claims_train.jsonl.xz")
    cut.table("healthver/healthver_dev.csv.xz", ",")
    for name in ("covidfact/train.tsv.xz", "covidfact/dev.tsv.xz", "rte/train.tsv.xz", "rte/dev.tsv"):
        cut.lines(name, header=1)
    for name in ("split-train-1228", "split-dev-154"):
        cut.lines(f"climate_fever/{name}.jsonl.xz")
    for name in ("fever", "hover", "vitaminc"):
        cut.lines(f"sufficient_facts/{name}_sufficient_facts.jsonl.xz")
    for name in ("fever_symmetric_dev.jsonl.xz", "fever_symmetric_generated.jsonl"):
        cut.lines(f"fever_symmetric/{name}")
    cut.lines("fool_me_twice/dev.jsonl.xz")
    cut.checked()
    cut.squad()
    for path in sorted((shared_datasets / "pairs").glob("*/*.jsonl.xz")):
        cut.lines(str(path.relative_to(shared_datasets)))
    return target


def _make(*words: str, data: Path, work: Path, base: Path) -> subprocess.CompletedProcess[str]:
    options = {
        "DATA": data,
        "WORK": work,
        "BASE": base,
        "TEACHER_BASE": base,
        "CLAIMHOUND": f"{sys.executable} -m claimhound",
    }
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(
        ["make", "-C", str(MODELS), *words, *(f"{name}={value}" for name, value in options.items())],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip


@pytest.mark.skipif(shutil.which("make") is None or shutil.which("xz") is None, reason="needs make and xz")
def test_the_whole_graph_is_made_and_then_nothing_is_left_to_make(
    few_data: Path, tiny_base_dir: Path, tmp_path: Path
) -> None:
    made = _make("models", "teacher", data=few_data, work=tmp_path, base=tiny_base_dir)
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-4000:]
    reranker, stance = load_pair_models(
        str(tmp_path / "cross-encoder"), str(tmp_path / "cross-encoder"), Compute("cpu", precision="f32")
    )
    assert reranker is not None
    assert reranker is stance
    assert reranker.has_two_heads
    assert load_blend(tmp_path / "cross-encoder").measured is not None
    assert (tmp_path / "cross-encoder" / "summary.json").is_file()
    assert load_stance(str(tmp_path / "teacher"), Compute("cpu", precision="f32")).has_two_heads
    assert (tmp_path / "encoder" / "README.md").is_file()
    again = _make("models", "teacher", data=few_data, work=tmp_path, base=tiny_base_dir)
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout
