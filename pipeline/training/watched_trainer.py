"""What every training has in common: phases, arguments, a watch over the loss, and going on from a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from claimhound.data.errors import ModelError
from claimhound.pipeline.training.checkpoints import PhaseOutcome, last_checkpoint
from claimhound.pipeline.training.precision import resolve_precision
from claimhound.pipeline.training.writing import writing

Progress = Callable[[str, int, int, float], None]
"""Called as (phase, step, n_steps, loss) after every step."""


@dataclass(frozen=True)
class Phase:
    """A stretch of training with a schedule of its own, of `n_steps` steps.

    `stop_after` is the number of steps after which it ends before its schedule does; 0 is never.
    """

    name: str
    n_steps: int
    learning_rate: float
    batch_size: int
    dropout: float
    epochs: int = 1
    stop_after: int = 0


@dataclass(frozen=True)
class Schedule:
    """What all phases of a run share."""

    warmup_share: float
    weight_decay: float
    seed: int
    precision: str
    checkpoint_steps: int
    device: str


def training_arguments(phase: Phase, phase_dir: Path, schedule: Schedule) -> dict[str, Any]:
    """Return the arguments that the training arguments of sentence-transformers take, whatever is trained."""
    precision = resolve_precision(schedule.precision, schedule.device)
    return {
        "output_dir": str(phase_dir),
        "num_train_epochs": phase.epochs,
        "per_device_train_batch_size": phase.batch_size,
        "learning_rate": phase.learning_rate,
        "lr_scheduler_type": "linear",
        "warmup_steps": round(schedule.warmup_share * phase.n_steps),
        "weight_decay": schedule.weight_decay,
        "seed": schedule.seed,
        "data_seed": schedule.seed,
        "bf16": precision == "bf16",
        "fp16": precision == "fp16",
        "use_cpu": schedule.device == "cpu",
        "save_strategy": "steps",
        "save_steps": schedule.checkpoint_steps,
        "save_total_limit": 2,
        "eval_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }


@dataclass
class LossWatch:
    """Sees the loss of every step of a phase."""

    phase: Phase
    phase_dir: Path
    on_progress: Progress | None = None
    losses: list[float] = field(default_factory=list)

    def see(self, step: int, loss: float) -> None:
        """Note the loss of a step; raises ModelError if it is no finite number."""
        if not math.isfinite(loss):
            raise ModelError(
                f"the loss of {self.phase.name} step {step} is {loss}: stopped; the checkpoints before it stand in "
                f"{self.phase_dir}; try a learning rate below {self.phase.learning_rate:g}"
            )
        self.losses.append(loss)
        if self.on_progress is not None:
            self.on_progress(self.phase.name, step, self.phase.stop_after or self.phase.n_steps, loss)

    def last_loss(self) -> float:
        """Return the mean over the last tenth of the steps seen; NaN if there was none."""
        tail = self.losses[-max(1, len(self.losses) // 10) :]
        return round(math.fsum(tail) / len(tail), 4) if tail else math.nan


def watched(trainer_class: Any, watch: LossWatch) -> Any:
    """Return the trainer class with a watch, which stops at a bad loss before the step that would spoil the weights."""

    class WatchedTrainer(trainer_class):  # type: ignore[misc]
        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            result = super().compute_loss(*args, **kwargs)
            loss = result[0] if isinstance(result, tuple) else result
            watch.see(self.state.global_step + 1, float(loss.detach()))
            return result

        def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
            with writing(watch.phase_dir):
                super()._save_checkpoint(*args, **kwargs)

    return WatchedTrainer


def run_trainer(trainer: Any, watch: LossWatch) -> PhaseOutcome:
    """Train from the phase's last checkpoint, or from the start."""
    from transformers import PrinterCallback, ProgressCallback, TrainerCallback

    class StopEarly(TrainerCallback):
        """Ends the phase; without a checkpoint at that step, which a resumed run would go on from by one more."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
            if state.global_step == watch.phase.stop_after:
                control.should_training_stop = True
                control.should_save = False

    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    trainer.add_callback(StopEarly())
    last = last_checkpoint(watch.phase_dir)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    return PhaseOutcome(int(last.name.rpartition("-")[2]) if last else None, watch.last_loss())
