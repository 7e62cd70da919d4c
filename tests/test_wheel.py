"""The wheel has the code, sample and models and nothing else, and works away from the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pipeline", "indexes", "data")
MODULES = ("__init__.py", "__main__.py", "api.py", "cli.py", "py.typed")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the checkout, offline, with the build backend of the environment."""
    pytest.importorskip("setuptools", minversion="77", reason="the build backend is not installed")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in ("pyproject.toml", "README.md", "LICENSE", *MODULES):
        shutil.copy(ROOT / name, source)
    for name in (*PACKAGES, "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = target.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed wheel; its dependencies come from the running environment."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", "--target", folder, wheel], check=True)
    return folder


def test_the_wheel_contains_code_sample_models_and_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = archive.namelist()
    wanted = {f"claimhound/{name}" for name in MODULES} | {
        f"claimhound/{path.relative_to(ROOT).as_posix()}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    code = {name for name in held if ".dist-info/" not in name}
    assert code == wanted
    sample = {f"claimhound/data/sample/{name}" for name in ("evidence.jsonl", "claims.jsonl", "qrels.tsv")}
    assert sample <= code
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in held)


def test_the_installed_wheel_answers_a_claim_away_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(installed)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *words]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    # A user's own modules may be named like our folders.
    for name in ("data", "pipeline", "indexes", "cli"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('not ours')")
    found = run(
        "-c", "import claimhound.cli; claimhound.open_pipeline, claimhound.build_index; print(claimhound.__file__)"
    )
    assert found.stdout == f"{installed / 'claimhound' / '__init__.py'}\n", found.stderr
    assert {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")} == {"bin", "claimhound"}

    script = str(installed / "bin" / "claimhound")
    sample = str(installed / "claimhound" / "data" / "sample" / "evidence.jsonl")
    built = run(script, "index", "build", sample, "--index", "my-index")
    assert built.stdout == "my-index: generation 1, 471 documents (471 read)\n", built.stderr
    answer = run(script, "search", "The MMR jab gives children autism.", "--index", "my-index", "--format", "json")
    assert answer.returncode == 0, answer.stderr
    record = json.loads(answer.stdout)
    assert "health-measles-06" in [hit["doc_id"] for hit in record["evidence"]]
    assert record["models"] == {
        "encoder": "claimhound-encoder@1",
        "reranker": "claimhound-cross-encoder@1",
        "stance": "claimhound-cross-encoder@1",
    }
