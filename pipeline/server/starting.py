"""Opening a server's indexes and models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.opening import open_beside
from claimhound.pipeline.server.jobs.runner import JobRunner
from claimhound.pipeline.server.jobs.store import JobStore
from claimhound.pipeline.server.service import Service
from claimhound.pipeline.server.warm_index import WarmIndex
from claimhound.pipeline.server.work_queue import WorkQueue
from claimhound.pipeline.serving.compute import Compute

_WARMING_CLAIM = "the ice of the sea melts in a warmer year"


def start_service(
    named: Sequence[tuple[str, Path]],
    open_first: Callable[[Path], EvidencePipeline],
    compute: Compute,
    most_waiting: int,
    jobs: JobStore | None = None,
) -> Service:
    """Return a service over the indexes, which share their models; each has answered a claim, so the next is fast.

    The jobs of a store are begun by `JobRunner.start`.

    Raises what `open_first` raises.
    """
    indexes: list[WarmIndex] = []
    for name, folder in named:
        pipeline = open_beside(indexes[0].opened, folder, compute) if indexes else open_first(folder)
        pipeline.find_evidence([_WARMING_CLAIM])
        indexes.append(WarmIndex(name, pipeline, compute))
    queue = WorkQueue(most_waiting)
    runner = None
    if jobs is not None:
        runner = JobRunner(
            jobs, lambda folder: open_beside(indexes[0].opened, folder, compute), queue.call_in_background
        )
    return Service(indexes, queue, jobs=runner)
