"""`evaluate-summary`: measure, and fit, when a claim is called supported or refuted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from claimhound.data.bundled import BUNDLED_MODELS
from claimhound.data.errors import InputError
from claimhound.data.read_options import ReadOptions
from claimhound.data.text.wording import counted
from claimhound.pipeline.commands.figures import figures_format, finish
from claimhound.pipeline.commands.judged_files import label_names_option, texts_of_claims
from claimhound.pipeline.commands.long_jobs import long_job, require_folder_for
from claimhound.pipeline.commands.model_choice import (
    ModelChoice,
    compute_options,
    encoder_option,
    max_length_option,
    reranker_option,
    stance_option,
)
from claimhound.pipeline.commands.options import folds_option, path_option, seed_option
from claimhound.pipeline.commands.output import say
from claimhound.pipeline.commands.reading_options import claim_reading_options, say_notices
from claimhound.pipeline.commands.settings import chosen_config, config_option

if TYPE_CHECKING:
    from claimhound.data.labelled_sets.claim_verdicts import LabelledClaim
    from claimhound.pipeline.models.summary_rule import Combination

# Written out, because importing the rule would load numpy for every --help; a test compares them.
COMBINATIONS = ("maximum", "noisy-or", "sum")


@click.command("evaluate-summary", short_help="Measure or fit when a claim is called supported or refuted.")
@click.option(
    "--index",
    "index_dirs",
    multiple=True,
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of an index; repeatable.",
)
@click.option(
    "--claims",
    multiple=True,
    required=True,
    metavar="FILE",
    help="Claims with labels, for the index named in the same place: JSONL, JSON, CSV, TSV, a BEIR folder; repeatable.",
)
@label_names_option
@claim_reading_options
@click.option(
    "--exclude-claims",
    multiple=True,
    metavar="FILE",
    help="Claims not to use, compared by their text, such as those the models were trained on; repeatable.",
)
@click.option("--fit", is_flag=True, help="Choose new thresholds and write them into the folder named by --stance.")
@click.option(
    "--combination",
    type=click.Choice(COMBINATIONS),
    default="noisy-or",
    show_default=True,
    help="How --fit makes one score of several pieces of evidence.",
)
@click.option(
    "--target",
    metavar="P",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.8,
    show_default=True,
    help="Precision that --fit chooses thresholds for.",
)
@folds_option("Folds of the cross-validation of --fit.")
@seed_option("Seed of the folds.")
@config_option
@encoder_option
@reranker_option
@stance_option
@max_length_option
@path_option("--output", "output", "FILE", "File for each claim with its scores and evidence, as JSON lines.")
@figures_format
@compute_options
def evaluate_summary_command(
    index_dirs: tuple[Path, ...],
    claims: tuple[str, ...],
    exclude_claims: tuple[str, ...],
    fit: bool,
    combination: Combination,
    target: float,
    folds: int,
    seed: int,
    config_path: Path | None,
    output: Path | None,
    output_format: str,
    reading: ReadOptions,
    **model_options: Any,
) -> None:
    """Measure how often the claims that a search calls SUPPORTS or REFUTES have that label.

    A claim's label is its field `label`: SUPPORTS, REFUTES, DISPUTED or NOT_ENOUGH_INFO; SciFact's claims need none.
    With several pairs of --index and --claims, figures over all give each pair the same weight.

    With --fit, thresholds are chosen for each side so that its precision is at least --target; a side that cannot reach
    it is never called. All figures are then cross-validated by claim. The thresholds are written to summary.json in the
    folder of the stance model, which `search` and `annotate` read, and apply to searches with the same reranker.
    """
    if len(index_dirs) != len(claims):
        raise click.UsageError(f"name as many indexes as files of claims, not {len(index_dirs)} and {len(claims)}")
    models = ModelChoice(**model_options)
    models.refuse_contradictions()
    if not fit:
        _refuse_fit_options()
    folder = _folder_to_fit(models.stance) if fit else None
    require_folder_for(output)
    from claimhound.data.labelled_sets.claim_verdicts import read_labelled_claims
    from claimhound.data.notices import Notices
    from claimhound.pipeline.calibration.summary_fit import fit_summaries
    from claimhound.pipeline.evaluation.reporting import summary_figures
    from claimhound.pipeline.evaluation.summaries import (
        ScoredClaim,
        evaluate_summaries,
        score_claims,
        write_scored_claims,
    )
    from claimhound.pipeline.models.summary_rule import SUMMARY_FILE, relevance_sha256, save_summary_rule

    excluded = texts_of_claims(exclude_claims, reading)
    labelled: list[list[LabelledClaim]] = []
    for source in claims:
        notices = Notices()
        labelled.append(_without(read_labelled_claims(source, reading, notices=notices), excluded, source))
        say_notices(notices)
    config = chosen_config(config_path)
    names = [
        name if claims.count(name) == 1 else f"{name} in {where}"
        for name, where in zip(claims, index_dirs, strict=True)
    ]
    scored: list[ScoredClaim] = []
    with long_job("claims", "nothing was written") as on_progress:
        for name, index_dir, field in zip(names, index_dirs, labelled, strict=True):
            pipeline = models.open(index_dir, config)
            scored += score_claims(name, field, pipeline, on_progress)
    assert pipeline.stance is not None and pipeline.reranker is not None
    if folder is None:
        found = evaluate_summaries(scored, pipeline.summary_rule, pipeline.stance.name)
    else:
        scale = relevance_sha256(pipeline.reranker.weights_sha256, pipeline.reranker.blend)
        found = fit_summaries(scored, combination, pipeline.stance.name, scale, target=target, n_folds=folds, seed=seed)

    def write() -> Iterable[Path]:
        if folder is not None:
            save_summary_rule(found.rule, folder)
            yield folder / SUMMARY_FILE
        if output is not None:
            yield from write_scored_claims(scored, found.called, output)

    finish(found, summary_figures, output_format, write, notes=found.notes)


def _refuse_fit_options() -> None:
    """Raise UsageError for an option that only --fit uses."""
    context = click.get_current_context()
    for name in ("combination", "target", "folds", "seed"):
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError(f"--{name} needs --fit")


def _folder_to_fit(stance: str | None) -> Path:
    """Return the folder of the stance model; raises InputError unless it is local and can be written."""
    from claimhound.data.disk.atomic import require_writable_folder

    if stance is None or not Path(stance).expanduser().is_dir():
        named = "no stance model" if stance is None else f"{stance}: not a local folder"
        raise InputError(f"{named}; name the folder that --fit writes to with --stance DIR")
    folder = Path(stance).expanduser()
    if any(bundled.folder.exists() and bundled.folder.samefile(folder) for bundled in BUNDLED_MODELS.values()):
        raise InputError(f"{folder}: comes with claimhound; fit a copy of it")
    try:
        require_writable_folder(folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); fit a copy of it") from error
    return folder


def _without(claims: list[LabelledClaim], excluded: list[str], source: str) -> list[LabelledClaim]:
    from claimhound.data.labelled_sets.splits import without_claims

    kept, left_out = without_claims(claims, excluded, lambda one: one.claim.text)
    if left_out:
        say(f"{source}: {counted(len(left_out), 'claim')} left out by --exclude-claims")
    if not kept:
        raise InputError(f"{source}: every claim is left out by --exclude-claims")
    return kept
