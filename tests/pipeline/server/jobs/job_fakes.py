"""A server's jobs with the index and models of the annotation's tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from claimhound.pipeline.annotation.annotating import annotate
from claimhound.pipeline.annotation.folder import JobFiles
from claimhound.pipeline.annotation.intake import ClaimSource
from claimhound.pipeline.annotation.output import format_of
from claimhound.pipeline.annotation.searching import AnnotationSettings, Searcher
from claimhound.pipeline.server.jobs.runner import JobRunner
from claimhound.pipeline.server.jobs.store import JobStore
from tests.pipeline.annotation.annotation_fakes import pipeline_of

PATIENCE_S = 20


def made_alone(index_dir: Path, claims: Path, output: Path, *, k: int = 5, name: str = "sample") -> tuple[bytes, bytes]:
    """Return the output and the rejected records of `annotate`, with the index's name for its path."""
    pipeline = pipeline_of(index_dir)
    settings = AnnotationSettings(k=k, output_format=format_of(output))
    annotate(ClaimSource(str(claims), name=claims.name), output, lambda: Searcher(pipeline, n_workers=2), settings)
    rejected = JobFiles(output).rejected
    written = output.read_bytes().replace(str(index_dir).encode(), name.encode())
    return written, rejected.read_bytes() if rejected.exists() else b""


def runner_of(store: JobStore, in_turn: Callable = lambda search: search()) -> JobRunner:
    """Return a runner with the fake models, not started."""
    return JobRunner(store, pipeline_of, in_turn)


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.005)
