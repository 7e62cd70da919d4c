"""`evaluate-stance`: measure a stance model on labelled sets."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from claimhound.data.text.wording import counted
from claimhound.pipeline.commands.figures import figures_format, finish, interval_seed_option
from claimhound.pipeline.commands.judged_files import label_names_option
from claimhound.pipeline.commands.long_jobs import require_folder_for
from claimhound.pipeline.commands.model_choice import (
    compute_options,
    max_length_option,
    require_stance_for,
    stance_option,
)
from claimhound.pipeline.commands.options import path_option
from claimhound.pipeline.commands.output import say
from claimhound.pipeline.commands.progress_display import progress_display
from claimhound.pipeline.serving.compute import Compute


@click.command("evaluate-stance", short_help="Measure a stance model on labelled sets.")
@click.argument("specs", metavar="KIND:PATH[@N]...", nargs=-1, required=True)
@label_names_option
@stance_option
@max_length_option
@interval_seed_option
@path_option("--output", "output", "FILE", "File for each pair with its scores, as JSON lines.")
@figures_format
@compute_options
def evaluate_stance_command(
    specs: tuple[str, ...],
    label_names: tuple[str, ...],
    stance: str | None,
    stance_labels: tuple[str, ...] | None,
    max_length: int | None,
    seed: int,
    output: Path | None,
    output_format: str,
    compute: Compute,
) -> None:
    """Measure how often a stance model is right about the evidence in labelled sets.

    Accuracy and macro-F1 are compared with always predicting the set's most common label. KIND is climate_fever,
    scifact, citation_integrity, healthver, covidfact, fool_me_twice, fever_symmetric, rte or pairs (your own), or
    sufficient_facts, split_pairs or counterfactual, of which the dev part is read; @N draws N claims.
    """
    from claimhound.data.labelled_sets.stance_sources import StanceSource, read_stance_source
    from claimhound.pipeline.evaluation.reporting import stance_figures
    from claimhound.pipeline.evaluation.stance import evaluate_stance, write_stance_scores
    from claimhound.pipeline.model_folders.finding import BUNDLED
    from claimhound.pipeline.models.cross_encoders import load_stance

    require_stance_for(stance_labels, stance)
    require_folder_for(output)
    sets = [read_stance_source(StanceSource.parse(spec, label_names), "dev") for spec in specs]
    model = load_stance(stance or BUNDLED, compute, labels=stance_labels, max_length=max_length)
    with progress_display("pairs", say) as on_progress:
        found = evaluate_stance(sets, model, seed=seed, on_progress=on_progress)
    if n_truncated := sum(one.n_truncated for one in found.sets):
        say(f"{counted(n_truncated, 'pair')} too long for the stance model, cut")
    write = None if output is None else partial(write_stance_scores, sets, found, output)
    finish(found, stance_figures, output_format, write, notes=found.notes)
