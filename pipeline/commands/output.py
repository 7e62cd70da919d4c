"""What the commands write: results on standard output, what is going on on standard error."""

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
    """Print a line about what is going on, for people: on standard error."""
    click.echo(printable(line), err=True)


def print_text(text: str) -> None:
    """Print what was asked for, at once: on standard output."""
    try:
        # Our colours are there only where they are wanted; without `color` click would take them out of a text.
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
    """Print a line for each name and value, the values one below the other."""
    lines = list(facts)
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        print_text(f"{name:<{width}}  {printable(value)}")


def print_help_alone(ctx: click.Context) -> None:
    """Print the help of a group where none of its commands was named."""
    if ctx.invoked_subcommand is None:
        print_text(ctx.get_help())


def use_utf8() -> None:
    """Write UTF-8 from now on whatever the terminal speaks: programs read it.

    What UTF-8 cannot hold, half a surrogate pair, becomes the escape that JSON has for it.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


def give_up_output() -> None:
    """Have what standard output still holds vanish: at its end Python would try to write it again, and complain."""
    with suppress(OSError, AttributeError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
