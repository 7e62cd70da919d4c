"""State and progress of a job."""

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
    """A job's state and the number of records done, good and bad.

    `per_second` is the mean over all runs, None before the first batch. `idle_s` is the time since the last batch was
    finished, or since the start.
    """

    state: State
    done: int
    total: int
    n_bad: int
    per_second: float | None
    idle_s: float

    @property
    def left_s(self) -> float | None:
        """Seconds left at that pace, None if unknown."""
        return (self.total - self.done) / self.per_second if self.per_second else None


def job_status(output: Path) -> JobStatus:
    """Return the state of the job that makes `output`, in any process. Raises InputError if there is no job."""
    files = JobFiles.of(output)
    # Checked first: a job that ends in between is then reported as running, and not as interrupted.
    is_running = files.folder.is_dir() and files.is_locked()
    job: Any = None
    entry: Any = None
    if files.journal.is_file():
        job, entry = last_entry(files.journal)
    if job is None:
        raise InputError(f"{output}: {'the job has just started' if is_running else 'no job was started here'}")
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
