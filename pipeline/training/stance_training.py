"""Training a cross-encoder on claim/evidence pairs with stances, through sentence-transformers' own trainer."""

from __future__ import annotations

import math
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import InputError, ModelError
from data.stances import STANCES, StancePair
from pipeline.config import Device
from pipeline.runtimes import resolve_device
from pipeline.training.base_models import loading, prepare_for_training, save_half_precision
from pipeline.training.checkpoints import CHECKPOINTS, PhaseOutcome, run_fingerprint, run_phases
from pipeline.training.length_batches import length_grouped_batches
from pipeline.training.precision import use_threads
from pipeline.training.stance_recipe import StanceRecipe
from pipeline.training.watched_trainer import (
    LossWatch,
    Phase,
    Progress,
    Schedule,
    run_trainer,
    training_arguments,
    watched,
)
from pipeline.training.writing import writing

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder
    from transformers import PreTrainedModel

_PHASE = "training"


@dataclass(frozen=True)
class StanceTrainingReport:
    """What a training run did; `loss` is the mean over the last tenth of its steps."""

    n_pairs: int
    seconds: float
    resumed_from_step: int | None
    loss: float


def train_stance(
    pairs: Sequence[StancePair],
    *,
    base_model: str | Path,
    output_dir: Path,
    recipe: StanceRecipe,
    device: Device = "auto",
    n_threads: int | None = None,
    resume: bool = True,
    on_progress: Progress | None = None,
) -> StanceTrainingReport:
    """Train a cross-encoder with a label for each of STANCES and save it to `output_dir`, where `load_stance` reads it.

    Cross-entropy on the label of each pair, weighed by `label_weights`. Checkpoints stand in `output_dir/checkpoints`
    until the run ends; a run that was cut off goes on from its last one when called again with the same arguments, and
    gives the weights that it would have given uncut. Weights are saved in float16.

    Raises InputError without pairs of all three labels, where the folder holds checkpoints of another run and where it
    cannot be written, ModelError for a base model that cannot be loaded or trained, and when the loss stops being a
    number (the checkpoints stay).
    """
    found = Counter(pair.stance for pair in pairs)
    if len(found) < len(STANCES):
        counts = ", ".join(f"{found[stance]:,} {stance}" for stance in STANCES)
        raise InputError(f"nothing to learn from: {len(pairs):,} training pairs, {counts}; all three are needed")
    started = time.monotonic()
    chosen = resolve_device(device)
    use_threads(n_threads)

    def train(_name: str, source: str, phase_dir: Path) -> tuple[CrossEncoder, PhaseOutcome]:
        model = load_base_model(source, recipe, chosen)
        return model, _train(pairs, model, phase_dir, recipe, chosen, on_progress)

    checkpoints_dir = output_dir / CHECKPOINTS
    outcome = run_phases(
        [_PHASE],
        str(base_model),
        checkpoints_dir,
        train,
        fingerprint=run_fingerprint([str(base_model), asdict(recipe)], (pairs,)),
        resume=resume,
    )
    model = load_base_model(outcome.model_dir, recipe, chosen)
    with writing(output_dir):
        save_half_precision(model, output_dir)
    shutil.rmtree(checkpoints_dir)
    return StanceTrainingReport(
        n_pairs=len(pairs),
        seconds=round(time.monotonic() - started, 1),
        resumed_from_step=outcome.resumed_from_step,
        loss=outcome.losses[_PHASE],
    )


def label_weights(pairs: Sequence[StancePair], balance: float) -> list[float]:
    """Return what a pair of each of STANCES weighs: its share to the power of -balance, 1 for the average pair."""
    found = Counter(pair.stance for pair in pairs)
    weights = [(found[stance] / len(pairs)) ** -balance for stance in STANCES]
    mean = math.fsum(weight * found[stance] for weight, stance in zip(weights, STANCES, strict=True)) / len(pairs)
    return [weight / mean for weight in weights]


def load_base_model(source: str, recipe: StanceRecipe, device: str) -> CrossEncoder:
    """Load any BERT-like model as a cross-encoder with STANCES for labels; a head of another width is drawn anew."""
    import torch
    from sentence_transformers import CrossEncoder

    with loading(source):
        torch.manual_seed(recipe.seed)
        model: CrossEncoder = CrossEncoder(
            source,
            num_labels=len(STANCES),
            max_length=recipe.max_length,
            device=device,
            model_kwargs={"ignore_mismatched_sizes": True},
        )
    config = _transformer(model).config
    config.id2label = {number: str(stance) for number, stance in enumerate(STANCES)}
    config.label2id = {str(stance): number for number, stance in enumerate(STANCES)}
    return model


def _train(
    pairs: Sequence[StancePair],
    model: CrossEncoder,
    phase_dir: Path,
    recipe: StanceRecipe,
    device: str,
    on_progress: Progress | None,
) -> PhaseOutcome:
    import torch
    from datasets import Dataset
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
    from sentence_transformers.cross_encoder.losses import CrossEntropyLoss

    phase = Phase(
        _PHASE,
        n_steps=recipe.epochs * math.ceil(len(pairs) / recipe.batch_size),
        learning_rate=recipe.learning_rate,
        batch_size=recipe.batch_size,
        dropout=recipe.dropout,
        epochs=recipe.epochs,
    )
    prepare_for_training(model, _transformer(model), dropout=recipe.dropout, freeze_embeddings=recipe.freeze_embeddings)
    dataset = Dataset.from_dict(
        {
            "query": [pair.claim for pair in pairs],
            "text": [pair.text for pair in pairs],
            "label": [STANCES.index(pair.stance) for pair in pairs],
        }
    )
    schedule = Schedule(
        recipe.warmup_share, recipe.weight_decay, recipe.seed, recipe.precision, recipe.checkpoint_steps, device
    )
    arguments = CrossEncoderTrainingArguments(
        **training_arguments(phase, phase_dir, schedule), batch_sampler=length_grouped_batches
    )
    watch = LossWatch(phase, phase_dir, on_progress)
    weights = torch.tensor(label_weights(pairs, recipe.balance), device=device)
    trainer = watched(CrossEncoderTrainer, watch)(
        model=model, args=arguments, train_dataset=dataset, loss=CrossEntropyLoss(model, weight=weights)
    )
    return run_trainer(trainer, watch)


def _transformer(model: CrossEncoder) -> PreTrainedModel:
    if model.model is None:
        raise ModelError("the base model has no transformer")
    return model.model
