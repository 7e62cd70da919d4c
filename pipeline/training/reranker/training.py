"""Training a cross-encoder on claim/evidence pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.pipeline.training.base_models import load_cross_encoder
from claimhound.pipeline.training.precision import autocast
from claimhound.pipeline.training.recipe import PRETRAINING, TRAINING, Phase
from claimhound.pipeline.training.reranker.losses import PAIRWISE, listwise_lesson, pairwise_lesson
from claimhound.pipeline.training.reranker.recipe import RerankerRecipe
from claimhound.pipeline.training.training_run import TrainingRun, run_training
from claimhound.pipeline.training.watched_trainer import Lesson

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


@dataclass(frozen=True)
class RerankerTrainingReport:
    """The outcome of a training run; `metrics` are CrossEncoderClassificationEvaluator's on the validation pairs."""

    n_pairs: int
    n_pretraining_pairs: int
    n_validation_pairs: int
    seconds: float
    resumed_from_step: int | None
    losses: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


def train_reranker(
    run: TrainingRun[RerankerRecipe],
    pairs: Sequence[TrainingPair],
    *,
    pretraining_pairs: Sequence[TrainingPair] = (),
    validation_pairs: Sequence[TrainingPair] = (),
) -> RerankerTrainingReport:
    """Train a cross-encoder with one label and save it where `CrossEncoder` can load it.

    Binary cross-entropy on the label of each pair, or with the loss `listwise` LambdaLoss on the passages of each
    claim; labels between 0 and 1 are allowed, such as another model's probabilities. `pretraining_pairs` are learned
    first, pair by pair, in their own phase. See `run_training` for what is resumed and saved, and for its errors.
    Raises InputError unless there are both relevant pairs and others, and ModelError for a base model that cannot be
    loaded or trained.
    """
    _check_pairs(pairs, pretraining_pairs)
    recipe, device = run.recipe, run.device
    metrics: dict[str, float] = {}

    def finish(model: CrossEncoder) -> None:
        if validation_pairs:
            metrics.update(evaluate_pairs(model, validation_pairs, recipe, device))

    trained = run_training(
        run,
        {PRETRAINING: pretraining_pairs, TRAINING: pairs},
        load=lambda source: _load(source, recipe, device),
        lesson=lambda model, phase, of_phase: _lesson(model, phase, of_phase, recipe),
        finish=finish,
    )
    return RerankerTrainingReport(
        n_pairs=len(pairs),
        n_pretraining_pairs=len(pretraining_pairs),
        n_validation_pairs=len(validation_pairs),
        **trained._asdict(),
        metrics=metrics,
    )


def _load(source: str, recipe: RerankerRecipe, device: str) -> CrossEncoder:
    return load_cross_encoder(source, 1, max_length=recipe.max_length, seed=recipe.seed, device=device).model


def _lesson(model: CrossEncoder, phase: Phase, pairs: Sequence[TrainingPair], recipe: RerankerRecipe) -> Lesson:
    if phase.name == PRETRAINING or recipe.loss == PAIRWISE:
        return pairwise_lesson(model, pairs)
    return listwise_lesson(model, pairs, recipe.mini_batch_size)


def check_base_model(run: TrainingRun[RerankerRecipe]) -> str | None:
    """Return a message if the base model's head is replaced, None if it has none or keeps it.

    Raises ModelError for a base model that cannot be trained: in a second, not after the mining.
    """
    base = load_cross_encoder(
        str(run.base.folder), 1, max_length=run.recipe.max_length, seed=run.recipe.seed, device="cpu"
    )
    if not base.labels_before or not base.head_is_new:
        return None
    return (
        f"base model: its head of {len(base.labels_before)} labels ({', '.join(base.labels_before)}) is replaced by a "
        "new one with one label"
    )


def evaluate_pairs(
    model: CrossEncoder, pairs: Sequence[TrainingPair], recipe: RerankerRecipe, device: str
) -> dict[str, float]:
    """Return CrossEncoderClassificationEvaluator's metrics on the pairs: accuracy, F1, precision, recall and more."""
    from sentence_transformers.cross_encoder.evaluation import CrossEncoderClassificationEvaluator

    evaluator = CrossEncoderClassificationEvaluator(
        sentence_pairs=[[pair.query, pair.text] for pair in pairs],
        labels=[int(pair.is_relevant) for pair in pairs],
        batch_size=4 * recipe.batch_size,
        show_progress_bar=False,
        write_csv=False,
    )
    with autocast(recipe.precision, device):
        metrics = evaluator(model)
    return {name: round(float(value), 4) for name, value in metrics.items()}


def balanced(pairs: Sequence[TrainingPair]) -> list[TrainingPair]:
    """Return each claim's relevant pairs and as many of its negatives: what the published metrics are measured on."""
    kept: list[TrainingPair] = []
    room = Counter(pair.query_id for pair in pairs if pair.is_relevant)
    for pair in pairs:
        if pair.is_relevant:
            kept.append(pair)
        elif room[pair.query_id] > 0:
            room[pair.query_id] -= 1
            kept.append(pair)
    return kept


def _check_pairs(pairs: Sequence[TrainingPair], pretraining_pairs: Sequence[TrainingPair]) -> None:
    n_relevant = sum(pair.is_relevant for pair in pairs)
    if not 0 < n_relevant < len(pairs):
        raise InputError(
            f"nothing to learn from: {len(pairs)} training pairs, {n_relevant} of them relevant; both kinds are needed"
        )
    for pair in (*pretraining_pairs, *pairs):
        if not 0 <= pair.label <= 1:
            raise InputError(f"label {pair.label} of claim {pair.query_id!r} lies outside [0, 1]")
