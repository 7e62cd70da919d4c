"""The folder of checkpoints in which a training that was cut off goes on where it was."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from claimhound.data.errors import InputError
from claimhound.pipeline.training.writing import writing

CHECKPOINTS = "checkpoints"
_RUN_FILE = "run.json"
_FINISHED_FILE = "finished.json"


class PhaseOutcome(NamedTuple):
    """The step that a phase went on from, None if it began anew, and its loss over the last tenth of its steps."""

    resumed_from_step: int | None
    loss: float


class PhasesOutcome(NamedTuple):
    """Where the trained model lies, the step that the run went on from, and the losses by phase."""

    model_dir: str
    resumed_from_step: int | None
    losses: dict[str, float]


class Savable(Protocol):
    """A model of sentence-transformers."""

    def save_pretrained(self, path: str, *, create_model_card: bool) -> None:
        """Write the model to a folder."""


TrainPhase = Callable[[str, str, Path], tuple[Savable, PhaseOutcome]]
"""(phase, where the model to begin with lies, folder for checkpoints) -> the trained model, what came of it."""


def run_phases(
    phases: Sequence[str], base_model: str, checkpoints_dir: Path, train: TrainPhase, *, fingerprint: str, resume: bool
) -> PhasesOutcome:
    """Train phase after phase, each from what the one before gave; phases that an earlier call finished are kept.

    Raises InputError where the folder holds checkpoints of a run with another fingerprint.
    """
    _claim_folder(checkpoints_dir, fingerprint, resume=resume)
    model_dir, resumed_from, losses = base_model, None, {}
    for phase in phases:
        phase_dir = checkpoints_dir / phase
        finished_dir = phase_dir / "finished"
        finished_path = finished_dir / _FINISHED_FILE
        if not finished_path.exists():
            model, outcome = train(phase, model_dir, phase_dir)
            if outcome.resumed_from_step is not None:
                resumed_from = outcome.resumed_from_step
            with writing(finished_dir):
                model.save_pretrained(str(finished_dir), create_model_card=False)
                finished_path.write_text(json.dumps({"loss": outcome.loss}), encoding="utf-8")
        losses[phase] = json.loads(finished_path.read_text(encoding="utf-8"))["loss"]
        model_dir = str(finished_dir)
    return PhasesOutcome(model_dir, resumed_from, losses)


def last_checkpoint(phase_dir: Path) -> Path | None:
    """Return the newest whole checkpoint: the trainer's state is what it writes last."""
    found = [path for path in phase_dir.glob("checkpoint-*") if (path / "trainer_state.json").exists()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def run_fingerprint(settings: object, parts: Iterable[Iterable[Any]]) -> str:
    """Return what two runs share that may go on from each other's checkpoints: settings and data, all JSON."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for part in parts:
        digest.update(b"\0")
        for item in part:
            digest.update(json.dumps(item).encode())
    return digest.hexdigest()


def _claim_folder(checkpoints_dir: Path, fingerprint: str, *, resume: bool) -> None:
    """Make the folder for checkpoints, or accept one that the same run left."""
    marker = checkpoints_dir / _RUN_FILE
    if checkpoints_dir.exists() and not resume:
        shutil.rmtree(checkpoints_dir)
    if marker.exists():
        found = json.loads(marker.read_text(encoding="utf-8"))["fingerprint"]
        if found != fingerprint:
            raise InputError(
                f"{checkpoints_dir}: holds checkpoints of another run ({found[:12]}, this one is {fingerprint[:12]}); "
                f"give another --output, or start over with --no-resume"
            )
        return
    try:
        checkpoints_dir.mkdir(parents=True, exist_ok=True)
        marker.write_text(json.dumps({"fingerprint": fingerprint}), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{checkpoints_dir}: cannot be written: {error.strerror or error}") from error
