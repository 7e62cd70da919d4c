"""`train`: models out of claims of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from claimhound.data.read_options import ReadOptions
from claimhound.pipeline.commands.judged_files import (
    exclude_option,
    judged_claims_options,
    label_names_option,
    read_judged,
    texts_of_claims,
)
from claimhound.pipeline.commands.long_jobs import long_job
from claimhound.pipeline.commands.model_choice import training_compute_options
from claimhound.pipeline.commands.options import index_option
from claimhound.pipeline.commands.output import print_help_alone, print_text, say
from claimhound.pipeline.commands.reading_options import claim_reading_options
from claimhound.pipeline.commands.training_options import (
    PAIRS,
    cross_encoder_base_option,
    data_option,
    encoder_recipe_options,
    model_output_option,
    no_resume_option,
    pretrain_option,
    reranker_recipe_options,
    stance_recipe_options,
)
from claimhound.pipeline.commands.wording import counted
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.training.encoder.recipe import EncoderRecipe
from claimhound.pipeline.training.reranker.recipe import RerankerRecipe
from claimhound.pipeline.training.stance.recipe import StanceRecipe


@click.group(invoke_without_command=True)
@click.pass_context
def train(ctx: click.Context) -> None:
    """Train models on claims of your own."""
    print_help_alone(ctx)


@train.command("reranker", short_help="Train a cross-encoder on judged claims.")
@index_option
@judged_claims_options
@claim_reading_options
@model_output_option
@cross_encoder_base_option
@data_option("Pairs to learn instead of mining them now", required=False)
@pretrain_option
@exclude_option
@no_resume_option
@reranker_recipe_options
@training_compute_options
def train_reranker(
    index_dir: Path,
    claims: str,
    qrels: str,
    output_dir: Path,
    base_model: str | None,
    data: tuple[str, ...],
    pretrain: tuple[str, ...],
    exclude_claims: tuple[str, ...],
    no_resume: bool,
    compute: Compute,
    reading: ReadOptions,
    **settings: Any,
) -> None:
    """Train a reranker on judged claims, with hard negatives out of the index's own first stage.

    Writes a folder that `search --reranker` reads: weights, the fit of its probability, and a card. A training that was
    interrupted goes on from its last checkpoint when it is started again.
    """
    from claimhound.data.labelled_sets.pair_sources import PairSource
    from claimhound.pipeline.search.opening import open_pipeline
    from claimhound.pipeline.training.base_models import find_base_model
    from claimhound.pipeline.training.reranker.building import build_reranker

    recipe = RerankerRecipe(**settings)
    base = find_base_model(base_model)
    learned, before = (list(map(PairSource.parse, texts)) for texts in (data, pretrain))
    queries, judged = read_judged(claims, qrels, reading)
    excluded = texts_of_claims(exclude_claims, reading)
    pipeline = open_pipeline(index_dir, with_reranker=False, with_stance=False, compute=compute)
    with _training_progress() as on_progress:
        built = build_reranker(
            pipeline,
            queries or [],
            judged.qrels,
            base_model=base.folder,
            base_name=base.name,
            output_dir=output_dir,
            recipe=recipe,
            data=learned,
            pretraining=before,
            excluded_claims=excluded,
            data_files={"claims": Path(claims), "judgments": Path(qrels)},
            device=compute.device,
            n_threads=compute.n_threads,
            resume=not no_resume,
            on_progress=on_progress,
            on_stage=say,
        )
    _print_trained(output_dir, counted(built.training.n_pairs, "pair"), built.training.seconds)
    for name, means in built.held_out.items():
        _print_means(name, means)


@train.command("encoder", short_help="Train a bi-encoder on pairs of claims and evidence.")
@data_option("Pairs to learn", required=True)
@model_output_option
@click.option("--base-model", metavar="MODEL", help="Bi-encoder to start from.  [default: the bundled encoder]")
@pretrain_option
@click.option("--validation", multiple=True, metavar=PAIRS, help="Pairs to validate on, never learned; repeatable.")
@exclude_option
@click.option(
    "--evaluation-claims", multiple=True, metavar="FILE", help="Refuse data that hold one of these claims; repeatable."
)
@claim_reading_options
@no_resume_option
@encoder_recipe_options
@training_compute_options
def train_encoder(
    data: tuple[str, ...],
    output_dir: Path,
    base_model: str | None,
    pretrain: tuple[str, ...],
    validation: tuple[str, ...],
    exclude_claims: tuple[str, ...],
    evaluation_claims: tuple[str, ...],
    no_resume: bool,
    compute: Compute,
    reading: ReadOptions,
    **settings: Any,
) -> None:
    """Train an encoder by contrast: a claim comes to lie nearer its evidence than the negatives of its batch.

    Writes a folder that `index build --encoder` reads, with a card. A training that was interrupted goes on from its
    last checkpoint when it is started again.
    """
    from claimhound.data.labelled_sets.pair_sources import PairSource
    from claimhound.pipeline.training.base_models import find_base_model
    from claimhound.pipeline.training.encoder.building import build_encoder

    recipe = EncoderRecipe(**settings)
    base = find_base_model(base_model)
    learned, before, held_out = (list(map(PairSource.parse, texts)) for texts in (data, pretrain, validation))
    with _training_progress() as on_progress:
        built = build_encoder(
            learned,
            base_model=base.folder,
            base_name=base.name,
            output_dir=output_dir,
            recipe=recipe,
            pretraining=before,
            validation=held_out,
            excluded_claims=texts_of_claims(exclude_claims, reading),
            evaluation_claims=texts_of_claims(evaluation_claims, reading),
            device=compute.device,
            n_threads=compute.n_threads,
            resume=not no_resume,
            on_progress=on_progress,
            on_stage=say,
        )
    report = built.training
    _print_trained(output_dir, counted(report.n_entries, "relevant passage"), report.seconds)
    if built.n_excluded_pairs:
        say(f"{counted(built.n_excluded_pairs, 'pair')} left out for their claim")
    for name, measured in (("base", report.base_metrics), ("trained", report.metrics)):
        if measured:
            _print_means(name, measured)


@train.command("stance", short_help="Train a model that tells which way evidence points.")
@click.option(
    "--data",
    "specs",
    required=True,
    multiple=True,
    metavar="KIND:PATH[@N]",
    help="Labelled set, of which N claims; repeatable. The kinds are those of `evaluate-stance`.",
)
@label_names_option
@model_output_option
@cross_encoder_base_option
@click.option(
    "--exclude-claims",
    multiple=True,
    metavar="FILE",
    help="Claims never to train on, by their words: a file of claims, or KIND:PATH; repeatable.",
)
@claim_reading_options
@no_resume_option
@stance_recipe_options
@training_compute_options
def train_stance(
    specs: tuple[str, ...],
    output_dir: Path,
    base_model: str | None,
    exclude_claims: tuple[str, ...],
    no_resume: bool,
    compute: Compute,
    reading: ReadOptions,
    **settings: Any,
) -> None:
    """Train a stance model on published sets of claims with evidence that supports or refutes them.

    Writes a folder that `search --stance` reads: weights, the fit of its probabilities, and a card. Files whose name
    says dev or test are refused; of sufficient_facts the train side is read. A training that was interrupted goes on
    from its last checkpoint when it is started again.
    """
    from claimhound.data.labelled_sets.stance_sources import StanceSource
    from claimhound.pipeline.training.base_models import find_base_model
    from claimhound.pipeline.training.stance.building import build_stance

    recipe = StanceRecipe(**settings)
    base = find_base_model(base_model)
    sources = [StanceSource.parse(spec, reading.label_names) for spec in specs]
    with _training_progress() as on_progress:
        built = build_stance(
            sources,
            base_model=base.folder,
            base_name=base.name,
            output_dir=output_dir,
            recipe=recipe,
            excluded_claims=[claim for name in exclude_claims for claim in _claim_texts(name, reading)],
            device=compute.device,
            n_threads=compute.n_threads,
            resume=not no_resume,
            on_progress=on_progress,
            on_stage=say,
        )
    _print_trained(output_dir, counted(built.training.n_pairs, "pair"), built.training.seconds)
    for found in built.held_out:
        print_text(
            f"{found.name}: accuracy {found.accuracy.mean:.3f} (always {found.majority}: "
            f"{found.majority_accuracy:.3f}), macro-F1 {found.macro_f1.mean:.3f} ({found.majority_macro_f1:.3f})"
        )


def _claim_texts(name: str, reading: ReadOptions) -> Iterator[str]:
    """Yield the claims of a file, or those to measure on of a labelled set."""
    from claimhound.data.labelled_sets.stance_sources import StanceSource, is_stance_source, read_stance_source

    if is_stance_source(name):
        yield from (
            pair.claim for pair in read_stance_source(StanceSource.parse(name, reading.label_names), "dev").pairs
        )
    else:
        yield from texts_of_claims([name], reading)


@contextmanager
def _training_progress() -> Iterator[Callable[[str, int, int, float], None]]:
    """Yield what shows a training's progress; an interruption says how to go on."""
    with long_job("steps", "run the same command again to go on from the last checkpoint") as advance:
        yield lambda phase, step, n_steps, _loss: advance(phase, step, n_steps)


def _print_trained(output_dir: Path, learned: str, seconds: float) -> None:
    print_text(f"{output_dir}: trained on {learned} in {seconds:,.0f} s")


def _print_means(name: str, means: Mapping[str, float]) -> None:
    print_text(f"{name:<8}  " + "  ".join(f"{measure} {value:.3f}" for measure, value in means.items()))
