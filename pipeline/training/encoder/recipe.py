"""Every setting of an encoder's training with its default, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from claimhound.data.errors import InputError
from claimhound.pipeline.training.recipe_checks import (
    require_above_zero,
    require_at_least,
    require_precision,
    require_share,
)


@dataclass(frozen=True)
class EncoderRecipe:
    """Every setting of a training run.

    A batch of `batch_size` claims is learned `mini_batch_size` texts at a time, with its gradients cached, where that
    is less: for batches that the memory would not hold, at twice the time (8.5 s of processor time for 4.0 s at 64
    claims, 32 texts at a time). Cosines are divided by `temperature`. `n_negatives` hard negatives stand beside each
    positive, 0 leaves those of the batch alone. `max_length` bounds the texts while training; the model keeps its own
    limit. `precision` is `auto` (bfloat16 autocast on a CPU, float16 on CUDA, else float32), `bf16`, `fp16` or `fp32`.
    The `pretraining_` settings hold for the pairs that are learned before the others. Of each weight `base_share` is
    the base model's in the end (see `mix_in`); 0 leaves what was learned.
    """

    epochs: int = 2
    batch_size: int = 64
    mini_batch_size: int = 64
    learning_rate: float = 2e-5
    temperature: float = 0.05
    n_negatives: int = 2
    max_length: int = 128
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    dropout: float = 0.1
    freeze_embeddings: bool = False
    validation_share: float = 0.1
    pretraining_learning_rate: float = 2e-5
    pretraining_epochs: int = 1
    base_share: float = 0.0
    seed: int = 42
    precision: str = "auto"
    checkpoint_steps: int = 100

    def __post_init__(self) -> None:
        require_at_least(self, 1, "epochs", "pretraining_epochs", "mini_batch_size", "checkpoint_steps")
        require_at_least(self, 2, "batch_size")
        require_at_least(self, 4, "max_length")
        require_at_least(self, 0, "n_negatives", "seed")
        require_share(self, "warmup_share", "dropout", "validation_share", "base_share")
        require_above_zero(self, "learning_rate", "pretraining_learning_rate", "temperature")
        if self.temperature > 1:
            raise InputError(f"temperature must lie in (0, 1], not {self.temperature}")
        require_precision(self.precision)
