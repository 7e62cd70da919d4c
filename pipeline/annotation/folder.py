"""Files of a job next to its output, and the lock that keeps a second process out."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from claimhound.data.disk.file_systems import HeldLock, acquire_lock, held_path
from claimhound.data.errors import InputError
from claimhound.pipeline.serving.compute import Notify, ignore

_PATIENCE_S = 0.5
_STREAMS = ("/dev/std", "/dev/fd/", "/proc/")  # they lead to a plain file if output is redirected


@dataclass(frozen=True)
class JobFiles:
    """The files of the job that makes `output`.

    The folder `OUTPUT.job` holds the journal (a short one remains when the job is done), the lock, and files to be
    renamed.
    """

    output: Path

    @classmethod
    def of(cls, output: Path) -> JobFiles:
        """Return the files of the output; a symbolic link is followed, and so remains a link.

        Raises InputError for a stream, which no job could resume.
        """
        if str(output).startswith(_STREAMS) or output == Path("-") or _is_special(output):
            raise InputError(
                f"{output}: is a stream, and a job that can be resumed needs a file: name one, as in "
                "--output out.jsonl, or print each answer at once with: claimhound search - --format jsonl"
            )
        return cls(output.resolve() if output.is_symlink() else output)

    @property
    def rejected(self) -> Path:
        """The bad records."""
        return self.output.with_name(f"{self.output.name}.rejected.jsonl")

    @property
    def folder(self) -> Path:
        """The folder of the files below."""
        return self.output.with_name(f"{self.output.name}.job")

    @property
    def journal(self) -> Path:
        """The finished batches."""
        return self.folder / "journal"

    @property
    def spool(self) -> Path:
        """The claims read from standard input."""
        return self.folder / "claims"

    @property
    def output_part(self) -> Path:
        """The output while it is written."""
        return self.folder / "output.part"

    @property
    def rejected_part(self) -> Path:
        """The rejected records while they are written."""
        return self.folder / "rejected.part"

    def require_apart(self, inputs: Sequence[Path | os.stat_result]) -> None:
        """Raise InputError if an input is a file that the job would overwrite."""
        for written in (self.output, self.rejected):
            for read in inputs:
                if _is_same(written, read):
                    raise InputError(
                        f"{written}: is read by this job and would be overwritten; choose another --output"
                    )

    def make_folder(self) -> None:
        """Create the folder. Raises InputError if the output cannot be written."""
        if self.output.is_dir():
            raise InputError(f"{self.output}: is a folder; name a file to write")
        if not self.output.parent.is_dir():
            raise InputError(
                f"{self.output}: cannot be written: there is no folder {self.output.parent}; create it first"
            )
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be created: {error.strerror}") from error

    @contextmanager
    def locked(self, on_notice: Notify = ignore) -> Iterator[None]:
        """Keep other processes out of the folder; `on_notice` is called if the file system cannot do that.

        Raises InputError if another process is working there.
        """
        try:
            # Wait a little: a call of `is_locked` holds the lock for a moment.
            lock = self._acquire(_PATIENCE_S)
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written: {error.strerror}") from error
        if lock is None:
            held = held_path(self._lock_path)
            hint = f"; if no process is, remove {held}" if held.exists() else ""
            raise InputError(
                f"{self.output}: another process is working on it; wait for it or stop it "
                f"(claimhound annotate --status {self.output} shows its progress){hint}"
            )
        if lock.note is not None:
            on_notice(f"{self.folder}: {lock.note}")
        try:
            yield
        finally:
            lock.release()

    def is_locked(self) -> bool:
        """Return whether a process is working on the output, or may be."""
        try:
            lock = self._acquire(0)
        except OSError:  # unknown without write access
            return True
        if lock is None:
            return True
        lock.release()
        return False

    @property
    def _lock_path(self) -> Path:
        return self.folder / "lock"

    def _acquire(self, timeout: float) -> HeldLock | None:
        return acquire_lock(self._lock_path, timeout)


def _is_special(path: Path) -> bool:
    """Return whether the path is a pipe, a terminal or a device, and not a file or folder."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _is_same(path: Path, other: Path | os.stat_result) -> bool:
    """Return whether both are the same file, even under different names."""
    try:
        return os.path.samestat(path.stat(), other if isinstance(other, os.stat_result) else other.stat())
    except OSError:  # one of them does not exist
        return False
