"""The thread that does a server's jobs, one at a time, in the order in which they came."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from claimhound.data.disk.checksums import json_sha256
from claimhound.data.errors import ClaimhoundError, InputError
from claimhound.data.read_options import ReadOptions
from claimhound.indexes.durable import Disk
from claimhound.pipeline.annotation.annotating import annotate
from claimhound.pipeline.annotation.folder import JobFiles
from claimhound.pipeline.annotation.intake import ClaimSource
from claimhound.pipeline.annotation.page import write_page
from claimhound.pipeline.annotation.searching import AnnotationSettings, Searcher
from claimhound.pipeline.annotation.status import job_status
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.opening import describe, without_places
from claimhound.pipeline.server.jobs.limits import JobRefused
from claimhound.pipeline.server.jobs.record import JobRecord
from claimhound.pipeline.server.jobs.store import JobStore

Result = TypeVar("Result")

LOG = logging.getLogger("claimhound.server")

# A typed claim waits for at most one batch. A CPU gains nothing from larger ones.
_CLAIMS_TOGETHER = 4
# A job that ends the server each time (it fills the memory, say) must not do so forever.
_MOST_STARTS = 5
_LOOK_FOR_EXPIRED_S = 600
_AFTER_A_FAILURE_S = 60
_OF_THE_SERVER = "the server could not do this job; its log says why"


class JobRunner:
    """Does the jobs of a store. `open_kept` opens a kept generation with the server's models.

    `in_turn` makes a call when no request waits, in the thread that owns models and indexes; it may raise when the
    server stops.
    """

    def __init__(
        self,
        store: JobStore,
        open_kept: Callable[[Path], EvidencePipeline],
        in_turn: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self.store = store
        self._open_kept = open_kept
        self._in_turn = in_turn
        self._changed = threading.Condition()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._work, name="claimhound-jobs", daemon=True)

    def start(self) -> None:
        """Go on with the unfinished jobs, and begin those that come."""
        self._thread.start()

    def wake(self) -> None:
        """Look for a job that came."""
        with self._changed:
            self._changed.notify()

    def stop(self) -> None:
        """Stop the running job at its batch's end, to go on when the store is opened again, and close the store."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()
        self.store.close()

    def _work(self) -> None:
        while (record := self._next()) is not None:
            try:
                self._do(record)
            except Exception as error:
                # Its state cannot be written, on a full disk for example: it goes on with the next start at the latest.
                LOG.error("job %d cannot be worked on: %s", record.number, type(error).__name__)
                with self._changed:
                    self._changed.wait(_AFTER_A_FAILURE_S)

    def _next(self) -> JobRecord | None:
        while not self._is_stopping:
            self.store.remove_expired()
            with self._changed:
                if (record := self.store.first_waiting()) is not None:
                    return None if self._is_stopping else record
                if not self._is_stopping:
                    self._changed.wait(_LOOK_FOR_EXPIRED_S)
        return None

    def _do(self, record: JobRecord) -> None:
        try:
            begun = self._begun(record)
        except JobRefused:  # deleted before its turn
            return
        if begun.is_over:
            self._remove_cancelled(begun)
            return

        def is_stopped() -> bool:
            return self._is_stopping or self.store.is_cancelled(record.id)

        try:
            n_claims, n_bad = self._annotated(begun, is_stopped)
        except KeyboardInterrupt:  # raised by `annotate` as `is_stopped` says
            self._put_back(record)
        except Exception as error:
            if is_stopped():  # `in_turn` refuses work when the server stops
                self._put_back(record)
            else:
                self._fail(record, error)
        else:
            total = n_claims + n_bad
            self._remove_cancelled(
                self.store.change(record.id, state="finished", done=total, total=total, n_rejected=n_bad, starts=0)
            )

    def _begun(self, record: JobRecord) -> JobRecord:
        """Mark a job as running, or as failed if it has ended the server again and again."""
        done = self._done_on_disk(record)
        starts = 1 + (record.starts if done == record.done else 0)
        if starts > _MOST_STARTS:
            message = f"the server ended {_MOST_STARTS} times while it was at this job, which is given up"
            return self.store.change(record.id, state="failed", message=message)
        return self.store.change(record.id, state="running", starts=starts, done=done)

    def _done_on_disk(self, record: JobRecord) -> int:
        output = self.store.path(record, record.output_name)
        return job_status(output).done if JobFiles.of(output).journal.exists() else 0

    def _put_back(self, record: JobRecord) -> None:
        """Leave a stopped job as it is, to go on later; remove one that was cancelled."""
        self._remove_cancelled(self.store.change(record.id, state="waiting", starts=0))

    def _remove_cancelled(self, record: JobRecord) -> None:
        if record.state == "cancelled":
            self.store.remove(record.id)

    def _fail(self, record: JobRecord, error: Exception) -> None:
        message = str(error)
        if not (isinstance(error, InputError) and message.startswith(f"{record.name}:")):
            # Clients are told what is wrong with their file, and nothing about the server's. Nor does the log tell
            # claims: the text of an error that is not ours might hold one.
            reason = message if isinstance(error, ClaimhoundError) else type(error).__name__
            LOG.error("job %d failed: %s", record.number, reason)
            message = message if isinstance(error, _TooMuchDiskError) else _OF_THE_SERVER
        self._remove_cancelled(self.store.change(record.id, state="failed", message=message))

    def _annotated(self, record: JobRecord, is_stopped: Callable[[], bool]) -> tuple[int, int]:
        """Do a job or the rest of it; return its numbers of claims and of bad records."""
        order, limits = record.order, self.store.limits
        pipeline: EvidencePipeline = self._in_turn(lambda: self._open_kept(self.store.kept.path(record.kept)))
        # With other models than before, finished work is of no use: the output is of one kind.
        basis = json_sha256(without_places(describe(pipeline)))
        is_other = record.basis not in (None, basis)
        if record.basis != basis:
            self.store.change(
                record.id, basis=basis, message="started over: the server has other models now" if is_other else None
            )
        output = self.store.path(record, record.output_name)
        disk = _JobDisk(output.parent, limits.disk_bytes - self.store.n_bytes(but_for=record), is_stopped)

        def report(phase: str, done: int, total: int | None, note: str = "") -> None:  # noqa: ARG001 (a Progress)
            n_bad = job_status(output).n_bad if note else 0
            self.store.show_progress(record.id, done, total or 0, n_bad)

        found = annotate(
            ClaimSource(
                str(self.store.path(record, record.upload)),
                ReadOptions(id_field=order.id_field, text_field=order.text_field, date_order=order.date_order),
                before_field=order.before_field,
                name=record.name,
                most=limits.records,
                most_field_bytes=limits.field_bytes,
            ),
            output,
            lambda: Searcher(pipeline, n_workers=1, index_name=order.index, in_turn=self._in_turn),
            AnnotationSettings(
                k=order.k,
                adaptive=order.adaptive,
                min_score=order.min_score,
                folding=order.folding,
                output_format=order.output_format,
                batch_size=_CLAIMS_TOGETHER,
                before=order.before,
                where=order.where,
            ),
            fresh=is_other,
            on_progress=report,
            is_stopped=is_stopped,
            disk=disk,
        )
        if record.page_name is not None:
            _write_page(output, self.store.path(record, record.page_name), record.name, disk)
        return found.n_claims, found.n_bad


