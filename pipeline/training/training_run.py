"""One training run, the same for every kind of model: train phase by phase, finish, save."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from claimhound.data.progress import Progress, silent
from claimhound.pipeline.serving.compute import Compute, Notify
from claimhound.pipeline.serving.devices import resolve_device
from claimhound.pipeline.training.base_models import BaseModel, save_half_precision
from claimhound.pipeline.training.checkpoints import CHECKPOINTS, claim_folder, run_fingerprint
from claimhound.pipeline.training.recipe import Phase, Recipe
from claimhound.pipeline.training.watched_trainer import Lesson, train_phase
from claimhound.pipeline.training.writing import writing

R_co = TypeVar("R_co", bound=Recipe, covariant=True)
_FINISHED_FILE = "finished.json"


@dataclass(frozen=True)
class TrainingRun(Generic[R_co]):
    """The arguments of every training: base model, output folder, settings and callbacks.

    With `resume`, a run that was interrupted resumes from its last checkpoint in `output_dir`. `on_progress` counts
    steps, with the loss as the note; `compute.notify` receives a line when a stage begins. Of `compute` only device and
    threads matter: the precision is the recipe's, and code that comes with a model never runs.
    """

    base: BaseModel
    output_dir: Path
    recipe: R_co
    compute: Compute = Compute()  # noqa: RUF009 (frozen)
    resume: bool = True
    on_progress: Progress = silent

    @property
    def notify(self) -> Notify:
        """Called with a message when a stage begins."""
        return self.compute.notify

    @property
    def device(self) -> str:
        """The device to train on. Raises ModelError if it is missing."""
        return resolve_device(self.compute.device)


class Trained(NamedTuple):
    """The outcome of a run: its losses by phase (the mean of the last tenth of the steps) and where it resumed."""

    seconds: float
    resumed_from_step: int | None
    losses: dict[str, float]


def run_training(
    run: TrainingRun[Recipe],
    rows: Mapping[str, Sequence[tuple[Any, ...]]],
    *,
    load: Callable[[str], Any],
    lesson: Callable[[Any, Phase, Sequence[Any]], Lesson],
    finish: Callable[[Any], None] = lambda _model: None,
) -> Trained:
    """Train a model on the rows of each phase and save it to `run.output_dir`.

    `load` loads a model of sentence-transformers from a folder, `lesson` prepares what it learns in a phase, and
    `finish` receives the trained model before it is saved. Each phase starts from the model of the one before; a phase
    without rows is skipped, and so is one that an earlier call finished. Checkpoints are kept in
    `output_dir/checkpoints` until the run ends; calling again with the same arguments resumes from the last one and
    gives the same weights as an uninterrupted run. Weights are saved in float16.

    Raises InputError if the folder holds checkpoints of another run or cannot be written, and ModelError when the loss
    is no longer a finite number (the checkpoints are kept).
    """
    import torch

    started = time.monotonic()
    if run.compute.n_threads is not None:
        torch.set_num_threads(run.compute.n_threads)
    source = str(run.base.folder)
    checkpoints_dir = run.output_dir / CHECKPOINTS
    fingerprint = run_fingerprint([source, asdict(run.recipe)], rows.values())
    claim_folder(checkpoints_dir, fingerprint, resume=run.resume)
    resumed_from, losses = None, {}
    for name in filter(rows.get, rows):
        phase_dir = checkpoints_dir / name
        finished_dir = phase_dir / "finished"
        finished_path = finished_dir / _FINISHED_FILE
        if not finished_path.exists():
            model, phase = load(source), run.recipe.phase(name)
            outcome = train_phase(
                model, phase, lesson(model, phase, rows[name]), run.recipe, phase_dir, run.on_progress
            )
            if outcome.resumed_from_step is not None:
                resumed_from = outcome.resumed_from_step
            with writing(finished_dir):
                model.save_pretrained(str(finished_dir), create_model_card=False)
                finished_path.write_text(json.dumps({"loss": outcome.loss}), encoding="utf-8")
        losses[name] = json.loads(finished_path.read_text(encoding="utf-8"))["loss"]
        source = str(finished_dir)
    model = load(source)
    finish(model)
    with writing(run.output_dir):
        save_half_precision(model, run.output_dir)
    shutil.rmtree(checkpoints_dir)
    return Trained(round(time.monotonic() - started, 1), resumed_from, losses)
