"""Every setting of a reranker's training with its default, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from claimhound.data.errors import InputError
from claimhound.pipeline.training.recipe_checks import (
    require_above_zero,
    require_at_least,
    require_precision,
    require_share,
)
from claimhound.pipeline.training.reranker.losses import LOSSES, PAIRWISE


@dataclass(frozen=True)
class RerankerRecipe:
    """Every setting of a training run. The defaults are the published recipe with four negatives for each pair.

    With `loss` `bce` a batch is of pairs; with `listwise` of claims, each with all of its passages, of which
    `mini_batch_size` are computed at a time. `precision` is `auto` (bfloat16 autocast on a CPU, float16 on CUDA, else
    float32), `bf16`, `fp16` or `fp32`. The `pretraining_` settings hold for the pairs that are learned before the
    claims; `pretraining_steps` ends that phase after so many steps although its schedule is made for all of its pairs,
    and 0 means to go through them all.
    """

    loss: str = PAIRWISE
    epochs: int = 1
    batch_size: int = 16
    mini_batch_size: int = 64
    learning_rate: float = 5e-5
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    max_length: int = 256
    seed: int = 42
    n_negatives: int = 4
    first_rank: int = 1
    pool_k: int = 100
    validation_share: float = 0.1
    pretraining_learning_rate: float = 1e-4
    pretraining_epochs: int = 1
    pretraining_batch_size: int = 32
    pretraining_dropout: float = 0.1
    pretraining_steps: int = 0
    dropout: float = 0.1
    freeze_embeddings: bool = False
    precision: str = "auto"
    checkpoint_steps: int = 200

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise InputError(f"loss must be one of {', '.join(LOSSES)}, not {self.loss!r}")
        require_at_least(
            self, 1, "epochs", "batch_size", "mini_batch_size", "pretraining_epochs", "pretraining_batch_size"
        )
        require_at_least(self, 1, "max_length", "n_negatives", "first_rank", "pool_k", "checkpoint_steps")
        require_at_least(self, 0, "pretraining_steps", "seed")
        require_share(self, "dropout", "pretraining_dropout", "validation_share", "warmup_share")
        require_above_zero(self, "learning_rate", "pretraining_learning_rate")
        require_precision(self.precision)
