"""Every setting of a stance model's training with its default, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from claimhound.data.errors import InputError
from claimhound.pipeline.training.precision import PRECISIONS


@dataclass(frozen=True)
class StanceRecipe:
    """Every setting of a training run.

    `balance` says how much the rarer labels weigh: a pair's weight is its label's share to the power of -balance, so
    that 0 weighs all pairs alike and 1 gives every label the same part in the loss. `precision` is `auto` (bfloat16
    autocast on a CPU, float16 on CUDA, else float32), `bf16`, `fp16` or `fp32`.
    """

    epochs: int = 2
    batch_size: int = 16
    learning_rate: float = 5e-5
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    max_length: int = 256
    seed: int = 42
    validation_share: float = 0.1
    balance: float = 0.5
    dropout: float = 0.1
    freeze_embeddings: bool = False
    precision: str = "auto"
    checkpoint_steps: int = 200

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "max_length", "checkpoint_steps"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must lie in [0, 1), not {self.dropout}")
        if not 0 < self.validation_share < 1:
            raise InputError(
                f"validation_share must lie in (0, 1), not {self.validation_share}: the held-out claims fit the "
                "probabilities"
            )
        if not 0 <= self.balance <= 1:
            raise InputError(f"balance must lie in [0, 1], not {self.balance}")
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate must be above 0, not {self.learning_rate}")
        if self.precision not in PRECISIONS:
            raise InputError(f"precision must be auto, bf16, fp16 or fp32, not {self.precision!r}")
