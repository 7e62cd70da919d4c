"""Fixtures for the tests of the index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faiss
import pytest
from index_samples import make_base

from tests.victims import Victims

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
    """An index with several segments of text and of vectors, some documents and vectors of each dead."""
    make_base(quick_dir / "base")
    return quick_dir / "base"


@pytest.fixture(scope="session")
def victim() -> Iterator[Callable[..., Any]]:
    """Call a function of `index_victim`, in a process that serves all tests."""
    victims = Victims(_VICTIM)
    yield victims.call
    victims.kill()


@pytest.fixture
def lock_holder() -> Iterator[Callable[[Path], Victims]]:
    """Start a process that holds an index's lock until it is killed."""
    started: list[Victims] = []

    def hold(index_dir: Path) -> Victims:
        started.append(Victims(_VICTIM))
        assert started[-1].call("hold_lock", index_dir=index_dir) == "held"
        return started[-1]

    yield hold
    for process in started:
        process.kill()
