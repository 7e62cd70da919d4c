"""A process that forks servers of jobs, kills them, and reports what the next one finds.

It reads lines of JSON, `[function, arguments]`, and answers each with a line of JSON.
"""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress
from functools import partial
from io import BytesIO
from itertools import count
from pathlib import Path

from claimhound.data.errors import InputError
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.server.jobs.limits import JobLimits
from claimhound.pipeline.server.jobs.record import JobOrder
from claimhound.pipeline.server.jobs.store import JobStore
from tests.pipeline.server.jobs.job_fakes import runner_of, until
from tests.victims import DONE, ended, serve
from tests.victims import start as start_with

start = partial(start_with, ours=(InputError,))


def _add(jobs_dir: str, index_dir: str, claims: str, n: int, told: str) -> None:
    """Put n jobs down, and write the id of each as a server would answer with it."""
    store = JobStore(Path(jobs_dir), JobLimits())
    with Path(told).open("a", encoding="utf-8") as file:
        for _ in range(n):
            content = Path(claims).read_bytes()
            record = store.add(
                JobOrder("sample", k=3),
                "claims.jsonl",
                BytesIO(content),
                lambda: IndexSnapshot.open(Path(index_dir)),
                len(content),
            )
            print(record.id, file=file, flush=True)


def _work(jobs_dir: str) -> None:
    """Do all jobs."""
    runner = runner_of(JobStore(Path(jobs_dir), JobLimits()))
    runner.start()
    until(lambda: all(record.is_over for record in runner.store.all()))
    runner.stop()


def add_until_killed(jobs_dir: str, index_dir: str, claims: str, n: int, told: str, seed: int) -> int:
    """Add jobs in processes that are killed, until n are told; return how many were killed."""
    chance = random.Random(seed)
    Path(told).touch()
    for tries in count():
        n_left = n - len(Path(told).read_text(encoding="utf-8").split())
        if n_left <= 0:
            return tries
        process = start(lambda n_left=n_left: _add(jobs_dir, index_dir, claims, n_left, told))
        _kill_after(process, Path(jobs_dir), chance.randint(2, 12))
    raise AssertionError("unreachable")


def work_until_done(jobs_dir: str, seed: int) -> int:
    """Do all jobs in processes that are killed; return how many were."""
    chance = random.Random(seed)
    for tries in count():
        process = start(lambda: _work(jobs_dir))
        if _kill_after(process, Path(jobs_dir), chance.randint(10, 40)) == DONE:
            return tries
    raise AssertionError("unreachable")


def _kill_after(process: int, folder: Path, n_changes: int) -> int:
    """Kill a process after it has changed the names or sizes of a folder's files so often; return its exit code."""
    seen = _state(folder)
    while n_changes:
        found, code = os.waitpid(process, os.WNOHANG)
        if found:
            assert code == DONE, code
            return DONE
        now = _state(folder)
        n_changes -= now != seen
        seen = now
    os.kill(process, signal.SIGKILL)
    code = ended(process)
    assert code in (DONE, -signal.SIGKILL), code
    return code


def _state(folder: Path) -> list[tuple[str, int]]:
    found = []
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                found.append((f"{parent}/{name}", Path(parent, name).stat().st_size))
    return found


if __name__ == "__main__":
    serve(globals())
