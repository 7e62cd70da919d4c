"""Every command and option says what it does, and help costs nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version

import click
import pytest
from command_runs import Invoke

from claimhound.cli import main


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))


COMMANDS = dict(commands(main))


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "claimhound")
def test_a_command_and_each_of_its_options_has_help(invoke: Invoke, path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert command.help
    without = [item.opts for item in command.params if isinstance(item, click.Option) and not item.help]
    assert without == []
    shown = invoke(*path, "--help")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("Usage: ")


@pytest.mark.parametrize("path", [(), ("index",)], ids=["claimhound", "index"])
def test_a_group_alone_prints_its_help_with_every_command_described_in_full(
    invoke: Invoke, path: tuple[str, ...]
) -> None:
    alone = invoke(*path)
    assert alone.exit_code == 0
    assert alone.stdout == invoke(*path, "--help").stdout
    group = COMMANDS[path]
    assert isinstance(group, click.Group)
    lines = alone.stdout.splitlines()
    for name in group.commands:
        (line,) = [line for line in lines if line.split()[:1] == [name]]
        assert line.endswith("."), line
        assert not line.endswith("..."), line


def test_help_fits_eighty_columns(invoke: Invoke) -> None:
    for path in COMMANDS:
        shown = invoke(*path, "--help", env={"COLUMNS": "80"}).stdout
        assert max(len(line) for line in shown.splitlines()) <= 80, path


def test_the_version_is_the_installed_one(invoke: Invoke) -> None:
    assert invoke("--version").stdout == f"claimhound {version('claimhound')}\n"


def test_what_is_no_command_is_a_usage_error(invoke: Invoke) -> None:
    result = invoke("serach")
    assert result.exit_code == 2
    assert "No such command 'serach'" in result.stderr
    assert result.stdout == ""


def test_importing_the_command_line_loads_no_heavy_library() -> None:
    heavy = ["torch", "transformers", "sentence_transformers", "datasets", "openvino", "faiss", "tantivy", "numpy"]
    code = f"import claimhound.cli, sys; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
