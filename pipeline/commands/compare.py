"""`compare`: compare runs on the same judged claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from claimhound.data.read_options import ReadOptions
from claimhound.pipeline.commands.figures import (
    figures_format,
    figures_in_any_case,
    interval_seed_option,
    measures_option,
    print_figures,
    say_findings,
)
from claimhound.pipeline.commands.judged_files import judgment_options, label_names_option, read_judged, read_runs
from claimhound.pipeline.commands.options import count_option, path_option
from claimhound.pipeline.commands.output import say
from claimhound.pipeline.commands.reading_options import claim_reading_options


@click.command(short_help="Compare runs on the same judged claims.")
@click.argument("run_paths", metavar="RUN_A RUN_B...", nargs=-1, required=True)
@judgment_options
@label_names_option
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
    from claimhound.indexes.snapshot import IndexSnapshot
    from claimhound.pipeline.evaluation.comparison import compare as compare_runs
    from claimhound.pipeline.evaluation.evidence_sets import default_measures
    from claimhound.pipeline.evaluation.measures import parse_measures
    from claimhound.pipeline.evaluation.output_folder import make_folder, write_comparison
    from claimhound.pipeline.evaluation.tables import (
        comparison_csv,
        comparison_latex,
        comparison_record,
        comparison_text,
    )

    asked = None if measures is None else parse_measures(measures)
    runs = read_runs(run_paths)
    queries, judged = read_judged(claims, qrels, reading, qrels_level)
    if output_dir is not None:
        make_folder(output_dir)
    found = compare_runs(
        runs,
        judged.qrels,
        claims=queries,
        index=None if index_dir is None else IndexSnapshot.open(index_dir),
        measures=default_measures(judged.evidence_sets) if asked is None else asked,
        n_changes=changes,
        seed=seed,
        evidence_sets=judged.evidence_sets,
    )
    say_findings(found.evaluation.findings)
    texts = {
        "table": lambda: comparison_text(found),
        "json": lambda: comparison_record(found),
        "csv": lambda: comparison_csv(found),
        "latex": lambda: comparison_latex(found),
    }
    with figures_in_any_case(lambda: print_figures(output_format, texts)):
        if output_dir is not None:
            for path in write_comparison(found, output_dir):
                say(f"wrote {path}")
