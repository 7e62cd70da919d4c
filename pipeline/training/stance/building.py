"""From labelled sets to a stance model ready to serve: read, split, train, fit the temperature, write the card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from claimhound.data.labelled_sets.splits import held_out_claims, without_claims
from claimhound.data.labelled_sets.stance_sources import StanceSource, read_stance_source
from claimhound.data.labelled_sets.stances import STANCES, StancePair, StanceSet
from claimhound.data.progress import Progress, batches
from claimhound.pipeline.evaluation.stance import SetEvaluation, label_counts, measure_set
from claimhound.pipeline.models.cross_encoders import CrossEncoderModel, StanceScores, load_stance
from claimhound.pipeline.models.temperature import fit_temperature, log_loss, save_temperature, softmax
from claimhound.pipeline.training.model_card import DataFile, data_file, write_card
from claimhound.pipeline.training.stance.recipe import StanceRecipe
from claimhound.pipeline.training.stance.training import StanceTrainingReport, load_base_model, train_stance
from claimhound.pipeline.training.training_run import TrainingRun

_PAIRS_AT_A_TIME = 512


@dataclass(frozen=True)
class TemperatureFit:
    """The temperature, and the mean log loss of the held-out pairs without it and with it."""

    temperature: float
    loss_before: float
    loss_after: float


@dataclass(frozen=True)
class BuiltStance:
    """The outcome; `held_out` measures each set's held-out claims, which were used to fit the temperature only."""

    training: StanceTrainingReport
    held_out: tuple[SetEvaluation, ...]
    fit: TemperatureFit
    n_excluded: int


class _Data(NamedTuple):
    sets: list[StanceSet]
    files: list[DataFile]
    n_excluded: int


def build_stance(
    run: TrainingRun[StanceRecipe], sources: Sequence[StanceSource], *, excluded_claims: Iterable[str] = ()
) -> BuiltStance:
    """Train a stance model on the sets and write its folder: weights, tokenizer, temperature and card.

    Pairs whose claim is among `excluded_claims`, compared as normalised text, are left out and counted: those are the
    claims to measure on. Raises InputError for a file whose name marks it as one to measure on and for data with
    nothing to learn from, and ModelError for a base model that cannot be trained.
    """
    for source in sources:
        source.require_trainable()
    # A model that cannot be trained fails here, before the reading.
    if (notice := load_base_model(str(run.base.folder), run.recipe, "cpu").notice) is not None:
        run.notify(notice)
    data = _read(run, sources, excluded_claims)
    learned, held_out = _split(data.sets, run.recipe)
    pairs = [pair for one in learned for pair in one.pairs]
    run.notify(f"training on {len(pairs):,} pairs")
    report = train_stance(run, pairs)
    run.notify("fitting the temperature on held-out claims")
    model = load_stance(str(run.output_dir), run.compute)
    measured, fit = _fit(model, held_out, run.recipe.seed, run.on_progress)
    save_temperature(fit.temperature, run.output_dir)
    built = BuiltStance(report, measured, fit, data.n_excluded)
    write_card("stance", run, built, data.files)
    return built


def _claim_of(pair: StancePair) -> str:
    return pair.claim


def _read(run: TrainingRun[StanceRecipe], sources: Sequence[StanceSource], excluded_claims: Iterable[str]) -> _Data:
    excluded = list(excluded_claims)
    data = _Data([], [], 0)
    for source in sources:
        run.notify(f"reading {source.kind} {source.path}")
        found = read_stance_source(source, "train", seed=run.recipe.seed)
        kept, left_out = without_claims(found.pairs, excluded, _claim_of)
        data.sets.append(replace(found, pairs=kept))
        counts = ", ".join(f"{n:,} {stance}" for stance, n in label_counts(data.sets[-1]).items())
        drawn = "" if source.limit is None else f" of {source.limit:,} claims drawn by seed"
        dropped = f"; {len(left_out):,} left out" if left_out else ""
        data.files.append(data_file(source.path, f"{found.name}: {len(kept):,} pairs{drawn} ({counts}){dropped}"))
        data = data._replace(n_excluded=data.n_excluded + len(left_out))
        run.notify(data.files[-1].gave)
    return data


def _split(sets: Sequence[StanceSet], recipe: StanceRecipe) -> tuple[list[StanceSet], list[StanceSet]]:
    """Return the sets to learn and those held out; a claim in several sets is on the same side in all of them."""
    claims = held_out_claims([pair.claim for one in sets for pair in one.pairs], recipe.validation_share, recipe.seed)
    sides = [(one, *without_claims(one.pairs, claims, _claim_of)) for one in sets]
    learned = [replace(one, pairs=kept) for one, kept, _ in sides]
    return learned, [replace(one, pairs=held_out) for one, _, held_out in sides if held_out]


def _fit(
    model: CrossEncoderModel, sets: Sequence[StanceSet], seed: int, on_progress: Progress
) -> tuple[tuple[SetEvaluation, ...], TemperatureFit]:
    pairs = [pair for one in sets for pair in one.pairs]
    found = [
        model.stance_logits([(pair.claim, pair.text) for pair in batch])
        for batch in batches(pairs, _PAIRS_AT_A_TIME, "measuring", on_progress)
    ]
    logits, cut = (np.concatenate(parts) for parts in zip(*found, strict=True))
    labels = np.array([STANCES.index(pair.stance) for pair in pairs], dtype=np.int64)
    temperature = fit_temperature(logits, labels)
    probabilities = softmax(logits, temperature)
    measured: list[SetEvaluation] = []
    start = 0
    for one in sets:
        rows = slice(start, start + len(one.pairs))
        measured.append(measure_set(one, StanceScores(probabilities[rows], cut[rows]), seed=seed))
        start = rows.stop
    losses = log_loss(logits, labels), log_loss(logits, labels, temperature)
    return tuple(measured), TemperatureFit(temperature, *losses)
