"""Processes that are harmed on purpose: forked by a script of victims, which a test calls.

A script forks from a state in which only imports have happened: a victim takes milliseconds, and inherits no threads.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

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
    """Run `action` in a forked process, which exits with one of the codes above; return its id.

    The errors `ours` end it with OUR_ERROR.
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
    """Wait for a process; return its exit code, or the negative signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


class Victims:
    """A running script of victims whose functions can be called, see `serve`."""

    def __init__(self, script: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            env=_environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.errors: list[str] = []
        # A pipe, not a file: a victim's limit on the size of files would stop its report too.
        self._reader = threading.Thread(target=lambda: self.errors.extend(self._process.stderr or ()))
        self._reader.start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def call(self, function: str, **arguments: object) -> Any:
        """Call a function of the script and return its result; both go as JSON."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([function, arguments], default=str), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            self._reader.join()
            raise AssertionError("".join(self.errors))
        return json.loads(answer)

    def kill(self) -> None:
        """Kill the process and wait for its end; again does nothing."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()


def serve(functions: Mapping[str, Callable[..., object]]) -> None:
    """Answer calls of `Victims` until standard input ends; to be run by a script of victims."""
    for line in sys.stdin:
        function, arguments = json.loads(line)
        print(json.dumps(functions[function](**arguments)), flush=True)


def run_victim(
    script: Path, function: str, arguments: Mapping[str, object], *, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a script of victims once for one function, which prints JSON, and require that it succeeds."""
    finished = subprocess.run(
        [sys.executable, str(script), function, json.dumps(arguments, default=str)],
        env=_environment(), capture_output=True, text=True, check=False, timeout=timeout,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    return finished


def _environment() -> dict[str, str]:
    """Return our environment with the checkout on the path and one thread for each library."""
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    return os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path}
