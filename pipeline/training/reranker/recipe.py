"""Settings of a reranker's training, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass

from claimhound.data.errors import InputError
from claimhound.pipeline.training.recipe import Recipe
from claimhound.pipeline.training.reranker.losses import LOSSES, PAIRWISE


@dataclass(frozen=True)
class RerankerRecipe(Recipe):
    """The settings of a training run; the defaults are the published recipe with four negatives per pair.

    See `Recipe` for the shared settings. With the loss `bce` a batch consists of pairs; with `listwise` of claims and
    all their passages, of which `mini_batch_size` are computed at a time. `pretraining_steps` ends pretraining after
    that many steps, although its schedule is made for all of its pairs; 0 goes through them all.
    """

    loss: str = PAIRWISE
    epochs: int = 1
    mini_batch_size: int = 64
    n_negatives: int = 4
    first_rank: int = 1
    pool_k: int = 100
    pretraining_learning_rate: float = 1e-4
    pretraining_epochs: int = 1
    pretraining_batch_size: int = 32
    pretraining_dropout: float = 0.1
    pretraining_steps: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss not in LOSSES:
            raise InputError(f"loss must be one of {', '.join(LOSSES)}, not {self.loss!r}")
        self._require_at_least(1, "mini_batch_size", "pretraining_epochs", "pretraining_batch_size")
        self._require_at_least(1, "n_negatives", "first_rank", "pool_k")
        self._require_at_least(0, "pretraining_steps")
        self._require_share("pretraining_dropout")
        self._require_above_zero("pretraining_learning_rate")

    @property
    def loss_text(self) -> str:
        """A description of the loss."""
        return LOSSES[self.loss]
