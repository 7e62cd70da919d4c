"""Runs on tiny models: their arguments, their weights, and callbacks that interrupt them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.training.base_models import BaseModel
from claimhound.pipeline.training.recipe import Recipe
from claimhound.pipeline.training.training_run import TrainingRun

# One conversion of a trained model, where `auto` makes three and measures them.
EXACT = Compute("cpu", precision="f32")


def run_of(base: Path, output_dir: Path, recipe: Recipe, **options: Any) -> TrainingRun[Any]:
    return TrainingRun(BaseModel(base, base.name), output_dir, recipe, **({"compute": EXACT} | options))


def weights(model_dir: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(model_dir / "model.safetensors")


def save_weights(arrays: dict[str, np.ndarray], model_dir: Path) -> None:
    from safetensors.numpy import save_file

    save_file(arrays, model_dir / "model.safetensors", metadata={"format": "pt"})


def interrupt_at(phase: str, step: int) -> Any:
    def on_progress(at_phase, at_step, _total, _note=""):
        if (at_phase, at_step) == (phase, step):
            raise KeyboardInterrupt

    return on_progress


class Steps(list[tuple[str, int, int, str]]):
    """Records what it is told as a `Progress`."""

    def __call__(self, phase: str, done: int, total: int | None, note: str = "") -> None:
        self.append((phase, done, total or 0, note))

    def losses(self) -> list[float]:
        return [float(note.removeprefix("loss ")) for *_, note in self]
