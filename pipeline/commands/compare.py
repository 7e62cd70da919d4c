"""`compare`: compare runs on the same judged claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from data.read_options import ReadOptions
from pipeline.commands.figures import figures_format, interval_seed_option, measures_option, print_figures, say_findings
from pipeline.commands.judged_files import claims_of, judgment_options, read_runs
from pipeline.commands.options import count_option, path_option
from pipeline.commands.output import say
from pipeline.commands.reading_options import claim_reading_options


@click.command(short_help="Compare runs on the same judged claims.")
@click.argument("run_paths", metavar="RUN_A RUN_B...", nargs=-1, required=True)
@judgment_options
@click.option("--claims", metavar="FILE", help="Claims, whose texts are shown; only these are counted.")
@claim_reading_options
@path_option("--index", "index_dir", "DIR", "Index with the documents' texts.")
@measures_option
@count_option("--changes", 5, "Claims to show of those that changed most.")
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

    Each difference has its 95 % interval over claims and the p-value of a randomisation test, also corrected by Holm's
    method for all that are tested. The claims that changed most in nDCG@10, or the first measure, are shown.
    """
    if len(run_paths) < 2:
        raise click.UsageError("name two runs or more")
    if qrels is None and claims is None:
        raise click.UsageError("name the judgments with --qrels")
    from data.judgments import read_qrels
    from indexes.snapshot import IndexSnapshot
    from pipeline.evaluation.comparison import compare as compare_runs
    from pipeline.evaluation.measures import DEFAULT_MEASURES, parse_measures
    from pipeline.evaluation.output_folder import make_folder, write_comparison
    from pipeline.evaluation.tables import comparison_csv, comparison_latex, comparison_record, comparison_text

    found = compare_runs(
        read_runs(run_paths),
        read_qrels(qrels or claims or "", level=qrels_level),
        claims=None if claims is None else claims_of(claims, reading),
        index=None if index_dir is None else IndexSnapshot.open(index_dir),
        measures=DEFAULT_MEASURES if measures is None else parse_measures(measures),
        n_changes=changes,
        seed=seed,
    )
    say_findings(found.evaluation.findings)
    if output_dir is not None:
        make_folder(output_dir)
        for path in write_comparison(found, output_dir):
            say(f"wrote {path}")
    print_figures(
        output_format,
        {
            "table": lambda: comparison_text(found),
            "json": lambda: comparison_record(found),
            "csv": lambda: comparison_csv(found),
            "latex": lambda: comparison_latex(found),
        },
    )
