"""`compare`: compare runs on the same judged claims."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from claimhound.data.read_options import ReadOptions
from claimhound.pipeline.commands.figures import (
    figures_format,
    finish,
    interval_seed_option,
    measures_option,
    say_findings,
)
from claimhound.pipeline.commands.judged_files import judgment_options, label_names_option, read_measured, read_runs
from claimhound.pipeline.commands.options import count_option, path_option
from claimhound.pipeline.commands.reading_options import claim_reading_options


@click.command(short_help="Compare runs on the same judged claims.")
@click.argument("run_paths", metavar="RUN_A RUN_B...", nargs=-1, required=True)
@judgment_options
@label_names_option
@click.option("--claims", metavar="FILE", help="Claims to show and count; judgments of other claims are ignored.")
@claim_reading_options
@path_option("--index", "index_dir", "DIR", "Index with the documents' texts.")
@measures_option
@count_option("--changes", 5, "Number of claims to show, those that changed most.")
@interval_seed_option
@path_option("--output", "output_dir", "DIR", "Folder for the figures as JSON and CSV.")
@figures_format
def compare(
    run_paths: tuple[str, ...],
    qrels: str | None,
    qrels_level: Any,
    claims: str | None,
    index_dir: Path | None,
    measures: str | None,
    changes: int,
    seed: int,
    output_dir: Path | None,
    output_format: str,
    reading: ReadOptions,
) -> None:
    """Compare TREC runs with the first of them, RUN_A.

    Each difference has a 95 % interval over claims and the p-value of a randomisation test, also with Holm's correction
    for all tests together. Shows the claims that changed most in nDCG@10, or in the first measure.
    """
    if len(run_paths) < 2:
        raise click.UsageError("name two runs or more")
    if qrels is None and claims is None:
        raise click.UsageError("name the judgments with --qrels")
    from claimhound.indexes.snapshot import IndexSnapshot
    from claimhound.pipeline.evaluation.comparison import compare as compare_runs
    from claimhound.pipeline.evaluation.reporting import comparison_figures
    from claimhound.pipeline.evaluation.reporting.output_folder import make_folder, write_comparison

    queries, judged, measuring = read_measured(claims, qrels, reading, qrels_level, measures=measures, seed=seed)
    runs = read_runs(run_paths)
    if output_dir is not None:
        make_folder(output_dir)
    found = compare_runs(
        runs,
        judged.qrels,
        claims=queries,
        index=None if index_dir is None else IndexSnapshot.open(index_dir),
        measuring=measuring,
        n_changes=changes,
    )
    say_findings(found.evaluation.findings)
    write = None if output_dir is None else partial(write_comparison, found, output_dir)
    finish(found, comparison_figures, output_format, write)
