"""From labelled sets, judged pairs and a teacher's logits to a cross-encoder with two heads, ready to serve."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from claimhound.data.labelled_sets.pair_sources import PairSource
from claimhound.data.labelled_sets.splits import held_out_claims, without_claims
from claimhound.data.labelled_sets.stance_sources import StanceSource
from claimhound.data.labelled_sets.stances import StancePair, StanceSet
from claimhound.data.labelled_sets.taught_pairs import TaughtPair, of_relevance, of_stance, read_taught_pairs
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.pipeline.evaluation.classification import FIGURES, Classification
from claimhound.pipeline.evaluation.stance import SetEvaluation
from claimhound.pipeline.models.cross_encoders import CrossEncoderModel, load_stance
from claimhound.pipeline.models.temperature import save_temperature
from claimhound.pipeline.training.model_card import DataFile, data_file, write_card
from claimhound.pipeline.training.stance.data import read_stance_data
from claimhound.pipeline.training.stance.held_out import TemperatureFit, fit_on_held_out
from claimhound.pipeline.training.training_data import read_training_data
from claimhound.pipeline.training.training_run import TrainingRun
from claimhound.pipeline.training.two_heads.recipe import TwoHeadRecipe
from claimhound.pipeline.training.two_heads.training import TwoHeadTrainingReport, load_base_model, train_two_heads

T = TypeVar("T")


@dataclass(frozen=True)
class TwoHeadSources:
    """What to learn: judged pairs, labelled sets and files of `claimhound teach`, and the claims never to train on."""

    relevance: Sequence[PairSource] = ()
    stance: Sequence[StanceSource] = ()
    taught: Sequence[Path] = ()
    excluded_claims: Sequence[str] = ()


@dataclass(frozen=True)
class RelevanceMeasure:
    """Average precision of the logit over the held-out pairs of one source."""

    name: str
    n_pairs: int
    share_relevant: float
    average_precision: float


@dataclass(frozen=True)
class BuiltTwoHeads:
    """The outcome. The held-out claims were used to fit the temperature only."""

    training: TwoHeadTrainingReport
    held_out: tuple[SetEvaluation, ...]
    relevance: tuple[RelevanceMeasure, ...]
    fit: TemperatureFit | None
    n_excluded: int


def build_two_heads(run: TrainingRun[TwoHeadRecipe], sources: TwoHeadSources) -> BuiltTwoHeads:
    """Train a cross-encoder with two heads and write its folder: weights, tokenizer, temperature and card.

    Pairs whose claim is among the excluded ones, compared as normalised text, are left out and counted. A share of the
    claims of all sources is held out; pairs of one group lie on one side. The folder has no blend: `claimhound
    calibrate` fits one to judged claims of an index. Raises InputError for a file whose name marks it as one to measure
    on and for data with nothing to learn from, and ModelError for a base model that cannot be trained.
    """
    recipe, excluded = run.recipe, list(sources.excluded_claims)
    # A model that cannot be trained fails here, before the reading.
    if (notice := load_base_model(str(run.base.folder), recipe, "cpu").notice) is not None:
        run.notify(notice)
    stance = read_stance_data(sources.stance, excluded, seed=recipe.seed, notify=run.notify)
    judged = read_training_data(sources.relevance, excluded, purpose="relevance", seed=recipe.seed, notify=run.notify)
    taught, taught_files, n_untaught = _read_taught(sources.taught, excluded, run)
    everything = [pair for pairs in judged.pairs for pair in map(of_relevance, pairs)]
    everything += [of_stance(pair) for one in stance.sets for pair in one.pairs]
    everything += taught
    kept_out = held_out_claims(map(_group_of, everything), recipe.validation_share, recipe.seed)
    learned, _ = without_claims(everything, kept_out, _group_of)
    run.notify(f"training on {len(learned):,} pairs")
    report = train_two_heads(run, learned)
    run.notify("measuring held-out claims")
    model = load_stance(str(run.output_dir), run.compute)
    measured, fit = _stances(model, stance.sets, kept_out, run)
    relevance = tuple(
        _relevance(model, source, pairs, kept_out)
        for source, pairs in zip(sources.relevance, judged.pairs, strict=True)
    )
    if fit is not None:
        save_temperature(fit.temperature, run.output_dir)
    n_excluded = stance.n_excluded + judged.n_excluded + n_untaught
    built = BuiltTwoHeads(report, measured, tuple(one for one in relevance if one is not None), fit, n_excluded)
    write_card("two heads", run, built, [*stance.files, *judged.files, *taught_files])
    return built


def _group_of(pair: TaughtPair) -> str:
    return pair.group or pair.claim


def _read_taught(
    paths: Iterable[Path], excluded: Sequence[str], run: TrainingRun[TwoHeadRecipe]
) -> tuple[list[TaughtPair], list[DataFile], int]:
    """Return the pairs of a teacher's files without excluded claims, the files, and how many were left out."""
    pairs: list[TaughtPair] = []
    files, n_excluded = [], 0
    for path in paths:
        run.notify(f"reading {path}")
        kept, left_out = without_claims(read_taught_pairs(path), excluded, lambda pair: pair.claim)
        pairs += kept
        n_excluded += len(left_out)
        files.append(data_file(path, f"{len(kept):,} pairs with a teacher's logits"))
    return pairs, files, n_excluded


def _stances(
    model: CrossEncoderModel, sets: Sequence[StanceSet], kept_out: set[str], run: TrainingRun[TwoHeadRecipe]
) -> tuple[tuple[SetEvaluation, ...], TemperatureFit | None]:
    def group_of(pair: StancePair) -> str:
        return pair.group or pair.claim

    held_out = [replace(one, pairs=_among(one.pairs, kept_out, group_of)) for one in sets]
    held_out = [one for one in held_out if one.pairs]
    return fit_on_held_out(model, held_out, run.recipe.seed, run.on_progress) if held_out else ((), None)


def _relevance(
    model: CrossEncoderModel, source: PairSource, pairs: Sequence[TrainingPair], kept_out: set[str]
) -> RelevanceMeasure | None:
    held_out = _among(pairs, kept_out, lambda pair: pair.query)
    relevant = np.array([pair.label >= 0.5 for pair in held_out], dtype=np.bool_)
    if not relevant.any():
        return None
    scores = model.score([(pair.query, pair.text) for pair in held_out]).logits
    figures = Classification(scores, relevant).figures(np.arange(len(held_out), dtype=np.int64))
    return RelevanceMeasure(
        f"{source.path.parent.name}/{source.path.name}",
        len(held_out),
        float(relevant.mean()),
        float(figures[FIGURES.index("average_precision")]),
    )


def _among(items: Iterable[T], kept_out: set[str], key: Callable[[T], str]) -> list[T]:
    return without_claims(items, kept_out, key)[1]
