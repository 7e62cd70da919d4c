"""`evaluate-pairs`: measure a reranker on labelled pairs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from claimhound.data.read_options import ReadOptions
from claimhound.data.records import Json
from claimhound.data.text.wording import counted
from claimhound.pipeline.commands.figures import figures_format, finish, interval_seed_option
from claimhound.pipeline.commands.long_jobs import require_folder_for
from claimhound.pipeline.commands.model_choice import compute_options, max_length_option, reranker_option
from claimhound.pipeline.commands.options import on_error_option, path_option
from claimhound.pipeline.commands.output import say
from claimhound.pipeline.commands.progress_display import progress_display
from claimhound.pipeline.commands.reading_options import say_notices, table_reading_options
from claimhound.pipeline.serving.compute import Compute


@click.command("evaluate-pairs", short_help="Measure a reranker on labelled pairs.")
@click.argument("pairs_source", metavar="PAIRS")
@reranker_option
@max_length_option
@click.option(
    "--positive", multiple=True, metavar="LABEL", help="Label that counts as relevant; all others do not; repeatable."
)
@click.option(
    "--threshold",
    metavar="P",
    type=click.FloatRange(0, 1),
    help="Probability from which a pair counts as relevant.  [default: the best for these pairs]",
)
@click.option("--claim-field", metavar="NAME", help="Field with the claim.  [default: claim, query, …]")
@click.option("--evidence-field", metavar="NAME", help="Field with the evidence.  [default: evidence, text, …]")
@click.option("--label-field", metavar="NAME", help="Field with the label.  [default: label, relevant, …]")
@table_reading_options
@on_error_option
@interval_seed_option
@path_option("--output", "output", "FILE", "File for each pair with its score, as JSON lines.")
@figures_format
@compute_options
def evaluate_pairs_command(
    pairs_source: str,
    reranker: str | None,
    max_length: int | None,
    positive: tuple[str, ...],
    threshold: float | None,
    claim_field: str | None,
    evidence_field: str | None,
    label_field: str | None,
    on_error: Any,
    seed: int,
    output: Path | None,
    output_format: str,
    compute: Compute,
    reading: ReadOptions,
) -> None:
    """Measure how well a reranker separates the relevant pairs in PAIRS from the others.

    Reads JSONL, JSON, CSV and TSV, also compressed as .gz, .xz or .zst, and Parquet; - is standard input, JSONL unless
    --input-format says otherwise. A pair has a claim, evidence and a label: 1, 0, true, false, or one of your own with
    --positive.

    A score is the plain sigmoid of the reranker's logit: the blend with first-stage ranks does not apply to single
    pairs.
    """
    from claimhound.data.errors import RecordError
    from claimhound.data.labelled_sets.pairs import read_pairs
    from claimhound.data.notices import Notices
    from claimhound.pipeline.evaluation.pairs import evaluate_pairs, write_pair_scores
    from claimhound.pipeline.evaluation.reporting import pair_figures
    from claimhound.pipeline.model_folders.finding import BUNDLED
    from claimhound.pipeline.models.cross_encoders import load_reranker

    require_folder_for(output)
    skipped: list[RecordError] = []
    notices = Notices()
    pairs = read_pairs(
        pairs_source,
        claim_field=claim_field,
        evidence_field=evidence_field,
        label_field=label_field,
        positive=positive,
        reading=reading,
        on_error=on_error,
        skipped=skipped,
        notices=notices,
    )
    say_notices(notices)
    for error in skipped:
        say(f"skipped {error}")
    model = load_reranker(reranker or BUNDLED, compute, max_length=max_length)
    with progress_display("pairs", say) as on_progress:
        found = evaluate_pairs(pairs, model, threshold=threshold, seed=seed, on_progress=on_progress)
    if skipped:
        say(f"{counted(len(skipped), 'bad record')} skipped")
    if found.n_truncated:
        say(f"{counted(found.n_truncated, 'pair')} too long for the reranker, cut")
    write = None if output is None else partial(write_pair_scores, pairs, found, output)
    more: dict[str, Json] = {"pairs": pairs_source, "n_skipped": len(skipped)}
    finish(found, pair_figures, output_format, write, more=more, notes=found.notes)
