"""`train`: train models on the user's own claims."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from claimhound.data.read_options import ReadOptions
from claimhound.data.text.wording import counted
from claimhound.pipeline.commands.judged_files import (
    exclude_any_option,
    exclude_option,
    judged_claims_options,
    label_names_option,
    read_judged,
    texts_of_claims,
    texts_to_exclude,
)
from claimhound.pipeline.commands.long_jobs import long_job
from claimhound.pipeline.commands.options import index_option
from claimhound.pipeline.commands.output import print_help_alone, print_text, say
from claimhound.pipeline.commands.reading_options import claim_reading_options
from claimhound.pipeline.commands.training_options import (
    PAIRS,
    STANCE_PAIRS,
    data_option,
    encoder_run_options,
    pretrain_option,
    reranker_run_options,
    stance_run_options,
    two_head_run_options,
)
from claimhound.pipeline.training.encoder.recipe import EncoderRecipe
from claimhound.pipeline.training.recipe import Recipe
from claimhound.pipeline.training.reranker.recipe import RerankerRecipe
from claimhound.pipeline.training.stance.recipe import StanceRecipe
from claimhound.pipeline.training.two_heads.recipe import TwoHeadRecipe

if TYPE_CHECKING:
    from claimhound.pipeline.evaluation.stance import SetEvaluation
    from claimhound.pipeline.training.training_run import TrainingRun

R = TypeVar("R", bound=Recipe)


@click.group(invoke_without_command=True)
@click.pass_context
def train(ctx: click.Context) -> None:
    """Train models on your own claims."""
    print_help_alone(ctx)


@train.command("reranker", short_help="Train a cross-encoder on judged claims.")
@index_option
@judged_claims_options
@claim_reading_options
@data_option("Pairs to learn instead of mining them now", required=False)
@pretrain_option
@exclude_option
@reranker_run_options
def train_reranker(
    index_dir: Path,
    claims: str,
    qrels: str,
    data: tuple[str, ...],
    pretrain: tuple[str, ...],
    exclude_claims: tuple[str, ...],
    reading: ReadOptions,
    run: TrainingRun[RerankerRecipe],
) -> None:
    """Train a reranker on judged claims, with hard negatives from the index's own first stage.

    Writes a folder that `search --reranker` reads: weights, the fit of its probability, and a model card. Run the same
    command again to resume an interrupted training from its last checkpoint.
    """
    from claimhound.data.labelled_sets.pair_sources import PairSource
    from claimhound.pipeline.search.opening import open_pipeline
    from claimhound.pipeline.training.reranker.building import build_reranker
    from claimhound.pipeline.training.training_data import PairSources

    learned, before = (list(map(PairSource.parse, texts)) for texts in (data, pretrain))
    queries, judged = read_judged(claims, qrels, reading)
    sources = PairSources(learned, before, excluded_claims=texts_of_claims(exclude_claims, reading))
    pipeline = open_pipeline(index_dir, with_reranker=False, with_stance=False, compute=run.compute)
    with _progress_of(run) as shown:
        built = build_reranker(
            shown,
            pipeline,
            queries or [],
            judged.qrels,
            sources=sources,
            data_files={"claims": Path(claims), "judgments": Path(qrels)},
        )
    _print_trained(run, counted(built.training.n_pairs, "pair"), built.training.seconds)
    for name, means in built.held_out.items():
        _print_means(name, means)


@train.command("encoder", short_help="Train a bi-encoder on pairs of claims and evidence.")
@data_option("Pairs to learn", required=True)
@pretrain_option
@click.option("--validation", multiple=True, metavar=PAIRS, help="Pairs to validate on, never learned; repeatable.")
@exclude_option
@click.option(
    "--evaluation-claims",
    multiple=True,
    metavar="FILE",
    help="Refuse data that contain one of these claims; repeatable.",
)
@claim_reading_options
@encoder_run_options
def train_encoder(
    data: tuple[str, ...],
    pretrain: tuple[str, ...],
    validation: tuple[str, ...],
    exclude_claims: tuple[str, ...],
    evaluation_claims: tuple[str, ...],
    reading: ReadOptions,
    run: TrainingRun[EncoderRecipe],
) -> None:
    """Train an encoder by contrast: a claim moves nearer its evidence than the negatives of its batch.

    Writes a folder that `index build --encoder` reads, with a model card. Run the same command again to resume an
    interrupted training from its last checkpoint.
    """
    from claimhound.data.labelled_sets.pair_sources import PairSource
    from claimhound.pipeline.training.encoder.building import build_encoder
    from claimhound.pipeline.training.training_data import PairSources

    learned, before, held_out = (list(map(PairSource.parse, texts)) for texts in (data, pretrain, validation))
    sources = PairSources(learned, before, held_out, texts_of_claims(exclude_claims, reading))
    measured_on = texts_of_claims(evaluation_claims, reading)
    with _progress_of(run) as shown:
        built = build_encoder(shown, sources, evaluation_claims=measured_on)
    report = built.training
    _print_trained(run, counted(report.n_entries, "relevant passage"), report.seconds)
    if built.n_excluded_pairs:
        say(f"{counted(built.n_excluded_pairs, 'pair')} left out because of their claim")
    for name, measured in (("base", report.base_metrics), ("trained", report.metrics)):
        if measured:
            _print_means(name, measured)


@train.command("stance", short_help="Train a model that says whether evidence supports or refutes.")
@click.option(
    "--data",
    "specs",
    required=True,
    multiple=True,
    metavar=STANCE_PAIRS,
    help="Labelled set, @N to draw N of its claims; repeatable. The kinds are those of `evaluate-stance`.",
)
@label_names_option
@exclude_any_option
@claim_reading_options
@stance_run_options
def train_stance(
    specs: tuple[str, ...], exclude_claims: tuple[str, ...], reading: ReadOptions, run: TrainingRun[StanceRecipe]
) -> None:
    """Train a stance model on published sets of claims with evidence that supports or refutes them.

    Writes a folder that `search --stance` reads: weights, the fit of its probabilities, and a model card. Files whose
    name says dev or test are refused; those of the kinds pairs, split_pairs and counterfactual are not. Of
    sufficient_facts, split_pairs and counterfactual the training part is learned. Run the same command again to
    resume an interrupted training from its last checkpoint.
    """
    from claimhound.data.labelled_sets.stance_sources import StanceSource
    from claimhound.pipeline.training.stance.building import build_stance

    sources = [StanceSource.parse(spec, reading.label_names) for spec in specs]
    excluded = texts_to_exclude(exclude_claims, reading)
    with _progress_of(run) as shown:
        built = build_stance(shown, sources, excluded_claims=excluded)
    _print_trained(run, counted(built.training.n_pairs, "pair"), built.training.seconds)
    _print_stances(built.held_out)


@train.command("cross-encoder", short_help="Train one model for relevance and stance.")
@click.option(
    "--relevance",
    multiple=True,
    metavar=PAIRS,
    help="Pairs with a relevance, named like those of `train reranker --data`; repeatable.",
)
@click.option(
    "--stance",
    "stances",
    multiple=True,
    metavar=STANCE_PAIRS,
    help="Labelled set of stances, named like those of `train stance --data`; repeatable.",
)
@click.option("--taught", multiple=True, metavar="FILE", help="Pairs that `claimhound teach` wrote; repeatable.")
@label_names_option
@exclude_any_option
@claim_reading_options
@two_head_run_options
def train_cross_encoder(
    relevance: tuple[str, ...],
    stances: tuple[str, ...],
    taught: tuple[str, ...],
    exclude_claims: tuple[str, ...],
    reading: ReadOptions,
    run: TrainingRun[TwoHeadRecipe],
) -> None:
    """Train a cross-encoder with two heads: how relevant evidence is, and whether it supports or refutes.

    Name what each head learns from: --relevance and --stance, or --taught for both. Writes a folder that both
    `search --reranker` and `search --stance` read: weights, the fit of the stances' probabilities, and a model card.
    `calibrate` fits the probability of relevance. Run the same command again to resume an interrupted training from its
    last checkpoint.
    """
    if not taught and not (relevance and stances):
        raise click.UsageError("name --relevance and --stance, or --taught")
    from claimhound.data.labelled_sets.pair_sources import PairSource
    from claimhound.data.labelled_sets.stance_sources import StanceSource
    from claimhound.pipeline.training.two_heads.building import build_two_heads
    from claimhound.pipeline.training.two_heads.data import TwoHeadSources

    sources = TwoHeadSources(
        list(map(PairSource.parse, relevance)),
        [StanceSource.parse(spec, reading.label_names) for spec in stances],
        list(map(Path, taught)),
        texts_to_exclude(exclude_claims, reading),
    )
    with _progress_of(run) as shown:
        built = build_two_heads(shown, sources)
    _print_trained(run, counted(built.training.n_pairs, "pair"), built.training.seconds)
    for measured in built.relevance:
        print_text(
            f"{measured.name}: average precision {measured.average_precision:.3f} "
            f"({measured.share_relevant:.3f} are relevant)"
        )
    _print_stances(built.held_out)


def _print_stances(held_out: Iterable[SetEvaluation]) -> None:
    for found in held_out:
        print_text(
            f"{found.name}: accuracy {found.accuracy.mean:.3f} (always {found.majority}: "
            f"{found.majority_accuracy:.3f}), macro-F1 {found.macro_f1.mean:.3f} ({found.majority_macro_f1:.3f})"
        )


@contextmanager
def _progress_of(run: TrainingRun[R]) -> Iterator[TrainingRun[R]]:
    """Yield the run with its progress shown; an interruption says how to resume."""
    with long_job("steps", "run the same command again to resume from the last checkpoint") as on_progress:
        yield replace(run, on_progress=on_progress)


def _print_trained(run: TrainingRun[Recipe], learned: str, seconds: float) -> None:
    print_text(f"{run.output_dir}: trained on {learned} in {seconds:,.0f} s")


def _print_means(name: str, means: Mapping[str, float]) -> None:
    print_text(f"{name:<8}  " + "  ".join(f"{measure} {value:.3f}" for measure, value in means.items()))
