"""A named index that stays open, and is opened anew when it has a newer generation."""

from __future__ import annotations

from claimhound.data.errors import ClaimhoundError
from claimhound.indexes.layout import latest_generation
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.opening import open_beside
from claimhound.pipeline.server.server_log import LOG
from claimhound.pipeline.serving.compute import Compute


class WarmIndex:
    """An index under the name that clients know. All methods are for the thread that works (`WorkQueue`)."""

    def __init__(self, name: str, pipeline: EvidencePipeline, compute: Compute) -> None:
        if not isinstance(pipeline.index, IndexSnapshot):
            raise TypeError("a server needs an index on disk")
        self.name = name
        self.problem: str | None = None
        """Why the newest generation could not be opened; the one before it goes on answering."""
        self._pipeline = pipeline
        self._compute = compute
        self._failed: int | None = None

    @property
    def opened(self) -> EvidencePipeline:
        """The pipeline as it was last opened."""
        return self._pipeline

    @property
    def snapshot(self) -> IndexSnapshot:
        """The index as it was last opened."""
        index = self._pipeline.index
        assert isinstance(index, IndexSnapshot)
        return index

    def current(self) -> EvidencePipeline:
        """Return a pipeline over the newest generation that can be opened."""
        held = self.snapshot
        try:
            newest = latest_generation(held.path)
            if newest == held.manifest.generation:
                self.problem = None
            elif newest != self._failed:
                self._failed = newest  # not tried again for every request
                self._pipeline = open_beside(self._pipeline, held.path, self._compute)
                self.problem = None
        except (ClaimhoundError, OSError) as error:
            if self.problem != str(error):
                LOG.error("index %s stays at generation %s: %s", self.name, held.manifest.generation, error)
            self.problem = str(error)
        return self._pipeline
