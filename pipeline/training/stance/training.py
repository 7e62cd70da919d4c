"""Training a cross-encoder on claim/evidence pairs with stances, through sentence-transformers' own trainer."""

from __future__ import annotations

import math
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from claimhound.data.errors import InputError, ModelError
from claimhound.data.labelled_sets.stances import STANCES, StancePair
from claimhound.pipeline.models.stance_labels import OURS, StanceLabels, read_labels
from claimhound.pipeline.serving.compute import Device
from claimhound.pipeline.serving.devices import resolve_device
from claimhound.pipeline.training.base_models import load_cross_encoder, prepare_for_training, save_half_precision
from claimhound.pipeline.training.checkpoints import CHECKPOINTS, PhaseOutcome, run_fingerprint, run_phases
from claimhound.pipeline.training.length_batches import length_grouped_batches
from claimhound.pipeline.training.precision import use_threads
from claimhound.pipeline.training.stance.recipe import StanceRecipe
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

_PHASE = "training"


@dataclass(frozen=True)
class StanceTrainingReport:
    """What a training run did; `loss` is the mean over the last tenth of its steps, `labels` how the model reads."""

    n_pairs: int
    seconds: float
    resumed_from_step: int | None
    loss: float
    labels: StanceLabels = OURS


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

    Cross-entropy on the label of each pair, weighed by `label_weights`. The labels are a base model's own where it has
    such for STANCES, and ours otherwise, see `load_base_model`. Checkpoints stand in `output_dir/checkpoints`
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
        base = load_base_model(source, recipe, chosen)
        return base.model, _train(pairs, base, phase_dir, recipe, chosen, on_progress)

    checkpoints_dir = output_dir / CHECKPOINTS
    outcome = run_phases(
        [_PHASE],
        str(base_model),
        checkpoints_dir,
        train,
        fingerprint=run_fingerprint([str(base_model), asdict(recipe)], (pairs,)),
        resume=resume,
    )
    model, labels, _ = load_base_model(outcome.model_dir, recipe, chosen)
    with writing(output_dir):
        save_half_precision(model, output_dir)
    shutil.rmtree(checkpoints_dir)
    return StanceTrainingReport(
        n_pairs=len(pairs),
        seconds=round(time.monotonic() - started, 1),
        resumed_from_step=outcome.resumed_from_step,
        loss=outcome.losses[_PHASE],
        labels=labels,
    )


def label_weights(pairs: Sequence[StancePair], balance: float, labels: StanceLabels = OURS) -> list[float]:
    """Return what a pair of each label weighs: its share to the power of -balance, 1 for the average pair.

    In the order of the model's outputs, which `labels` tells.
    """
    found = Counter(pair.stance for pair in pairs)
    weights = [(found[stance] / len(pairs)) ** -balance for stance in STANCES]
    mean = math.fsum(weight * found[stance] for weight, stance in zip(weights, STANCES, strict=True)) / len(pairs)
    return [weights[labels.columns.index(output)] / mean for output in range(len(STANCES))]


class StanceBase(NamedTuple):
    """A cross-encoder to train, what its outputs stand for and how it reads a pair, from beginning to end.

    `notice` says in a sentence what became of the base's head, None where there was none or where it is our own.
    """

    model: CrossEncoder
    labels: StanceLabels
    notice: str | None


def load_base_model(source: str, recipe: StanceRecipe, device: str) -> StanceBase:
    """Load any BERT-like model as a cross-encoder with a label for each of STANCES.

    A head whose labels `read_labels` knows is kept with these labels, and the pair in the order in which that model
    reads it: what it learned of inference would be lost on pairs turned round. Any other is drawn anew.
    """
    base = load_cross_encoder(source, len(STANCES), max_length=recipe.max_length, seed=recipe.seed, device=device)
    labels, notice = OURS, None
    if base.labels_before:
        try:
            labels = read_labels(base.labels_before)
        except ValueError:
            notice = f"base model: its head ({', '.join(base.labels_before)}) is replaced by a new one with our labels"
            if not base.head_is_new:
                _draw_head(_transformer(base.model), recipe.seed)
        else:
            notice = None if labels.are_ours else f"base model: its head is kept ({labels.text})"
    config = _transformer(base.model).config
    config.id2label = dict(enumerate(map(str, labels.names)))
    config.label2id = {str(name): number for number, name in enumerate(labels.names)}
    return StanceBase(base.model, labels, notice)


def _draw_head(transformer: PreTrainedModel, seed: int) -> None:
    """Draw the last layer anew: one of the same width is kept by the library, whatever its rows stand for."""
    import torch

    body = f"{transformer.base_model_prefix}."
    layers = [
        module
        for name, module in transformer.named_modules()
        if isinstance(module, torch.nn.Linear) and module.out_features == len(STANCES) and not name.startswith(body)
    ]
    if len(layers) != 1:
        raise ModelError(f"the base model ({type(transformer).__name__}) has a head that cannot be told from its body")
    generator = torch.Generator().manual_seed(seed)
    std = getattr(transformer.config, "initializer_range", 0.02)
    with torch.no_grad():
        weight = layers[0].weight
        weight.copy_(torch.normal(0.0, std, weight.shape, generator=generator))
        if layers[0].bias is not None:
            layers[0].bias.zero_()


def _train(
    pairs: Sequence[StancePair],
    base: StanceBase,
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
    model, labels, _ = base
    prepare_for_training(model, _transformer(model), dropout=recipe.dropout, freeze_embeddings=recipe.freeze_embeddings)
    firsts, seconds = zip(*(labels.pair(pair.claim, pair.text) for pair in pairs), strict=True)
    output_of = dict(zip(STANCES, labels.columns, strict=True))
    # By the names that the sampler asks for, in the order in which the model reads them.
    columns = {"query": firsts, "text": seconds, "label": [output_of[pair.stance] for pair in pairs]}
    dataset = Dataset.from_dict(columns)
    schedule = Schedule(
        recipe.warmup_share, recipe.weight_decay, recipe.seed, recipe.precision, recipe.checkpoint_steps, device
    )
    arguments = CrossEncoderTrainingArguments(
        **training_arguments(phase, phase_dir, schedule), batch_sampler=length_grouped_batches
    )
    watch = LossWatch(phase, phase_dir, on_progress)
    weights = torch.tensor(label_weights(pairs, recipe.balance, labels), device=device)
    trainer = watched(CrossEncoderTrainer, watch)(
        model=model, args=arguments, train_dataset=dataset, loss=CrossEntropyLoss(model, weight=weights)
    )
    return run_trainer(trainer, watch)


def _transformer(model: CrossEncoder) -> PreTrainedModel:
    if model.model is None:
        raise ModelError("the base model has no transformer")
    return model.model
