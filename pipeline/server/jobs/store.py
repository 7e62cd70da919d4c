"""Jobs on disk, which is the truth about them: a server that starts finds them as they were left.

DIR/lock                 held by the one server that works here
DIR/generations/         generations of indexes that unfinished jobs name
DIR/ID/job.json          the job's record
DIR/ID/claims.csv.gz     the upload
DIR/ID/out.jsonl         the output, with its own folder of finished work, as `annotate` makes it
DIR/new-…, DIR/gone-…    a job that is being put down or removed
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.disk.file_systems import acquire_lock, held_path, sync_file, sync_folder
from claimhound.data.errors import InputError
from claimhound.indexes.durable import remove_folder
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.annotation.folder import JobFiles
from claimhound.pipeline.server.jobs.kept_generations import KeptGenerations
from claimhound.pipeline.server.jobs.limits import JobLimits, JobRefused
from claimhound.pipeline.server.jobs.record import JobOrder, JobRecord
from claimhound.pipeline.server.jobs.uploads import require_small, stored_name

_RECORD = "job.json"
_GENERATIONS = "generations"
_NEW, _GONE = "new-", "gone-"
_ID_BYTES = 18
_KEEP_TRIES = 10


class JobStore:
    """The folder of a server's jobs. Safe in threads; what is returned is a job as it was at that moment."""

    def __init__(self, folder: Path, limits: JobLimits, clock: Callable[[], float] = time.time) -> None:
        """Raise InputError if the folder cannot be written, if another server works there, or if a job is damaged."""
        self.limits = limits
        self._folder = folder
        self._clock = clock
        self._changing = threading.Lock()
        # Apart from the other lock: an index may have to be copied, and nobody waits for that to see a job's state.
        # Who holds this one may take the other, never the reverse.
        self._adding = threading.RLock()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = acquire_lock(folder / "lock")
            if self._lock is None:
                held = held_path(folder / "lock")
                hint = f"; if none is, remove {held}" if held.exists() else ""
                raise InputError(f"{folder}: another server works on these jobs; name another --jobs-dir{hint}")
            try:
                for path in folder.iterdir():
                    if path.name.startswith((_NEW, _GONE)):
                        remove_folder(path)
                self.kept = KeptGenerations(folder / _GENERATIONS)
                self._jobs = {record.id: record for record in sorted(self._stored(), key=lambda one: one.number)}
                for record in self._jobs.values():
                    self._tidy(record)
                self._drop_generations()
            except BaseException:
                self._lock.release()
                raise
        except OSError as error:
            raise InputError(f"{folder}: cannot be used for jobs ({error.strerror or error})") from error
        self._next_number = 1 + max((record.number for record in self._jobs.values()), default=0)

    def close(self) -> None:
        """Let another server work here."""
        assert self._lock is not None
        self._lock.release()

    def all(self) -> list[JobRecord]:
        """Return all jobs, oldest first."""
        self.remove_expired()
        return list(self._jobs.values())

    def get(self, job_id: str) -> JobRecord:
        """Return a job. Raises JobRefused if there is none of this id."""
        self.remove_expired()
        return self._jobs.get(job_id) or self._unknown()

    def path(self, record: JobRecord, name: str) -> Path:
        """Return a file of a job; the name must be ours, never a client's."""
        return self._folder / record.id / name

    def require_room(self) -> None:
        """Raise JobRefused if no job can be added."""
        self.remove_expired()
        if len(self._jobs) >= self.limits.kept:
            raise JobRefused(
                "too_many_jobs", f"there are {len(self._jobs):,} jobs, as many as the server keeps; delete one first"
            )
        if self.room() <= 0:
            raise JobRefused("disk_full", "the server's jobs take all the disk that they may; delete one first")

    def room(self) -> int:
        """Return the bytes that jobs may still take."""
        return self.limits.disk_bytes - self.n_bytes() - self.kept.n_bytes()

    def n_bytes(self, *, but_for: JobRecord | None = None) -> int:
        """Return the bytes of all jobs' files, or of all others'."""
        return sum(_size(self._folder / job_id) for job_id in list(self._jobs) if not but_for or job_id != but_for.id)

    def add(
        self, order: JobOrder, name: str, upload: BinaryIO, current: Callable[[], IndexSnapshot], n_bytes: int
    ) -> JobRecord:
        """Put a job down and return it; when this returns, a dead server does not lose it.

        `name` is that of `shown_name`. `current` returns the index's newest generation, which the job gets.

        Raises JobRefused if there is no room, or if the upload is larger than allowed or damaged.
        """
        with self._adding:
            self.require_room()
            if n_bytes > self.room():
                raise JobRefused("disk_full", "the server's jobs would take more disk than they may; delete one first")
            job_id = secrets.token_urlsafe(_ID_BYTES)
            part = self._folder / f"{_NEW}{job_id}"
            try:
                part.mkdir(mode=0o700)
                stored = stored_name(name)
                with (part / stored).open("xb") as file:
                    shutil.copyfileobj(upload, file)
                    file.flush()
                    sync_file(file.fileno())
                require_small(part / stored, name, self.limits.upload_bytes)
                snapshot, kept = self._keep(current)
                record = JobRecord(
                    job_id, self._next_number, name, stored, order, snapshot.manifest.generation, kept, self._clock()
                )
                self._write(part, record)
                part.replace(self._folder / job_id)
                sync_folder(self._folder)
            except BaseException as error:
                remove_folder(part)
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise JobRefused("disk_full", "the server's disk is full; delete jobs that are finished") from error
                raise
            self._next_number += 1
            self._jobs[job_id] = record
            return record

    def first_waiting(self) -> JobRecord | None:
        """Return the job that is to be done next."""
        waiting = [record for record in list(self._jobs.values()) if record.state == "waiting"]
        return min(waiting, key=lambda record: record.number, default=None)

    def change(self, job_id: str, **values: Any) -> JobRecord:
        """Change an unfinished job's record, on disk first, and return it; a cancelled job stays cancelled.

        Raises JobRefused if it was removed meanwhile.
        """
        with self._changing:
            before = self._jobs.get(job_id) or self._unknown()
            if before.state == "cancelled":
                values.pop("state", None)
            record = replace(before, **values)
            if record.is_over and not before.is_over:
                record = replace(record, ended=self._clock())
            self._write(self._folder / job_id, record)
            self._jobs[job_id] = record
        if record.is_over:
            self._tidy(record)
            with self._adding:
                self._drop_generations()
        return record

    def show_progress(self, job_id: str, done: int, total: int, n_rejected: int) -> None:
        """Change what clients see of a running job; its finished work is on disk already."""
        with self._changing:
            self._jobs[job_id] = replace(self._jobs[job_id], done=done, total=total, n_rejected=n_rejected)

    def is_cancelled(self, job_id: str) -> bool:
        """Return whether a running job is to be removed."""
        record = self._jobs.get(job_id)
        return record is None or record.state == "cancelled"

    def cancel(self, job_id: str) -> JobRecord:
        """Remove a job and return it; one that is running is marked, and removed by `remove` when it has stopped.

        Raises JobRefused if there is none of this id.
        """
        self.get(job_id)
        with self._changing:
            before = self._jobs.get(job_id) or self._unknown()
            record = replace(before, state="cancelled", ended=before.ended or self._clock())
            self._write(self._folder / job_id, record)
            self._jobs[job_id] = record
        if before.state not in ("running", "cancelled"):
            self.remove(job_id)
        return record

    def remove(self, job_id: str) -> None:
        """Remove a job and all of its files; it may be gone already."""
        with self._changing:
            if job_id not in self._jobs:
                return
            gone = self._folder / f"{_GONE}{job_id}"
            (self._folder / job_id).replace(gone)
            sync_folder(self._folder)
            del self._jobs[job_id]
        remove_folder(gone)
        with self._adding:
            self._drop_generations()

    def remove_expired(self) -> None:
        """Remove the jobs that have been over for long enough."""
        now = self._clock()
        for record in list(self._jobs.values()):
            expires = record.expires(self.limits.days)
            if record.state in ("finished", "failed") and expires is not None and expires <= now:
                self.remove(record.id)

    @staticmethod
    def _unknown() -> NoReturn:
        raise JobRefused("unknown", "there is no job of this id; it may have been deleted, or have expired")

    def _stored(self) -> Iterator[JobRecord]:
        for path in sorted(self._folder.iterdir()):
            stored = path / _RECORD
            if not stored.is_file():
                continue
            record = JobRecord.from_json(stored.read_text(encoding="utf-8"), str(stored))
            if record.id != path.name:
                raise InputError(f"{stored}: is the record of another job; remove its folder")
            if record.state == "cancelled":
                remove_folder(path.replace(path.with_name(f"{_GONE}{path.name}")))
                continue
            yield replace(record, state="waiting") if record.state == "running" else record

    def _keep(self, current: Callable[[], IndexSnapshot]) -> tuple[IndexSnapshot, str]:
        for _ in range(_KEEP_TRIES):
            snapshot = current()
            with suppress(FileNotFoundError):  # a writer has just replaced it
                return snapshot, self.kept.keep(snapshot, self.room())
        raise JobRefused("too_many_jobs", "the index has just changed, and cannot be opened yet; try again")

    def _drop_generations(self) -> None:
        self.kept.remove_others({record.kept for record in self._jobs.values() if not record.is_over})

    def _tidy(self, record: JobRecord) -> None:
        """Remove what only an unfinished job needs."""
        if record.state not in ("finished", "failed"):
            return
        self.path(record, record.upload).unlink(missing_ok=True)
        files = JobFiles.of(self.path(record, record.output_name))
        remove_folder(files.folder)
        if record.state == "failed":
            files.output.unlink(missing_ok=True)
            files.rejected.unlink(missing_ok=True)

    @staticmethod
    def _write(folder: Path, record: JobRecord) -> None:
        with write_atomically(folder / _RECORD) as file:
            file.write(record.to_json())
        sync_folder(folder)


def _size(folder: Path) -> int:
    """Return the bytes of a folder's files; files may come and go meanwhile."""
    n_bytes = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                n_bytes += Path(parent, name).stat().st_size
    return n_bytes
