"""Training settings that all kinds of model share, with their defaults and their checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from claimhound.data.errors import InputError
from claimhound.pipeline.training.precision import PRECISIONS

PRETRAINING, TRAINING = "pretraining", "training"
"""The phases of a run, in their order."""


class Phase(NamedTuple):
    """The settings of one phase, which has its own learning-rate schedule.

    `stop_after` is the step after which it ends, even if its schedule is longer; 0 means never.
    """

    name: str
    epochs: int
    batch_size: int
    learning_rate: float
    dropout: float
    stop_after: int = 0


@dataclass(frozen=True)
class Recipe:
    """The settings of a training run.

    A setting named `pretraining_x` replaces `x` in the pretraining phase. `max_length` bounds the texts in tokens.
    `precision` is `auto` (bfloat16 autocast on a CPU, float16 on CUDA, float32 elsewhere), `bf16`, `fp16` or `fp32`.
    """

    epochs: int = 2
    batch_size: int = 16
    learning_rate: float = 5e-5
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    max_length: int = 256
    dropout: float = 0.1
    freeze_embeddings: bool = False
    validation_share: float = 0.1
    seed: int = 42
    precision: str = "auto"
    checkpoint_steps: int = 200

    def __post_init__(self) -> None:
        self._require_at_least(1, "epochs", "batch_size", "max_length", "checkpoint_steps")
        self._require_at_least(0, "seed")
        self._require_share("warmup_share", "dropout", "validation_share")
        self._require_above_zero("learning_rate")
        if self.precision not in PRECISIONS:
            raise InputError(f"precision must be auto, bf16, fp16 or fp32, not {self.precision!r}")

    def phase(self, name: str) -> Phase:
        """Return the settings of a phase, PRETRAINING or TRAINING."""

        def setting(field: str) -> float:
            own = f"pretraining_{field}"
            value: float = getattr(self, own if name == PRETRAINING and hasattr(self, own) else field)
            return value

        return Phase(
            name,
            epochs=int(setting("epochs")),
            batch_size=int(setting("batch_size")),
            learning_rate=setting("learning_rate"),
            dropout=setting("dropout"),
            stop_after=getattr(self, "pretraining_steps", 0) if name == PRETRAINING else 0,
        )

    def _require_at_least(self, minimum: int, *names: str) -> None:
        for name in names:
            if getattr(self, name) < minimum:
                raise InputError(f"{name} must be at least {minimum}, not {getattr(self, name)}")

    def _require_above_zero(self, *names: str) -> None:
        for name in names:
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be above 0, not {getattr(self, name)}")

    def _require_share(self, *names: str) -> None:
        for name in names:
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} must lie in [0, 1), not {getattr(self, name)}")
