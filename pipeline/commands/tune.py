"""`tune`: choose fusion and cutoffs on judged claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from claimhound.data.read_options import ReadOptions
from claimhound.pipeline.commands.figures import say_findings
from claimhound.pipeline.commands.judged_files import judged_claims_options, read_judged
from claimhound.pipeline.commands.long_jobs import long_job, require_folder_for
from claimhound.pipeline.commands.model_choice import ModelChoice, compute_options, encoder_option, reranker_options
from claimhound.pipeline.commands.options import folds_option, index_option, path_option, seed_option
from claimhound.pipeline.commands.output import print_text, say
from claimhound.pipeline.commands.reading_options import claim_reading_options
from claimhound.pipeline.search.config import write_config


@click.command("tune", short_help="Choose fusion and cutoffs on judged claims.")
@index_option
@judged_claims_options
@claim_reading_options
@path_option("--output", "config_path", "FILE", "File for the settings, which --config reads.", required=True)
@click.option(
    "--measure",
    default="nDCG@10",
    show_default=True,
    metavar="NAME",
    help="Measure of the final list to maximise, in the notation of ir_measures.",
)
@folds_option("Folds of the cross-validation; each is measured with the settings chosen on the others.")
@seed_option("Seed of the folds and the test.")
@reranker_options
@encoder_option
@compute_options
def tune_command(
    index_dir: Path,
    claims: str,
    qrels: str,
    config_path: Path,
    measure: str,
    folds: int,
    seed: int,
    reading: ReadOptions,
    **model_options: Any,
) -> None:
    """Choose how the two searches are fused, and how deep they go, on judged claims.

    The best of a few hundred settings is written only if it beats the default by more than chance on claims left out
    of the choice; otherwise the default is written, with a message. Tune on claims that the reranker was not trained
    on, and measure on other claims.
    """
    models = ModelChoice(no_stance=True, **model_options)
    models.refuse_contradictions()
    from claimhound.pipeline.evaluation.reporting.tuning_figures import tuning_text
    from claimhound.pipeline.evaluation.tuning.choice import tune

    require_folder_for(config_path)
    queries, judged = read_judged(claims, qrels, reading)
    pipeline = models.open(index_dir)
    with long_job("claims", "no file was written") as on_progress:
        tuning = tune(
            pipeline, queries or [], judged.qrels, measure=measure, n_folds=folds, seed=seed, on_progress=on_progress
        )
    say_findings(tuning.findings)
    read_by = "no reranker" if pipeline.reranker is None else f"reranker {pipeline.reranker.name}"
    made_from = f"claims {claims}, judgments {qrels}, index {index_dir}, {read_by}, seed {seed}"
    print_text(tuning_text(tuning))
    write_config(tuning.chosen, config_path, note=f"{tuning.note} Made from: {made_from}.")
    say(f"wrote {config_path}")
