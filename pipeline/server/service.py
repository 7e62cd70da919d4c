"""What a server holds: its indexes by name, the queue that works on them, and its limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from claimhound.pipeline.server.jobs.runner import JobRunner
from claimhound.pipeline.server.metrics import Metrics
from claimhound.pipeline.server.problems import not_found
from claimhound.pipeline.server.warm_index import WarmIndex
from claimhound.pipeline.server.work_queue import WorkQueue


@dataclass(frozen=True)
class Limits:
    """What one request may ask for; GET /v1/indexes tells clients.

    `body_bytes` counts before decompression and after. `claim_characters` is the longest claim, `claims` the most in
    one request, `k` the most evidence for each, `context` the most sentences around it, `passages` the most texts to
    score or encode in one request, `passage_characters` the longest of them; models read less, and say what they cut.
    """

    body_bytes: int = 4_000_000
    claim_characters: int = 10_000
    claims: int = 1_000
    k: int = 1_000
    context: int = 20
    passages: int = 1_000
    passage_characters: int = 50_000


@dataclass(frozen=True)
class Service:
    """Everything that a request needs. The first index is the one meant when a request names none.

    `jobs` is None for a server that takes none.
    """

    indexes: Sequence[WarmIndex]
    queue: WorkQueue
    limits: Limits = Limits()
    jobs: JobRunner | None = None
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.metrics.watch(self.indexes, self.queue)

    def index(self, name: str | None) -> WarmIndex:
        """Return the index of a name. Raises RequestProblem 404 naming those there are."""
        if name is None:
            return self.indexes[0]
        for index in self.indexes:
            if index.name == name:
                return index
        names = ", ".join(index.name for index in self.indexes)
        raise not_found(f"there is no index {name!r}; the indexes are: {names}")
