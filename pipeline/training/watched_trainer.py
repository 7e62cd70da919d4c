"""Training of one phase with sentence-transformers' trainers: checks the loss and resumes from checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from claimhound.data.errors import ModelError
from claimhound.data.progress import Progress
from claimhound.pipeline.training.base_models import prepare_for_training
from claimhound.pipeline.training.checkpoints import checkpoint_step, last_checkpoint
from claimhound.pipeline.training.precision import resolve_precision
from claimhound.pipeline.training.recipe import Phase, Recipe
from claimhound.pipeline.training.writing import writing

if TYPE_CHECKING:
    from torch import nn


class Lesson(NamedTuple):
    """The rows of a phase, by column, and the loss to lower.

    `n_planned_steps` is the number of batches if `batch_sampler` plans all epochs as one, None if it goes through the
    rows once per epoch. `max_length` bounds the texts in tokens during training only; None leaves the
    model's own limit.
    """

    columns: Mapping[str, Sequence[Any]]
    loss: nn.Module
    batch_sampler: Any = None
    n_planned_steps: int | None = None
    prompts: Mapping[str, str] | None = None
    max_length: int | None = None


class PhaseOutcome(NamedTuple):
    """The step that a phase resumed from, None if at the start, and its loss over the last tenth of its steps."""

    resumed_from_step: int | None
    loss: float


def train_phase(
    model: Any, phase: Phase, lesson: Lesson, recipe: Recipe, phase_dir: Path, on_progress: Progress
) -> PhaseOutcome:
    """Train a SentenceTransformer or CrossEncoder, from the phase's last checkpoint if there is one."""
    from datasets import Dataset
    from sentence_transformers import (
        CrossEncoder,
        CrossEncoderTrainer,
        CrossEncoderTrainingArguments,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from transformers import PrinterCallback, ProgressCallback

    prepare_for_training(model, dropout=phase.dropout, freeze_embeddings=recipe.freeze_embeddings)
    given = {name: value for name in ("batch_sampler", "prompts") if (value := getattr(lesson, name)) is not None}
    make_trainer: Any
    make_trainer, make_arguments = (
        (CrossEncoderTrainer, CrossEncoderTrainingArguments)
        if isinstance(model, CrossEncoder)
        else (SentenceTransformerTrainer, SentenceTransformerTrainingArguments)
    )
    served_length = model.max_seq_length
    if lesson.max_length is not None:
        model.max_seq_length = min(lesson.max_length, served_length or lesson.max_length)
    dataset = Dataset.from_dict(dict(lesson.columns))
    epochs, n_steps = 1, lesson.n_planned_steps
    if n_steps is None:
        epochs, n_steps = phase.epochs, phase.epochs * math.ceil(len(dataset) / phase.batch_size)
    watch = _LossWatch(phase, n_steps, phase_dir, on_progress)
    trainer = _watched(make_trainer, watch)(
        model=model,
        args=make_arguments(
            **_arguments(phase, recipe, phase_dir, model.device.type),
            num_train_epochs=epochs,
            warmup_steps=round(recipe.warmup_share * n_steps),
            **given,
        ),
        train_dataset=dataset,
        loss=lesson.loss,
    )
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    trainer.add_callback(_early_stop(phase.stop_after))
    last = last_checkpoint(phase_dir)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    if lesson.max_length is not None:
        model.max_seq_length = served_length
    return PhaseOutcome(checkpoint_step(last) if last else None, watch.last_loss())


def _arguments(phase: Phase, recipe: Recipe, phase_dir: Path, device: str) -> dict[str, Any]:
    precision = resolve_precision(recipe.precision, device)
    return {
        "output_dir": str(phase_dir),
        "per_device_train_batch_size": phase.batch_size,
        "learning_rate": phase.learning_rate,
        "lr_scheduler_type": "linear",
        "weight_decay": recipe.weight_decay,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "bf16": precision == "bf16",
        "fp16": precision == "fp16",
        "use_cpu": device == "cpu",
        "save_strategy": "steps",
        "save_steps": recipe.checkpoint_steps,
        "save_total_limit": 2,
        "eval_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }


@dataclass
class _LossWatch:
    """Receives the loss of every step of a phase."""

    phase: Phase
    n_steps: int
    phase_dir: Path
    on_progress: Progress
    losses: list[float] = field(default_factory=list)

    def see(self, step: int, loss: float) -> None:
        """Record the loss of a step. Raises ModelError unless it is a finite number."""
        if not math.isfinite(loss):
            raise ModelError(
                f"the loss of {self.phase.name} step {step} is {loss}: stopped; earlier checkpoints are in "
                f"{self.phase_dir}; try a learning rate below {self.phase.learning_rate:g}"
            )
        self.losses.append(loss)
        self.on_progress(self.phase.name, step, self.phase.stop_after or self.n_steps, f"loss {loss:.4f}")

    def last_loss(self) -> float:
        """Return the mean over the last tenth of the steps; NaN if there were none."""
        tail = self.losses[-max(1, len(self.losses) // 10) :]
        return round(math.fsum(tail) / len(tail), 4) if tail else math.nan


def _watched(trainer_class: Any, watch: _LossWatch) -> Any:
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


def _early_stop(last_step: int) -> Any:
    """Return a callback that ends the phase after a step.

    It leaves no checkpoint at that step: a resumed run would take one step more.
    """
    from transformers import TrainerCallback

    class EarlyStop(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
            if state.global_step == last_step:
                control.should_training_stop = True
                control.should_save = False

    return EarlyStop()
