"""Settings of a stance model's training, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass

from claimhound.data.errors import InputError
from claimhound.pipeline.training.recipe import Recipe


@dataclass(frozen=True)
class StanceRecipe(Recipe):
    """The settings of a training run; see `Recipe` for the shared ones.

    `balance` is how much rarer labels weigh: a pair's weight is its label's share to the power of -balance, so 0 weighs
    all pairs alike and 1 gives every label the same weight in the loss.
    """

    balance: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.validation_share == 0:
            raise InputError("validation_share must lie in (0, 1), not 0: the held-out claims fit the probabilities")
        if not 0 <= self.balance <= 1:
            raise InputError(f"balance must lie in [0, 1], not {self.balance}")
