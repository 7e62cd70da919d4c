"""How far a job is, whether it runs, died or is done."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from claimhound.data.disk.journal import last_entry
from claimhound.data.errors import InputError
from claimhound.pipeline.annotation.folder import JobFiles

State = Literal["running", "interrupted", "finished"]


@dataclass(frozen=True)
class JobStatus:
    """A job's state, and how many of its records are done, good and bad.

    `per_second` is the mean over all runs, None before the first batch. `idle_s` is how long ago the last batch was
    finished, or the job begun.
    """

    state: State
    done: int
    total: int
    n_bad: int
    per_second: float | None
    idle_s: float

    @property
    def left_s(self) -> float | None:
        """How long the rest takes at that pace, None where that is not known."""
        return (self.total - self.done) / self.per_second if self.per_second else None


def job_status(output: Path) -> JobStatus:
    """Return the state of the job that makes `output`, whoever works on it. Raises InputError where there is none."""
    files = JobFiles.of(output)
    # Asked first: a job that ends in between is then called running at its last batch, and not interrupted.
    is_running = files.folder.is_dir() and files.is_locked()
    job: Any = None
    entry: Any = None
    if files.journal.is_file():
        job, entry = last_entry(files.journal)
    if job is None:
        raise InputError(f"{output}: {'the job just begins' if is_running else 'no job was started here'}")
    idle_s = max(0.0, time.time() - files.journal.stat().st_mtime)
    claims = job["claims"]
    total = claims["n_claims"] + claims["n_bad"]
    if entry is not None and "finished" in entry:
        return JobStatus("finished", total, total, claims["n_bad"], None, idle_s)
    state: State = "running" if is_running else "interrupted"
    if entry is None:
        return JobStatus(state, 0, total, 0, None, idle_s)
    per_second = entry["done"] / entry["spent_s"] if entry["spent_s"] else None
    return JobStatus(state, entry["done"], total, entry["n_bad"], per_second, idle_s)
