"""What all commands that measure share: the options for figures, and how these are printed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from claimhound.pipeline.commands.options import format_option, seed_option
from claimhound.pipeline.commands.output import print_json, print_text, say, use_utf8
from claimhound.pipeline.commands.wording import first_few

if TYPE_CHECKING:
    from claimhound.pipeline.evaluation.judged import Finding

measures_option = click.option(
    "--measures",
    metavar="NAMES",
    help='Such as "R@5 P@5 AP SetF", as ir_measures writes them.  [default: recall at six depths, RR@10, nDCG@10]',
)
interval_seed_option = seed_option("Of the draws behind the intervals.")
figures_format = format_option(
    "table", "json", "csv", "latex", text="A table for people; JSON or CSV for programs; LaTeX."
)


def print_figures(output_format: str, texts: dict[str, Callable[[], Any]]) -> None:
    """Print the text that is made for the format; that of `json` is a record."""
    figures = texts[output_format]()
    if output_format == "json":
        print_json(figures)
        return
    if output_format != "table":
        use_utf8()
    print_text(figures.rstrip("\n"))


@contextmanager
def figures_in_any_case(print_all: Callable[[], None]) -> Iterator[None]:
    """Print figures after the block, which writes them to files, and also where that fails: the work is done."""
    try:
        yield
    finally:
        print_all()


def say_notes_beside(output_format: str, notes: Iterable[str]) -> None:
    """Say the notes that tables and JSON hold, where the format has no place for them."""
    if output_format in ("csv", "latex"):
        for note in notes:
            say(note)


def table_width() -> int:
    """Return how many columns the terminal has for a table, at least 40."""
    return max(40, shutil.get_terminal_size().columns)


def say_findings(findings: Iterable[Finding]) -> None:
    """Say what of the input does not fit together, and for whom."""
    for finding in findings:
        say(f"{finding.text}: {len(finding.items):,} ({first_few(list(finding.items))})")
