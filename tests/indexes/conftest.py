"""Fixtures for the tests of the index."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faiss
import pytest
from index_samples import make_base

from indexes.durable import remove_folder

_VICTIM = Path(__file__).with_name("index_victim.py")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Search a handful of vectors without waking other threads, which takes longer than the search."""
    n_threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(n_threads)


@pytest.fixture
def quick_dir(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: commits wait for the disk some twenty times each."""
    memory = Path("/dev/shm")
    if not (memory.is_dir() and os.access(memory, os.W_OK)):
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="claimhound-tests-", dir=memory))
    yield folder
    remove_folder(folder)


@pytest.fixture
def base(quick_dir: Path) -> Path:
    """An index with several segments of text and of vectors, some of each dead."""
    make_base(quick_dir / "base")
    return quick_dir / "base"


@pytest.fixture
def victim() -> Callable[..., Any]:
    """Call a function of `index_victim` in another process."""

    def call(function: str, **arguments: object) -> Any:
        command = [sys.executable, str(_VICTIM), function, json.dumps(arguments, default=str)]
        finished = subprocess.run(
            command, env=os.environ | _ONE_THREAD, capture_output=True, text=True, check=False, timeout=300
        )
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout)

    return call


@pytest.fixture
def lock_holder() -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    """Start a process that holds an index's lock until it is killed."""
    started: list[subprocess.Popen[str]] = []

    def hold(index_dir: Path) -> subprocess.Popen[str]:
        command = [sys.executable, str(_VICTIM), "hold_lock", json.dumps({"index_dir": str(index_dir)})]
        process = subprocess.Popen(command, env=os.environ | _ONE_THREAD, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == '"held"\n'
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()
