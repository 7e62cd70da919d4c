"""Settings of the training of a cross-encoder with two heads, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass

from claimhound.data.errors import InputError
from claimhound.pipeline.training.recipe import Recipe


@dataclass(frozen=True)
class TwoHeadRecipe(Recipe):
    """The settings of a training run; see `Recipe` for the shared ones.

    `training_length` bounds a pair in tokens during training only, `max_length` in the model that is served.
    `teacher_share` is how much a teacher's logits weigh where a pair has labels of its own too: 0 ignores the teacher,
    1 the labels. `relevance_weight` is the weight of the relevance loss beside the stance loss, which has 1.
    """

    epochs: int = 1
    batch_size: int = 64
    learning_rate: float = 1e-4
    validation_share: float = 0.03
    training_length: int = 128
    teacher_share: float = 0.7
    relevance_weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_at_least(1, "training_length")
        if self.training_length > self.max_length:
            raise InputError(
                f"training_length must be at most max_length ({self.max_length}), not {self.training_length}"
            )
        self._require_above_zero("relevance_weight")
        if self.validation_share == 0:
            raise InputError("validation_share must lie in (0, 1), not 0: the held-out claims fit the probabilities")
        if not 0 <= self.teacher_share <= 1:
            raise InputError(f"teacher_share must lie in [0, 1], not {self.teacher_share}")
