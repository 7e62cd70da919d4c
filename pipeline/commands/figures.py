"""Figures of the commands that measure: their options, and how they are printed and written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import click

from claimhound.data.records import Json
from claimhound.data.text.wording import first_few
from claimhound.pipeline.commands.options import format_option, seed_option
from claimhound.pipeline.commands.output import print_json, print_text, say, use_utf8

if TYPE_CHECKING:
    from claimhound.pipeline.evaluation.judged import Finding

measures_option = click.option(
    "--measures",
    metavar="NAMES",
    help='Measures in the notation of ir_measures, such as "R@5 P@5 AP SetF".  '
    "[default: recall at six depths, RR@10, nDCG@10]",
)
interval_seed_option = seed_option("Seed of the resampling for intervals.")
figures_format = format_option(
    "table", "json", "csv", "latex", text="A readable table, JSON or CSV for programs, or LaTeX."
)

Measured_contra = TypeVar("Measured_contra", contravariant=True)


class Figures(Protocol[Measured_contra]):
    """Output formats of a measurement; implemented by modules of `pipeline/evaluation/reporting`."""

    def as_text(self, measured: Measured_contra, /) -> str:
        """Return a human-readable table."""

    def as_record(self, measured: Measured_contra, /) -> dict[str, Json]:
        """Return JSON."""

    def as_csv(self, measured: Measured_contra, /) -> str:
        """Return CSV."""

    def as_latex(self, measured: Measured_contra, /) -> str:
        """Return LaTeX."""


def finish(
    measured: Measured_contra,
    figures: Figures[Measured_contra],
    output_format: str,
    write: Callable[[], Iterable[Path]] | None = None,
    *,
    more: Mapping[str, Json] | None = None,
    notes: Iterable[str] = (),
) -> None:
    """Write a measurement's files and print its figures, even if writing fails.

    `write` writes the files and returns their paths. `more` is added to the JSON. `notes` are part of tables and JSON;
    with CSV and LaTeX they are printed on standard error.
    """

    def print_figures() -> None:
        if output_format == "json":
            print_json({**figures.as_record(measured), **(more or {})})
        elif output_format == "table":
            print_text(figures.as_text(measured))
        else:
            use_utf8()
            print_text((figures.as_csv if output_format == "csv" else figures.as_latex)(measured).rstrip("\n"))

    with figures_in_any_case(print_figures):
        for path in () if write is None else write():
            say(f"wrote {path}")
    if output_format in ("csv", "latex"):
        for note in notes:
            say(note)


@contextmanager
def figures_in_any_case(print_all: Callable[[], None]) -> Iterator[None]:
    """Print figures after the block that writes them to files, even if it fails: the work is done."""
    try:
        yield
    finally:
        print_all()


def say_findings(findings: Iterable[Finding]) -> None:
    """Print the findings about the input, with the items concerned."""
    for finding in findings:
        say(f"{finding.text}: {len(finding.items):,} ({first_few(list(finding.items))})")
