"""Training a cross-encoder with two heads: one output for relevance, three for the stances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.stances import STANCES, Stance
from claimhound.data.labelled_sets.taught_pairs import HEADS, TaughtPair
from claimhound.pipeline.training.base_models import draw_head, load_cross_encoder, transformer_of
from claimhound.pipeline.training.recipe import TRAINING
from claimhound.pipeline.training.training_run import TrainingRun, run_training
from claimhound.pipeline.training.two_heads.losses import two_head_lesson
from claimhound.pipeline.training.two_heads.recipe import TwoHeadRecipe

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


@dataclass(frozen=True)
class TwoHeadTrainingReport:
    """The outcome of a training run: how many pairs were learned, and for how many of them each thing is known."""

    n_pairs: int
    n_with_relevance: int
    n_with_stance: int
    n_with_teacher: int
    seconds: float
    resumed_from_step: int | None
    losses: dict[str, float] = field(default_factory=dict)


def train_two_heads(run: TrainingRun[TwoHeadRecipe], pairs: Sequence[TaughtPair]) -> TwoHeadTrainingReport:
    """Train a cross-encoder with the labels HEADS and save it where `load_reranker` and `load_stance` can load it.

    The loss is `two_head_lesson`'s. See `run_training` for what is resumed and saved, and for its errors. Raises
    InputError unless, by label or teacher, there are relevant pairs and others and pairs of all three stances, and
    ModelError for a base model that cannot be loaded or trained.
    """
    _require_both_heads(pairs)
    recipe, device = run.recipe, run.device
    trained = run_training(
        run,
        {TRAINING: pairs},
        load=lambda source: load_base_model(source, recipe, device).model,
        lesson=lambda model, _phase, of_phase: two_head_lesson(model, of_phase, recipe),
    )
    return TwoHeadTrainingReport(
        len(pairs),
        sum(pair.relevance is not None for pair in pairs),
        sum(pair.stance is not None for pair in pairs),
        sum(pair.teacher is not None for pair in pairs),
        **trained._asdict(),
    )


class TwoHeadBase(NamedTuple):
    """A cross-encoder to train; `notice` says what happened to the base model's head, None if it had none or ours."""

    model: CrossEncoder
    notice: str | None


def load_base_model(source: str, recipe: TwoHeadRecipe, device: str) -> TwoHeadBase:
    """Load any BERT-like model as a cross-encoder with the labels HEADS.

    A head with these labels in this order is kept, any other is replaced by a random one. Raises ModelError as
    `load_cross_encoder` does.
    """
    base = load_cross_encoder(source, len(HEADS), max_length=recipe.max_length, seed=recipe.seed, device=device)
    transformer = transformer_of(base.model)
    notice = None
    if base.labels_before and base.labels_before != HEADS:
        notice = f"base model: its head ({', '.join(base.labels_before)}) is replaced by a new one with both heads"
        if not base.head_is_new:
            draw_head(transformer, len(HEADS), recipe.seed)
    transformer.config.id2label = dict(enumerate(HEADS))
    transformer.config.label2id = {name: number for number, name in enumerate(HEADS)}
    return TwoHeadBase(base.model, notice)


def _require_both_heads(pairs: Sequence[TaughtPair]) -> None:
    """Raise InputError unless each head has pairs of every kind to learn; where there is no label, the teacher says."""
    relevances = [relevant for pair in pairs if (relevant := _is_relevant(pair)) is not None]
    if not 0 < sum(relevances) < len(relevances):
        raise InputError(
            f"nothing to learn relevance from: {len(relevances):,} pairs, {sum(relevances):,} of them relevant; both "
            "kinds are needed"
        )
    found = Counter(stance for pair in pairs if (stance := _stance(pair)) is not None)
    if len(found) < len(STANCES):
        counts = ", ".join(f"{found[stance]:,} {stance}" for stance in STANCES)
        raise InputError(f"nothing to learn stance from: {counts}; all three are needed")


def _is_relevant(pair: TaughtPair) -> bool | None:
    if pair.is_relevant is not None or pair.teacher is None:
        return pair.is_relevant
    return pair.teacher[0] >= 0


def _stance(pair: TaughtPair) -> Stance | None:
    if pair.stance is not None or pair.teacher is None:
        return pair.stance
    logits = pair.teacher[1:]
    return STANCES[logits.index(max(logits))]