class _TooMuchDiskError(Exception):
    """A job takes more disk than jobs may."""


class _JobDisk(Disk):
    """The disk of a job, which stops it while it writes its output, and when its folder has `room` bytes."""

    def __init__(self, folder: Path, room: int, is_stopped: Callable[[], bool]) -> None:
        self._folder = folder
        self._room = room
        self._is_stopped = is_stopped

    def before(self, operation: str, path: Path) -> None:  # noqa: ARG002 (the same for all)
        """Raise if there is no room left."""
        n_bytes = sum(file.stat().st_size for file in self._folder.rglob("*") if file.is_file())
        if n_bytes > self._room:
            raise _TooMuchDiskError(
                "the job takes more disk than the server's jobs may; ask for fewer claims or a smaller k, "
                "or delete other jobs"
            )

    def growing(self, path: Path) -> None:
        """Raise if there is no room left, and KeyboardInterrupt if the job is stopped: it is written anew later."""
        if self._is_stopped():
            raise KeyboardInterrupt
        self.before("grow", path)


def _write_page(lines: Path, page: Path, name: str, disk: Disk) -> None:
    """Write the page of a finished output of JSON lines, as `annotate` would have made it."""

    def records() -> Iterator[dict[str, Any]]:
        with lines.open(encoding="utf-8", errors="surrogatepass") as file:
            for line in file:
                disk.growing(page)
                yield json.loads(line)

    part = page.with_suffix(".part")
    with part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        write_page(records(), file, title=f"Evidence for the claims of {name}")
    disk.sync_file(part)
    disk.rename(part, page)
