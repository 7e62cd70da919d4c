"""Help: every command and option is described, and fits narrow terminals."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

import click
import pytest
from click.testing import CliRunner
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


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "claimhound")
def test_help_fits_the_terminal_and_breaks_no_word(path: tuple[str, ...], columns: int) -> None:
    # click leaves the last two columns of a terminal free; its CliRunner ignores COLUMNS.
    shown = CliRunner().invoke(main, [*path, "--help"], terminal_width=columns - 2).stdout
    assert max(len(line) for line in shown.splitlines()) <= columns
    command = COMMANDS[path]
    helps = [item.help for item in command.params if isinstance(item, click.Option)]
    words = " ".join([command.help or "", command.epilog or "", *map(str, helps)]).split()
    assert [word for word in words if word not in shown] == []


def test_the_commands_are_grouped_by_purpose(invoke: Invoke) -> None:
    lines = invoke("--help").stdout.splitlines()
    headings = [line.removesuffix(":") for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Options", "Use", "Measure", "Train", "Installation"]


def test_the_version_is_the_installed_one(invoke: Invoke) -> None:
    assert invoke("--version").stdout == f"claimhound {version('claimhound')}\n"


def test_an_unknown_command_is_a_usage_error(invoke: Invoke) -> None:
    result = invoke("serach")
    assert result.exit_code == 2
    assert "No such command 'serach'" in result.stderr
    assert result.stdout == ""
