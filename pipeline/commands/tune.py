"""`tune`: choose fusion and cutoffs on judged claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from claimhound.data.read_options import ReadOptions
from claimhound.pipeline.commands.figures import say_findings
from claimhound.pipeline.commands.judged_files import claims_of, judged_claims_options
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
    help="What to raise, of the list that a search ends with, in ir_measures' names.",
)
@folds_option("Parts of the claims, each measured with what the others choose.")
@seed_option("Of the folds and the test.")
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

    The best of a few hundred settings is written only if it beats the default on claims that had no part in choosing
    it, by more than chance; otherwise the default is written, and said so. Tune on claims that the reranker was not
    trained on, and measure on others than these.
    """
    models = ModelChoice(no_stance=True, **model_options)
    models.refuse_contradictions()
    from claimhound.data.labelled_sets.judgments import read_qrels
    from claimhound.pipeline.evaluation.tuning import changes, tune

    require_folder_for(config_path)
    queries, judgments = claims_of(claims, reading), read_qrels(qrels, ReadOptions(label_names=reading.label_names))
    pipeline = models.open(index_dir)
    with long_job("claims", "no file was written") as advance:
        tuning = tune(
            pipeline,
            queries,
            judgments,
            measure=measure,
            n_folds=folds,
            seed=seed,
            on_progress=lambda done, total: advance("tune", done, total),
        )
    say_findings(tuning.findings)
    read_by = "no reranker" if pipeline.reranker is None else f"reranker {pipeline.reranker.name}"
    made_from = f"claims {claims}, judgments {qrels}, index {index_dir}, {read_by}, seed {seed}"
    n_claims, n_settings = len(tuning.held_out), len(tuning.settings)
    print_text(f"{n_claims:,} claims, {n_settings} settings, mean {tuning.measure}")
    print_text(f"default                            {tuning.default_values.mean():.4f}")
    print_text(f"tuned, on claims left out          {tuning.held_out.mean():.4f}")
    print_text(f"tuned, on all claims (too high)    {tuning.best_mean:.4f}  {changes(tuning.best, tuning.default)}")
    for fold, choice in enumerate(tuning.fold_choices, start=1):
        print_text(f"chosen without fold {fold:<2}             {changes(choice, tuning.default)}")
    print_text(tuning.note)
    write_config(tuning.chosen, config_path, note=f"{tuning.note} Made from: {made_from}.")
    say(f"wrote {config_path}")
