"""A missing optional dependency is one line that names the command to install it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from claimhound.data.errors import InputError
from claimhound.data.extras import require

HIDING = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {module!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
from claimhound.cli import main
main({words!r}, prog_name="claimhound")
"""


def run_without(module: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process where a module cannot be imported."""
    code = HIDING.format(module=module, words=list(words))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_a_module_that_is_installed_is_fine_and_a_missing_one_names_its_extra() -> None:
    require("json", "report", "report.html")
    with pytest.raises(InputError) as caught:
        require("no_such_module", "report", "report.html")
    assert str(caught.value) == 'report.html: needs no_such_module; pip install "claimhound[report]"'


def test_an_evaluation_with_a_report_is_refused_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "run.trec").write_text("1 Q0 a 1 0.5 x\n")
    (tmp_path / "qrels.tsv").write_text("1\ta\t1\n")
    words = ("evaluate", "--run", f"{tmp_path}/run.trec", "--qrels", f"{tmp_path}/qrels.tsv")
    refused = run_without("matplotlib", *words, "--output", f"{tmp_path}/out")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == 'Error: report.html: needs matplotlib; pip install "claimhound[report]"\n'
    assert not (tmp_path / "out").exists()
    measured = run_without("matplotlib", *words)
    assert (measured.returncode, measured.stderr) == (0, "")


def test_training_without_its_extra_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"claim": "Ice melts.", "evidence": "It does.", "label": 1}\n')
    words = ("--data", f"{tmp_path}/pairs.jsonl", "--output", f"{tmp_path}/model")
    refused = run_without("accelerate", "train", "encoder", *words)
    assert refused.returncode == 1, refused.stderr
    assert refused.stderr == 'Error: training: needs accelerate; pip install "claimhound[train]"\n'


def test_a_data_set_of_the_catalogue_without_its_extra_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.trec").write_text("1 Q0 a 1 0.5 x\n")
    claims = "ir_datasets:beir/climate-fever"
    refused = run_without("ir_datasets", "evaluate", "--run", f"{tmp_path}/run.trec", "--claims", claims)
    assert refused.returncode == 1
    assert refused.stderr == f'Error: {claims}: needs ir_datasets; pip install "claimhound[ir-datasets]"\n'
