"""Whatever the README shows is run, and must come out as shown.

`python -m tests.test_readme` runs it too and writes the outputs that it finds into the README.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from claimhound.cli import main

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"

_BLOCK = re.compile(r"<!-- (run|shape) -->\n```(\w+)\n(.*?)```\n", re.DOTALL)
_FENCE = re.compile(r"```\w*\n(.*?)```\n", re.DOTALL)
# Float noise of another processor, and time.
_VARYING = re.compile(r"[<>]\.\d\d|\d+\.\d+|\d+ ms|[\d,]+ bytes")


class Step(NamedTuple):
    """A command and the output that is shown below it, empty if none is."""

    command: str
    shown: str


def steps(block: str) -> Iterator[Step]:
    """Yield the commands of a console block with their outputs."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield Step(command, shown)


def prepare(folder: Path) -> None:
    """Put into the folder what the README's commands find in a checkout, and three files of a user's own."""
    (folder / "data").mkdir()
    (folder / "data" / "sample").symlink_to(ROOT / "data" / "sample")
    claims = [json.loads(line)["text"] for line in (ROOT / "data/sample/claims.jsonl").read_text().splitlines()[:3]]
    (folder / "claims.txt").write_text("".join(f"{claim}\n" for claim in claims))
    pairs = [(claims[0], claims[0], 1), (claims[0], "The ice melts.", 0), (claims[1], claims[1], 1)]
    records = (dict(zip(("claim", "evidence", "label"), pair, strict=True)) for pair in pairs)
    (folder / "pairs.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "passages.txt").write_text("Solar modules cost a tenth of what they did.\nThe ice melts.\n")


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would who has activated the environment, in a terminal of 80 columns."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "COLUMNS": "80"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def essence(output: str) -> list[str]:
    """Return the words of an output with figures that may vary taken out."""
    return _VARYING.sub("#", output).split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the README's commands run one after the other."""
    folder = tmp_path_factory.mktemp("reader")
    prepare(folder)
    return folder


@pytest.mark.slow
def test_every_command_and_every_example_comes_out_as_shown(folder: Path) -> None:
    for kind, language, block in _BLOCK.findall(README.read_text()):
        if kind == "shape":
            continue
        if language == "python":
            found = run([sys.executable, "-c", block], folder)
            assert found.returncode == 0, found.stderr
            assert len(found.stdout.splitlines()) == 6
            continue
        for command, shown in steps(block):
            found = run(["sh", "-c", command], folder)
            assert found.returncode == 0, f"{command}\n{found.stderr}"
            if shown:
                assert essence(found.stdout) == essence(shown), command
    assert len((folder / "answers.jsonl").read_text().splitlines()) == 3


@pytest.mark.slow
def test_the_shape_of_the_answer_is_the_one_shown(folder: Path) -> None:
    ((_, _, block),) = [found for found in _BLOCK.findall(README.read_text()) if found[0] == "shape"]
    built = run(["claimhound", "index", "build", "data/sample/evidence.jsonl", "--index", "shape"], folder)
    assert built.returncode == 0, built.stderr
    answer = run(["claimhound", "search", "The MMR jab gives children autism.", "--index", "shape", "-k", "1",
                  "--format", "json"], folder)  # fmt: skip
    shown, found = json.loads(block), json.loads(answer.stdout)
    assert keys(found) == keys(shown)


def keys(value: object) -> object:
    """Return the nested key names of a JSON value, without the values; how many texts a list holds is one of those."""
    if isinstance(value, dict):
        return {name: keys(item) for name, item in value.items()}
    if isinstance(value, list):
        return [keys(item) for item in value if isinstance(item, dict)]
    return None


def test_every_command_that_there_is_is_shown() -> None:
    text = README.read_text()
    assert [name for name in command_names(main, "claimhound") if name not in text] == []


def command_names(command: click.Command, path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from command_names(child, f"{path} {name}")
    else:
        yield path


def test_every_command_shown_is_run_or_known() -> None:
    known = list(command_names(main, "claimhound"))
    for block in _FENCE.findall(README.read_text()):
        for line in re.findall(r"^(?:\$ )?(claimhound .*)$", block, flags=re.MULTILINE):
            assert any(line.startswith(name) for name in known), line


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text())
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []


def rewrite(say: Callable[[str], object]) -> None:
    """Write into the README what its commands print now, where it shows an output."""
    text = README.read_text()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        prepare(folder)
        for _, language, block in _BLOCK.findall(text):
            if language != "console":
                continue
            fresh = ""
            for command, shown in steps(block):
                say(command)
                found = run(["sh", "-c", command], folder)
                if found.returncode != 0:
                    sys.exit(found.stderr)
                fresh += f"$ {command}\n" + (found.stdout.rstrip("\n") + "\n" if shown else "")
            text = text.replace(block, fresh)
    README.write_text(text)


if __name__ == "__main__":
    rewrite(print)
