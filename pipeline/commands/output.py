"""Results on standard output, messages on standard error."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress

import click

from claimhound.data.errors import InputError
from claimhound.data.text.terminal_text import printable


def say(line: str) -> None:
    """Print a message to standard error."""
    click.echo(printable(line), err=True)


def print_text(text: str) -> None:
    """Print a result to standard output at once."""
    try:
        # Colours are in the text only if they are wanted; without `color` click would strip them from a claim's text.
        click.echo(text, color=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        give_up_output()
        raise InputError(f"the output cannot be written ({error.strerror})") from error


def print_json(record: object) -> None:
    """Print a record as JSON, in UTF-8."""
    use_utf8()
    print_text(json.dumps(record, ensure_ascii=False, allow_nan=False, indent=2))


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print a line for each name and value, with the values aligned."""
    lines = list(facts)
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        print_text(f"{name:<{width}}  {printable(value)}")


def print_help_alone(ctx: click.Context) -> None:
    """Print a group's help if it is called without a command."""
    if ctx.invoked_subcommand is None:
        print_text(ctx.get_help())


def use_utf8() -> None:
    """Make standard output UTF-8 in any locale, for programs that read it.

    A lone surrogate, which UTF-8 cannot encode, becomes a JSON escape.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


def give_up_output() -> None:
    """Discard what standard output still buffers: Python would try to write it again at exit, and complain."""
    with suppress(OSError, AttributeError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
