"""Training a cross-encoder on claim/evidence pairs, through sentence-transformers' own trainer."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from claimhound.data.errors import InputError, ModelError
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.pipeline.serving.compute import Device
from claimhound.pipeline.serving.devices import resolve_device
from claimhound.pipeline.training.base_models import load_cross_encoder, prepare_for_training, save_half_precision
from claimhound.pipeline.training.checkpoints import CHECKPOINTS, PhaseOutcome, run_fingerprint, run_phases
from claimhound.pipeline.training.precision import autocast, use_threads
from claimhound.pipeline.training.reranker.losses import PAIRWISE, loss_arguments, n_rows
from claimhound.pipeline.training.reranker.recipe import RerankerRecipe
from claimhound.pipeline.training.watched_trainer import (
    LossWatch,
    Phase,
    Progress,
    Schedule,
    run_trainer,
    training_arguments,
    watched,
)
from claimhound.pipeline.training.writing import writing

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class TrainingReport:
    """What a training run did; `metrics` are CrossEncoderClassificationEvaluator's on the validation pairs."""

    n_pairs: int
    n_pretraining_pairs: int
    n_validation_pairs: int
    seconds: float
    resumed_from_step: int | None
    losses: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


def train_reranker(
    pairs: Sequence[TrainingPair],
    *,
    base_model: str | Path,
    output_dir: Path,
    recipe: RerankerRecipe,
    pretraining_pairs: Sequence[TrainingPair] = (),
    validation_pairs: Sequence[TrainingPair] = (),
    device: Device = "auto",
    n_threads: int | None = None,
    resume: bool = True,
    on_progress: Progress | None = None,
) -> TrainingReport:
    """Train a cross-encoder with one label and save it to `output_dir`, where `CrossEncoder(output_dir)` loads it.

    Binary cross-entropy on the label of each pair, or with the recipe's loss `listwise` LambdaLoss on the passages of
    each claim; labels between 0 and 1 are allowed, such as another model's probabilities. `pretraining_pairs` are
    learned first, each pair by itself, in a phase with its own schedule. Checkpoints stand in `output_dir/checkpoints`
    until the run ends; a run that was cut off goes on from its last one when called again with the same arguments, and
    gives the weights that it would have given uncut. Weights are saved in float16.

    Raises InputError without pairs of both kinds, where the folder holds checkpoints of another run and where it cannot
    be written, ModelError for a base model that cannot be loaded or trained, and when the loss stops being a number
    (the checkpoints stay).
    """
    _check_pairs(pairs, pretraining_pairs)
    started = time.monotonic()
    chosen = resolve_device(device)
    use_threads(n_threads)
    learned = {"pretraining": pretraining_pairs} if pretraining_pairs else {}
    learned["training"] = pairs

    def train(name: str, source: str, phase_dir: Path) -> tuple[CrossEncoder, PhaseOutcome]:
        phase = _phase(name, n_rows(learned[name], _loss(name, recipe)), recipe)
        model = load_base_model(source, recipe.max_length, recipe.seed, chosen)
        return model, _train_phase(phase, learned[name], model, phase_dir, recipe, chosen, on_progress)

    checkpoints_dir = output_dir / CHECKPOINTS
    outcome = run_phases(
        list(learned),
        str(base_model),
        checkpoints_dir,
        train,
        fingerprint=run_fingerprint([str(base_model), asdict(recipe)], (pretraining_pairs, pairs)),
        resume=resume,
    )
    model = load_base_model(outcome.model_dir, recipe.max_length, recipe.seed, chosen)
    metrics = evaluate_pairs(model, validation_pairs, recipe, chosen) if validation_pairs else {}
    with writing(output_dir):
        save_half_precision(model, output_dir)
    shutil.rmtree(checkpoints_dir)
    return TrainingReport(
        n_pairs=len(pairs),
        n_pretraining_pairs=len(pretraining_pairs),
        n_validation_pairs=len(validation_pairs),
        seconds=round(time.monotonic() - started, 1),
        resumed_from_step=outcome.resumed_from_step,
        losses=outcome.losses,
        metrics=metrics,
    )


def load_base_model(source: str, max_length: int, seed: int, device: str) -> CrossEncoder:
    """Load any BERT-like model or encoder folder as a cross-encoder with one label; a new head is drawn by `seed`."""
    return load_cross_encoder(source, 1, max_length=max_length, seed=seed, device=device).model


