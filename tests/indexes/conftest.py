"""Fixtures for the tests of the index."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faiss
import pytest
from index_samples import make_base

from tests.victims import run_victim, victim_command, victim_environment

_VICTIM = Path(__file__).with_name("index_victim.py")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Search a handful of vectors without waking other threads, which takes longer than the search."""
    n_threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(n_threads)


@pytest.fixture
def base(quick_dir: Path) -> Path:
    """An index with several segments of text and of vectors, some of each dead."""
    make_base(quick_dir / "base")
    return quick_dir / "base"


@pytest.fixture
def victim() -> Callable[..., Any]:
    """Call a function of `index_victim` in another process."""

    def call(function: str, **arguments: object) -> Any:
        return json.loads(run_victim(_VICTIM, function, arguments, timeout=300).stdout)

    return call


@pytest.fixture
def lock_holder() -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    """Start a process that holds an index's lock until it is killed."""
    started: list[subprocess.Popen[str]] = []

    def hold(index_dir: Path) -> subprocess.Popen[str]:
        command = victim_command(_VICTIM, "hold_lock", {"index_dir": index_dir})
        process = subprocess.Popen(command, env=victim_environment(), stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == '"held"\n'
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()
