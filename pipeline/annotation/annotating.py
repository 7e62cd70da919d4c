"""Annotation of a file of claims with their evidence, as a job that can be killed at any moment and resumed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from claimhound.data.disk.file_systems import NO_SYNC
from claimhound.data.disk.journal import Journal
from claimhound.data.progress import Progress, silent
from claimhound.data.records import Json
from claimhound.indexes.durable import Disk
from claimhound.pipeline.annotation.filling import fill
from claimhound.pipeline.annotation.finishing import finished_before, promote
from claimhound.pipeline.annotation.folder import JobFiles
from claimhound.pipeline.annotation.intake import ClaimSource, Intake, files_read
from claimhound.pipeline.annotation.interrupts import first_interrupt
from claimhound.pipeline.annotation.job import Job
from claimhound.pipeline.annotation.output import column_names
from claimhound.pipeline.annotation.searching import AnnotationSettings, Searcher
from claimhound.pipeline.serving.compute import Notify, ignore

_INTERRUPTED = "interrupted: finishing the current batches; interrupt again to stop at once"


@dataclass(frozen=True)
class AnnotationReport:
    """The result of a job. `rejected` is the file of bad records, None if there were none.

    `n_resumed` of the records were done by an earlier run. `renamed` maps fields of the claims to their columns if a
    column of ours has the same name.
    """

    output: Path
    n_claims: int
    n_bad: int
    n_resumed: int
    rejected: Path | None
    renamed: dict[str, str] = field(default_factory=dict)

    @property
    def bad_share(self) -> float:
        """The share of bad records."""
        return self.n_bad / (self.n_claims + self.n_bad)


def annotate(
    claims: ClaimSource,
    output: Path,
    load: Callable[[], Searcher],
    settings: AnnotationSettings = AnnotationSettings(),  # noqa: B008 (frozen)
    *,
    fresh: bool = False,
    on_progress: Progress = silent,
    on_notice: Notify = ignore,
    is_stopped: Callable[[], bool] = lambda: False,
    disk: Disk | None = None,
) -> AnnotationReport:
    """Find evidence for every claim of a source, each exactly once, and write it with the claim's own id and fields.

    The output appears when everything is done. Until then finished work is kept in the folder `OUTPUT.job`: called
    again with the same claims, settings, index and models, the job resumes, and the output is byte-for-byte the same.
    Claims, index and models are identified by content, so they may be moved, and so may the output with its folder; the
    output names the places where the last run found them. `fresh` discards existing work. Bad records are written to
    `OUTPUT.rejected.jsonl`.

    `load` opens index and models once the claims have been read. `on_notice` is called with each notice of the readers,
    with the guarantees that the file system lacks, and with a message at the first interrupt: the current batches are
    then finished, and KeyboardInterrupt is raised; so it is once `is_stopped` returns true, for a job in a thread.

    Raises InputError if the output is a stream or the file of the claims, if another process is working on it, if
    it belongs to another job, finished or not, if no record is a claim, and if something cannot be read or
    written.
    """
    disk = disk or Disk()
    files = JobFiles.of(output)
    files.require_apart(files_read(claims))
    files.make_folder()
    with files.locked(on_notice):
        intake = Intake(claims, files.spool)
        try:
            survey = intake.survey()
        finally:
            for line in intake.notices.lines():
                on_notice(line)
        job = Job(files, claims, intake, survey, settings, load(), disk)
        identity = job.identity()
        columns = column_names(survey.fields, settings.output_format, is_dated=job.is_dated)
        renamed = {name: column for name, column in columns.items() if column != name}
        receipt = None if fresh else finished_before(files, identity)
        if receipt is None:
            n_resumed = _done(
                job, identity, fresh=fresh, on_progress=on_progress, on_notice=on_notice, is_stopped=is_stopped
            )
        else:
            files.spool.unlink(missing_ok=True)
            n_resumed = receipt.n_claims + receipt.n_bad
        rejected = files.rejected if survey.n_bad else None
        return AnnotationReport(files.output, survey.n_claims, survey.n_bad, n_resumed, rejected, renamed)


def _done(
    job: Job,
    identity: dict[str, Json],
    *,
    fresh: bool,
    on_progress: Progress,
    on_notice: Notify,
    is_stopped: Callable[[], bool],
) -> int:
    """Do the rest of a job; return the number of records done by earlier runs."""
    with (
        Journal.open(job.files.journal, identity, fresh=fresh) as journal,
        first_interrupt(lambda: on_notice(_INTERRUPTED)) as was_interrupted,
    ):
        n_resumed = fill(journal, job, on_progress, lambda: was_interrupted() or is_stopped())
        if n_resumed is None:
            raise KeyboardInterrupt
        promote(journal, job)
    if not (job.disk.confirms and journal.confirms):
        on_notice(f"{job.files.folder}: {NO_SYNC}")
    return n_resumed