def check_base_model(base_model: str | Path, recipe: RerankerRecipe) -> str | None:
    """Return what becomes of a base model's head, in a sentence, None where it is kept or was not there.

    Raises ModelError for a base model that cannot be trained: found in a second, not after the mining.
    """
    base = load_cross_encoder(str(base_model), 1, max_length=recipe.max_length, seed=recipe.seed, device="cpu")
    if not base.labels_before or not base.head_is_new:
        return None
    return (
        f"base model: its head of {len(base.labels_before)} labels ({', '.join(base.labels_before)}) is replaced by a "
        "new one of one label"
    )


def evaluate_pairs(
    model: CrossEncoder, pairs: Sequence[TrainingPair], recipe: RerankerRecipe, device: str
) -> dict[str, float]:
    """Return CrossEncoderClassificationEvaluator's metrics on the pairs: accuracy, F1, precision, recall and more."""
    from sentence_transformers.cross_encoder.evaluation import CrossEncoderClassificationEvaluator

    evaluator = CrossEncoderClassificationEvaluator(
        sentence_pairs=[[pair.query, pair.text] for pair in pairs],
        labels=[int(pair.label >= 0.5) for pair in pairs],
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
    room: dict[str, int] = {}
    for pair in pairs:
        if pair.label >= 0.5:
            room[pair.query_id] = room.get(pair.query_id, 0) + 1
    for pair in pairs:
        if pair.label >= 0.5:
            kept.append(pair)
        elif room.get(pair.query_id, 0) > 0:
            room[pair.query_id] -= 1
            kept.append(pair)
    return kept


def _loss(phase: str, recipe: RerankerRecipe) -> str:
    return PAIRWISE if phase == "pretraining" else recipe.loss


def _phase(name: str, n_rows: int, recipe: RerankerRecipe) -> Phase:
    is_first = name == "pretraining"
    epochs = recipe.pretraining_epochs if is_first else recipe.epochs
    batch_size = recipe.pretraining_batch_size if is_first else recipe.batch_size
    return Phase(
        name,
        n_steps=epochs * math.ceil(n_rows / batch_size),
        learning_rate=recipe.pretraining_learning_rate if is_first else recipe.learning_rate,
        batch_size=batch_size,
        dropout=recipe.pretraining_dropout if is_first else recipe.dropout,
        epochs=epochs,
        stop_after=recipe.pretraining_steps if is_first else 0,
    )


def _train_phase(
    phase: Phase,
    pairs: Sequence[TrainingPair],
    model: CrossEncoder,
    phase_dir: Path,
    recipe: RerankerRecipe,
    device: str,
    on_progress: Progress | None,
) -> PhaseOutcome:
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments

    prepare_for_training(model, _transformer(model), dropout=phase.dropout, freeze_embeddings=recipe.freeze_embeddings)
    schedule = Schedule(
        recipe.warmup_share, recipe.weight_decay, recipe.seed, recipe.precision, recipe.checkpoint_steps, device
    )
    learned = loss_arguments(model, pairs, _loss(phase.name, recipe), recipe.mini_batch_size)
    sampler = {"batch_sampler": learned.pop("batch_sampler")} if "batch_sampler" in learned else {}
    arguments = CrossEncoderTrainingArguments(**training_arguments(phase, phase_dir, schedule), **sampler)
    watch = LossWatch(phase, phase_dir, on_progress)
    trainer = watched(CrossEncoderTrainer, watch)(model=model, args=arguments, **learned)
    return run_trainer(trainer, watch)


def _check_pairs(pairs: Sequence[TrainingPair], pretraining_pairs: Sequence[TrainingPair]) -> None:
    n_relevant = sum(pair.label >= 0.5 for pair in pairs)
    if not 0 < n_relevant < len(pairs):
        raise InputError(
            f"nothing to learn from: {len(pairs)} training pairs, {n_relevant} of them relevant; both kinds are needed"
        )
    for pair in (*pretraining_pairs, *pairs):
        if not 0 <= pair.label <= 1:
            raise InputError(f"label {pair.label} of claim {pair.query_id!r} lies outside [0, 1]")


def _transformer(model: CrossEncoder) -> PreTrainedModel:
    if model.model is None:
        raise ModelError("the base model has no transformer")
    return model.model
