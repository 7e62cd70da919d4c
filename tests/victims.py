"""Processes that come to harm: started by fork in a script of victims, which a test runs with `run_victim`.

A script forks from a state in which nothing but imports has happened, so that each victim takes milliseconds.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from claimhound.indexes.durable import Disk

DONE, OUR_ERROR, OTHER_ERROR = 0, 7, 9
_SECONDS = 60
_ROOT = Path(__file__).resolve().parents[1]


class DyingDisk(Disk):
    """Kills its process ahead of the n-th change, from 0."""

    def __init__(self, n: int) -> None:
        self._left = n

    def before(self, operation: str, path: Path) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


def start(action: Callable[[], object], *, ours: tuple[type[Exception], ...]) -> int:
    """Run `action` in a process of its own, which ends with one of the codes above; returns its id.

    `ours` are the errors that end it with OUR_ERROR.
    """
    process = os.fork()
    if process:
        return process
    signal.alarm(_SECONDS)
    try:
        action()
        os._exit(DONE)
    except ours as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(OUR_ERROR)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(OTHER_ERROR)


def ended(process: int) -> int:
    """Wait for a process; returns its exit code, or the signal that killed it, negative."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def victim_command(script: Path, function: str, arguments: Mapping[str, object]) -> list[str]:
    """Return the command that calls a function of a script of victims."""
    return [sys.executable, str(script), function, json.dumps(arguments, default=str)]


def victim_environment() -> dict[str, str]:
    """Return the environment of such a command: ours, from the root, on one thread."""
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    return os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path}


def run_victim(
    script: Path, function: str, arguments: Mapping[str, object], *, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Call a function of a script of victims, which prints JSON, and wait for it to end well."""
    finished = subprocess.run(
        victim_command(script, function, arguments),
        env=victim_environment(), capture_output=True, text=True, check=False, timeout=timeout,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    return finished
