"""A process that forks others, harms each while it annotates claims, and reports how they ended.

It reads lines of JSON, `[function, arguments]`, and answers each with a line of JSON.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import time
from functools import partial
from itertools import count
from pathlib import Path

from annotation_fakes import pipeline_of

from claimhound.data.errors import InputError
from claimhound.indexes.durable import Disk
from claimhound.pipeline.annotation.annotating import annotate
from claimhound.pipeline.annotation.intake import ClaimSource
from claimhound.pipeline.annotation.searching import AnnotationSettings, Searcher
from tests.victims import DONE, DyingDisk, ended, serve
from tests.victims import start as start_with

_SETTINGS = AnnotationSettings(k=3, batch_size=4)
start = partial(start_with, ours=(InputError,))


def run(index_dir: str, claims: str, output: str, disk: Disk | None = None) -> None:
    """Annotate in this process."""
    pipeline = pipeline_of(Path(index_dir))
    annotate(ClaimSource(claims), Path(output), lambda: Searcher(pipeline, n_workers=2), _SETTINGS, disk=disk)


def run_whole(index_dir: str, claims: str, output: str) -> int:
    """Annotate once without harm; return the exit code."""
    return ended(start(lambda: run(index_dir, claims, output)))


def die_everywhere(index_dir: str, claims: str, work: str) -> list[bool]:
    """Die before each change to the disk and resume; return for each death whether it left an output."""
    left = []
    for n in count():
        output = Path(work, f"{n}.jsonl")
        code = ended(start(lambda output=output, n=n: run(index_dir, claims, str(output), DyingDisk(n))))
        if code == DONE:
            return left
        assert code == -signal.SIGKILL, code
        left.append(output.exists())
        assert run_whole(index_dir, claims, str(output)) == DONE
    raise AssertionError("unreachable")


def shoot_until_done(index_dir: str, claims: str, work: str, n_times: int, seed: int) -> list[int]:
    """Kill a job from outside at random moments until it is done; return how often each job was killed.

    Each try lives a little longer than the one before; otherwise a job might never get past its start.
    """
    chance = random.Random(seed)
    killed = []
    for n in range(n_times):
        output = Path(work, f"{n}.jsonl")
        for tries in count():
            process = start(lambda output=output: run(index_dir, claims, str(output)))
            time.sleep(chance.random() * 0.04 * (1 + tries))
            os.kill(process, signal.SIGKILL)
            code = ended(process)
            assert code in (DONE, -signal.SIGKILL), code
            if code == DONE:
                killed.append(tries)
                break
    return killed


def run_on_full_disks(index_dir: str, claims: str, work: str, limits: list[int]) -> list[list[int]]:
    """Annotate once for each limit of the file size in bytes, then without a limit; return both exit codes."""

    def limited(output: str, limit: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        run(index_dir, claims, output)

    codes = []
    for limit in limits:
        output = str(Path(work, f"{limit}.jsonl"))
        first = ended(start(lambda output=output, limit=limit: limited(output, limit)))
        codes.append([first, run_whole(index_dir, claims, output)])
    return codes


def run_in_a_small_room(index_dir: str, claims: str, work: str, room: str, n_bytes: list[int]) -> list[list[int]]:
    """Annotate on a disk with only so many bytes left, then with enough space; return both exit codes.

    `room` is a small disk; finished output is moved from there to `work`.
    """
    codes = []
    for n in n_bytes:
        filler = Path(room, "filler")
        free = shutil.disk_usage(room).free
        filler.write_bytes(b"x" * max(0, free - n))
        output = Path(room, f"{n}.jsonl")
        first = run_whole(index_dir, claims, str(output))
        filler.unlink()
        codes.append([first, run_whole(index_dir, claims, str(output))])
        for path in (output, output.with_name(f"{output.name}.rejected.jsonl")):
            shutil.move(path, Path(work, path.name))
        shutil.rmtree(output.with_name(f"{output.name}.job"))
    return codes


if __name__ == "__main__":
    serve(globals())
