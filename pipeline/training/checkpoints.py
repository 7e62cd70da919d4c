"""Checkpoints of a training run, from which an interrupted run resumes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from claimhound.data.errors import InputError

CHECKPOINTS = "checkpoints"
_RUN_FILE = "run.json"


def last_checkpoint(phase_dir: Path) -> Path | None:
    """Return the newest complete checkpoint: the trainer writes its state last."""
    found = [path for path in phase_dir.glob("checkpoint-*") if (path / "trainer_state.json").exists()]
    return max(found, key=checkpoint_step, default=None)


def checkpoint_step(path: Path) -> int:
    """Return the step after which a checkpoint was written."""
    return int(path.name.rpartition("-")[2])


def run_fingerprint(settings: object, parts: Iterable[Iterable[Any]]) -> str:
    """Return a digest of settings and data, all JSON; runs that share it may resume from each other's checkpoints."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for part in parts:
        digest.update(b"\0")
        for item in part:
            digest.update(json.dumps(item).encode())
    return digest.hexdigest()


def claim_folder(checkpoints_dir: Path, fingerprint: str, *, resume: bool) -> None:
    """Create the checkpoint folder, or accept the one that an earlier call of the same run left.

    Raises InputError if the folder holds another run's checkpoints or cannot be written.
    """
    marker = checkpoints_dir / _RUN_FILE
    if checkpoints_dir.exists() and not resume:
        shutil.rmtree(checkpoints_dir)
    if marker.exists():
        found = json.loads(marker.read_text(encoding="utf-8"))["fingerprint"]
        if found != fingerprint:
            raise InputError(
                f"{checkpoints_dir}: holds checkpoints of another run ({found[:12]}, this one is {fingerprint[:12]}); "
                f"choose another --output, or start over with --no-resume"
            )
        return
    try:
        checkpoints_dir.mkdir(parents=True, exist_ok=True)
        marker.write_text(json.dumps({"fingerprint": fingerprint}), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{checkpoints_dir}: cannot be written: {error.strerror or error}") from error
