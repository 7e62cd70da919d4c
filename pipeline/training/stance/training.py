"""Training a cross-encoder on claim/evidence pairs labelled with stances."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.stances import STANCES, StancePair
from claimhound.pipeline.models.cross_encoders import read_stance_labels
from claimhound.pipeline.models.stance_labels import OURS, StanceLabels, read_labels, stance_labels
from claimhound.pipeline.training.base_models import draw_head, load_cross_encoder, transformer_of
from claimhound.pipeline.training.length_batches import length_grouped_batches
from claimhound.pipeline.training.recipe import TRAINING
from claimhound.pipeline.training.stance.recipe import StanceRecipe
from claimhound.pipeline.training.training_run import TrainingRun, run_training
from claimhound.pipeline.training.watched_trainer import Lesson

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


@dataclass(frozen=True)
class StanceTrainingReport:
    """The outcome of a training run; `labels` is how the model reads pairs and orders its outputs."""

    n_pairs: int
    seconds: float
    resumed_from_step: int | None
    losses: dict[str, float] = field(default_factory=dict)
    labels: StanceLabels = OURS


def train_stance(run: TrainingRun[StanceRecipe], pairs: Sequence[StancePair]) -> StanceTrainingReport:
    """Train a cross-encoder with a label for each of STANCES and save it where `load_stance` can load it.

    Cross-entropy on the label of each pair, weighted by `label_weights`. The base model's own labels are kept if they
    express STANCES, otherwise the labels are ours, see `load_base_model`. See `run_training` for what is resumed and
    saved, and for its errors. Raises InputError without pairs of all three labels, and ModelError for a base model that
    cannot be loaded or trained.
    """
    found = Counter(pair.stance for pair in pairs)
    if len(found) < len(STANCES):
        counts = ", ".join(f"{found[stance]:,} {stance}" for stance in STANCES)
        raise InputError(f"nothing to learn from: {len(pairs):,} training pairs, {counts}; all three are needed")
    recipe, device = run.recipe, run.device
    trained = run_training(
        run,
        {TRAINING: pairs},
        load=lambda source: load_base_model(source, recipe, device).model,
        lesson=lambda model, _phase, of_phase: _lesson(model, of_phase, recipe),
    )
    return StanceTrainingReport(len(pairs), **trained._asdict(), labels=read_stance_labels(run.output_dir))


def label_weights(pairs: Sequence[StancePair], balance: float, labels: StanceLabels = OURS) -> list[float]:
    """Return the weight of a pair of each label: its share to the power of -balance, 1 for the average pair.

    In the order of the model's outputs, given by `labels`.
    """
    found = Counter(pair.stance for pair in pairs)
    weights = [(found[stance] / len(pairs)) ** -balance for stance in STANCES]
    mean = math.fsum(weight * found[stance] for weight, stance in zip(weights, STANCES, strict=True)) / len(pairs)
    return [weights[labels.columns.index(output)] / mean for output in range(len(STANCES))]


class StanceBase(NamedTuple):
    """A cross-encoder to train, the labels of its outputs and the order in which it reads a pair.

    `notice` is a message on what happened to the base model's head; None if it had none or ours.
    """

    model: CrossEncoder
    labels: StanceLabels
    notice: str | None


def load_base_model(source: str, recipe: StanceRecipe, device: str) -> StanceBase:
    """Load any BERT-like model as a cross-encoder with a label for each of STANCES.

    A head whose labels `read_labels` knows is kept with its labels and its order of claim and evidence: reversed pairs
    would lose what it learned of inference. Any other head is replaced by a random one.
    """
    base = load_cross_encoder(source, len(STANCES), max_length=recipe.max_length, seed=recipe.seed, device=device)
    labels, notice = OURS, None
    if base.labels_before:
        try:
            labels = read_labels(base.labels_before)
        except ValueError:
            notice = f"base model: its head ({', '.join(base.labels_before)}) is replaced by a new one with our labels"
            if not base.head_is_new:
                draw_head(transformer_of(base.model), len(STANCES), recipe.seed)
        else:
            notice = None if labels.are_ours else f"base model: its head is kept ({labels.text})"
    config = transformer_of(base.model).config
    config.id2label = dict(enumerate(map(str, labels.names)))
    config.label2id = {str(name): number for number, name in enumerate(labels.names)}
    return StanceBase(base.model, labels, notice)


def _lesson(model: CrossEncoder, pairs: Sequence[StancePair], recipe: StanceRecipe) -> Lesson:
    import torch
    from sentence_transformers.cross_encoder.losses import CrossEntropyLoss

    labels = stance_labels(transformer_of(model).config.to_dict(), None)
    firsts, seconds = zip(*(labels.pair(pair.claim, pair.text) for pair in pairs), strict=True)
    output_of = dict(zip(STANCES, labels.columns, strict=True))
    # The sampler expects these names; the model reads the columns in this order.
    columns = {"query": firsts, "text": seconds, "label": [output_of[pair.stance] for pair in pairs]}
    weights = torch.tensor(label_weights(pairs, recipe.balance, labels), device=model.device)
    return Lesson(columns, CrossEntropyLoss(model, weight=weights), length_grouped_batches)
