"""Every setting of a reranker's training with its default, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from data.errors import InputError


@dataclass(frozen=True)
class RerankerRecipe:
    """Every setting of a training run. The defaults are the published recipe with four negatives for each pair.

    `precision` is `auto` (bfloat16 autocast on a CPU, float16 on CUDA, else float32), `bf16`, `fp16` or `fp32`.
    The `pretraining_` settings hold for the pairs that are learned before the claims; `pretraining_steps` ends that
    phase after so many steps although its schedule is made for all of its pairs, and 0 means to go through them all.
    """

    epochs: int = 1
    batch_size: int = 16
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
        for name in ("epochs", "batch_size", "pretraining_batch_size", "max_length", "n_negatives", "checkpoint_steps"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.pretraining_steps < 0:
            raise InputError(f"pretraining_steps must be at least 0, not {self.pretraining_steps}")
        for name in ("dropout", "pretraining_dropout", "validation_share"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} must lie in [0, 1), not {getattr(self, name)}")
        if not self.learning_rate > 0 or not self.pretraining_learning_rate > 0:
            raise InputError(f"learning rates must be above 0, not {self.learning_rate}")
        if self.precision not in ("auto", "bf16", "fp16", "fp32"):
            raise InputError(f"precision must be auto, bf16, fp16 or fp32, not {self.precision!r}")
