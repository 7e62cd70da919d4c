"""Files of claims, judgments and runs: the options that name them, and what reads them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.options import combined
from pipeline.commands.output import say
from pipeline.commands.wording import first_few

if TYPE_CHECKING:
    from data.records import Run

judgment_options = combined(
    click.option(
        "--qrels",
        metavar="FILE",
        help="Judgments: BEIR's TSV, TREC's qrels, or claims with their evidence.  [default: those of --claims]",
    ),
    click.option(
        "--qrels-level",
        type=click.Choice(["document", "sentence"]),
        default="document",
        show_default=True,
        help="What SciFact's evidence stands for: abstracts, or their sentences as ID#N.",
    ),
)
judged_claims_options = combined(
    click.option("--claims", required=True, metavar="FILE", help="Claims: JSONL, JSON, CSV, TSV or a BEIR folder."),
    click.option("--qrels", required=True, metavar="FILE", help="Judgments: BEIR's TSV or TREC's qrels."),
)
exclude_option = click.option(
    "--exclude-claims", multiple=True, metavar="FILE", help="Claims never to train on, by their text; repeatable."
)


def texts_of_claims(files: Iterable[str]) -> list[str]:
    """Return the claims of the files, in order."""
    from data.claims import read_claims

    return [claim.text for file in files for claim in read_claims(file)]


def read_runs(paths: Iterable[str]) -> dict[str, Run]:
    """Return the runs by the names of their files, by the whole path where two files have one name."""
    from data.trec import read_run, tied_queries

    stems = [Path(path).name.split(".")[0] for path in paths]
    runs: dict[str, Run] = {}
    for path, stem in zip(paths, stems, strict=True):
        name = stem if stems.count(stem) == 1 else path
        if name in runs:
            raise click.UsageError(f"the run {path} is named twice")
        runs[name] = read_run(path)
        if tied := tied_queries(runs[name]):
            say(f"claims of {name} with tied scores, ordered as trec_eval does: {len(tied):,} ({first_few(tied)})")
    return runs
