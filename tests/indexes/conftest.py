"""Fixtures for the tests of the index."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faiss
import pytest
from index_samples import build, documents, make_base, unit_vectors

from tests.victims import Victims

_VICTIM = Path(__file__).with_name("index_victim.py")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Search a handful of vectors without waking other threads, which takes longer than the search."""
    n_threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(n_threads)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of indexes that are built once and copied for each test."""
    folder = tmp_path_factory.mktemp("indexes")
    make_base(folder / "base")
    build(folder / "larger", documents(3000), unit_vectors(3000))
    return folder


@pytest.fixture
def base(built: Path, quick_dir: Path) -> Path:
    """An index with several segments of text and of vectors, some documents and vectors of each dead."""
    return Path(shutil.copytree(built / "base", quick_dir / "base"))


@pytest.fixture
def larger(built: Path, quick_dir: Path) -> Path:
    """An index of 3,000 documents, with files larger than the edges that opening checks."""
    return Path(shutil.copytree(built / "larger", quick_dir / "larger"))


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
