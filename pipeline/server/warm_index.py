"""A named index that stays open, and is opened anew when it has a newer generation."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from claimhound.data.errors import ClaimhoundError
from claimhound.indexes.layout import generation_dir, latest_generation
from claimhound.indexes.manifest import MANIFEST_NAME
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.opening import open_beside
from claimhound.pipeline.server.server_log import LOG
from claimhound.pipeline.serving.compute import Compute

_Mark: TypeAlias = tuple[int, int, int]
"""A generation's number, and its manifest's inode and time: an index that was built anew may have the same number."""


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
        mark = _mark(pipeline.index.path)
        # None if a writer has come between: the first request opens what it made.
        self._held = mark if mark[0] == pipeline.index.manifest.generation else None
        self._failed: _Mark | None = None

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
            newest = _mark(held.path)
            if newest not in (self._held, self._failed):
                self._failed = newest  # not tried again for every request
                self._pipeline = open_beside(self._pipeline, held.path, self._compute)
                self._held = newest
            if newest == self._held:
                self._failed = self.problem = None
        except (ClaimhoundError, OSError) as error:
            if self.problem != str(error):
                LOG.error("index %s stays at generation %s: %s", self.name, held.manifest.generation, error)
            self.problem = str(error)
        return self._pipeline


def _mark(index_dir: Path) -> _Mark:
    generation = latest_generation(index_dir)
    try:
        found = (generation_dir(index_dir, generation) / MANIFEST_NAME).stat()
    except FileNotFoundError:  # a writer has just removed it, or it is damaged; opening tells which
        return generation, 0, 0
    return generation, found.st_ino, found.st_mtime_ns
