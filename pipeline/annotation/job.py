"""One annotation job: its claims, settings, models and identity."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from claimhound.data.records import Json
from claimhound.indexes.durable import Disk
from claimhound.pipeline.annotation.folder import JobFiles
from claimhound.pipeline.annotation.intake import ClaimSource, Intake, Survey
from claimhound.pipeline.annotation.searching import AnnotationSettings, Searcher, batch_size
from claimhound.pipeline.search.opening import describe, without_places

# Raise when records or batches change; otherwise a version that makes different ones could resume a job.
_VERSION = 3


@dataclass(frozen=True)
class Job:
    """Everything that a job works on; `disk` makes or announces each change to a file."""

    files: JobFiles
    claims: ClaimSource
    intake: Intake
    survey: Survey
    settings: AnnotationSettings
    searcher: Searcher
    disk: Disk

    @property
    def batch_size(self) -> int:
        """The number of claims that are searched together."""
        return batch_size(self.settings, self.searcher.pipeline)

    @property
    def is_dated(self) -> bool:
        """Whether evidence must be dated before some day."""
        return self.settings.before is not None or self.claims.before_field is not None

    def identity(self) -> dict[str, Json]:
        """Return what two runs of the same job share; the places of claims, index and models are not part of it."""
        return {
            "version": _VERSION,
            "claims": {
                "sha256": self.survey.sha256,
                "n_claims": self.survey.n_claims,
                "n_bad": self.survey.n_bad,
                "before_field": self.claims.before_field,
                "date_order": self.claims.reading.date_order if self.claims.before_field is not None else None,
            },
            "settings": asdict(self.settings) | {"batch_size": self.batch_size},
            "known": None if self.searcher.known is None else self.searcher.known.fingerprint,
            "search": without_places(describe(self.searcher.pipeline)),
        }
