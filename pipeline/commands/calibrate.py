"""`calibrate`: fit a reranker's probability to the user's own claims."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from claimhound.data.errors import InputError
from claimhound.data.formats.sources import STDIN
from claimhound.data.read_options import ReadOptions
from claimhound.data.text.wording import counted
from claimhound.pipeline.commands.figures import figures_in_any_case, say_findings
from claimhound.pipeline.commands.judged_files import (
    judged_claims_options,
    qrels_level_option,
    read_judged,
    read_judged_beside,
    texts_of_claims,
)
from claimhound.pipeline.commands.long_jobs import long_job
from claimhound.pipeline.commands.model_choice import compute_options, encoder_option
from claimhound.pipeline.commands.options import folds_option, index_option, path_option, seed_option
from claimhound.pipeline.commands.output import print_text, say
from claimhound.pipeline.commands.reading_options import claim_reading_options
from claimhound.pipeline.commands.settings import chosen_config, config_option
from claimhound.pipeline.serving.compute import Compute

# Written out, because importing the blend would load numpy for every --help; a test compares them.
FEATURES = ("logit", "log_fused_rank", "cosine", "no_cosine", "bm25", "no_bm25", "decides")
DEFAULT_FEATURES = ("logit", "log_fused_rank")


@click.command("calibrate", short_help="Fit a reranker's probability to your own claims.")
@click.argument("model", metavar="MODEL")
@index_option
@judged_claims_options
@qrels_level_option
@click.option(
    "--also",
    nargs=3,
    multiple=True,
    metavar="INDEX CLAIMS QRELS",
    help="Another field to fit p to: its index, claims and judgments (QRELS@sentence: at that level); repeatable.",
)
@claim_reading_options
@click.option(
    "--exclude-claims",
    multiple=True,
    metavar="FILE",
    help="Claims not to use, compared by their text, such as those the reranker was trained on; repeatable.",
)
@click.option(
    "--without-evidence",
    multiple=True,
    metavar="FILE",
    help="Claims known to have no evidence in the index, in addition to generated nonsense; repeatable.",
)
@click.option(
    "--feature",
    "features",
    multiple=True,
    metavar="NAME",
    type=click.Choice(FEATURES),
    help=f"Score that p is computed from: one of {', '.join(FEATURES)}; repeatable.  "
    f"[default: {', '.join(DEFAULT_FEATURES)}]",
)
@folds_option("Folds of the cross-validation.")
@seed_option("Seed of the folds and draws.")
@path_option("--output", "output_dir", "DIR", "Folder for a copy of the reranker.  [default: change MODEL itself]")
@config_option
@encoder_option
@compute_options
def calibrate_command(
    model: str,
    index_dir: Path,
    claims: str,
    qrels: str,
    qrels_level: str,
    also: tuple[tuple[str, str, str], ...],
    exclude_claims: tuple[str, ...],
    without_evidence: tuple[str, ...],
    features: tuple[str, ...],
    folds: int,
    seed: int,
    output_dir: Path | None,
    config_path: Path | None,
    encoder: str | None,
    compute: Compute,
    reading: ReadOptions,
) -> None:
    """Fit the probability of the reranker MODEL to judged claims that it was NOT trained on.

    MODEL is a folder, or `bundled` or a name on the Hub with --output. The new fit is cross-validated by claim and
    compared with the previous one. With --also, one probability is fitted to several fields, each with the same weight.
    The threshold below which an answer says that probably nothing is relevant is chosen too, for --index. Everything is
    written to the folder's blend.json, which `search` and `evaluate` read.
    """
    from claimhound.pipeline.calibration.calibrating import calibrate, calibrated_text
    from claimhound.pipeline.calibration.fields import JudgedField
    from claimhound.pipeline.calibration.model_folder import check_output, write_calibrated
    from claimhound.pipeline.model_folders.finding import find_model_dir
    from claimhound.pipeline.models.blending import BLEND_FILE
    from claimhound.pipeline.models.summary_rule import SUMMARY_FILE
    from claimhound.pipeline.search.opening import open_beside, open_pipeline

    if output_dir is None and not Path(model).expanduser().is_dir():
        raise InputError(f"{model}: not a local folder; name a folder for a copy with --output DIR")
    if sum(STDIN in (of_claims, of_qrels) for _, of_claims, of_qrels in [("", claims, qrels), *also]) > 1:
        raise click.UsageError("standard input can be read only once; name a file for the other fields")
    model_dir = find_model_dir("reranker", model)
    check_output(model_dir, output_dir)
    read = [
        read_judged(claims, qrels, reading, qrels_level),
        *(read_judged_beside(more_claims, more_qrels, reading) for _, more_claims, more_qrels in also),
    ]
    excluded, nothing = (texts_of_claims(files, reading) for files in (exclude_claims, without_evidence))
    say("Use claims that the reranker was NOT trained on: on those it is more confident than it is accurate.")
    main = open_pipeline(
        index_dir,
        encoder=encoder,
        reranker=model,
        with_stance=False,
        config=chosen_config(config_path),
        compute=compute,
    )
    indexes = [index_dir, *(Path(index) for index, _, _ in also)]
    pipelines = [main, *(open_beside(main, index, compute) for index in indexes[1:])]
    fields = [
        JudgedField(name, pipeline, queries or [], judged.qrels)
        for name, pipeline, (queries, judged) in zip(_names(indexes), pipelines, read, strict=True)
    ]
    with long_job("claims", "nothing was written") as advance:
        found = calibrate(
            fields,
            features=tuple(dict.fromkeys(features)) or DEFAULT_FEATURES,
            n_folds=folds,
            seed=seed,
            excluded_claims=excluded,
            without_evidence=nothing,
            on_progress=advance,
        )
    say_findings(found.findings)
    if exclude_claims:
        say(f"{counted(found.n_excluded, 'claim')} left out by --exclude-claims")
    with figures_in_any_case(lambda: print_text(calibrated_text(found))):
        folder = write_calibrated(found.blend, model_dir, output_dir)
    say(f"wrote {folder / BLEND_FILE}")
    if (folder / SUMMARY_FILE).exists():
        say(f"{folder / SUMMARY_FILE} no longer applies; fit it again with: claimhound evaluate-summary --fit")


def _names(indexes: Sequence[Path]) -> list[str]:
    """Return the names of the indexes' folders, numbered where several have the same name."""
    names = [index.resolve().name for index in indexes]
    return [
        name if names.count(name) == 1 else f"{name} ({names[: place + 1].count(name)})"
        for place, name in enumerate(names)
    ]
