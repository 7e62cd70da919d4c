"""The loss of a cross-encoder with two heads, on pairs of which one thing or the other is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from claimhound.data.labelled_sets.stances import STANCES
from claimhound.data.labelled_sets.taught_pairs import HEADS, TaughtPair
from claimhound.pipeline.training.length_batches import length_grouped_batches
from claimhound.pipeline.training.two_heads.recipe import TwoHeadRecipe
from claimhound.pipeline.training.watched_trainer import Lesson

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

_UNKNOWN = math.nan


def two_head_lesson(model: CrossEncoder, pairs: Sequence[TaughtPair], recipe: TwoHeadRecipe) -> Lesson:
    """Return a lesson with a row for each pair."""
    columns: dict[str, Sequence[Any]] = {
        "query": [pair.claim for pair in pairs],
        "text": [pair.text for pair in pairs],
        "label": [_targets(pair) for pair in pairs],
    }
    return Lesson(
        columns,
        _make_loss(model, recipe),
        length_grouped_batches,
        max_length=recipe.training_length,
    )


def _targets(pair: TaughtPair) -> list[float]:
    """Return the relevance, the number of the stance and the teacher's logits; NaN for what is not known."""
    return [
        _UNKNOWN if pair.relevance is None else pair.relevance,
        _UNKNOWN if pair.stance is None else float(STANCES.index(pair.stance)),
        *(pair.teacher or [_UNKNOWN] * len(HEADS)),
    ]


def _make_loss(model: CrossEncoder, recipe: TwoHeadRecipe) -> Any:
    import torch
    from sentence_transformers.util import batch_to_device
    from torch import Tensor, nn
    from torch.nn import functional

    class TwoHeadLoss(nn.Module):
        """The mean over a batch of what each pair has: labels, a teacher's logits, or both in shares.

        Relevance: cross-entropy with the label, and an eighth of the squared difference to the teacher's logit, which
        is what cross-entropy costs near a probability of 1/2. Stance: cross-entropy with the label, and with the
        teacher's distribution (Hinton et al., Distilling the Knowledge in a Neural Network, 2015).
        """

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(
            self, inputs: list[list[str]], labels: list[Tensor], prompt: str | None = None, task: str | None = None
        ) -> Tensor:
            tokens = self.model.preprocess(list(zip(*inputs, strict=True)), prompt=prompt, task=task)
            logits = self.model(batch_to_device(tokens, self.model.device))["scores"].float()
            targets = torch.stack(labels).to(logits)
            relevance, stance, teacher = targets[:, 0], targets[:, 1], targets[:, 2:]
            taught = ~teacher[:, 0].isnan()
            losses = recipe.relevance_weight * _mixed(
                functional.binary_cross_entropy_with_logits(logits[:, 0], relevance.nan_to_num(), reduction="none"),
                ~relevance.isnan(),
                (logits[:, 0] - teacher[:, 0].nan_to_num()).square() / 8,
                taught,
            )
            losses = losses + _mixed(
                functional.cross_entropy(logits[:, 1:], stance.nan_to_num().long(), reduction="none"),
                ~stance.isnan(),
                functional.cross_entropy(logits[:, 1:], teacher[:, 1:].nan_to_num().softmax(dim=1), reduction="none"),
                taught,
            )
            return losses.mean()

    def _mixed(own: Tensor, labelled: Tensor, by_teacher: Tensor, taught: Tensor) -> Tensor:
        share = torch.where(labelled, recipe.teacher_share, 1.0) * taught
        return (1 - share) * own * labelled + share * by_teacher

    return TwoHeadLoss()
