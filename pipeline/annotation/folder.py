"""What lies beside a job's output while it is worked on, and the lock that keeps a second process out."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from claimhound.data.disk.file_systems import HeldLock, acquire_lock, held_path
from claimhound.data.errors import InputError

_PATIENCE_S = 0.5
_STREAMS = ("/dev/std", "/dev/fd/", "/proc/")  # where output is redirected they lead to a plain file


@dataclass(frozen=True)
class JobFiles:
    """The files of the job that makes `output`.

    They lie in the folder `OUTPUT.job`: the journal, of which a short one stays behind when the job is done, the lock,
    and what will be renamed.
    """

    output: Path

    @classmethod
    def of(cls, output: Path) -> JobFiles:
        """Return the files of what a user calls the output; a link is followed, so that it stays one.

        Raises InputError for a stream, which no job could go on with.
        """
        if str(output).startswith(_STREAMS) or output == Path("-") or _is_special(output):
            raise InputError(
                f"{output}: is a stream, and a job that can go on after an interruption needs a file: name one, as in "
                "--output out.jsonl, or have each answer printed at once by: claimhound search - --format jsonl"
            )
        return cls(output.resolve() if output.is_symlink() else output)

    @property
    def rejected(self) -> Path:
        """The records that are no claims."""
        return self.output.with_name(f"{self.output.name}.rejected.jsonl")

    @property
    def folder(self) -> Path:
        """All of the files below."""
        return self.output.with_name(f"{self.output.name}.job")

    @property
    def journal(self) -> Path:
        """The finished batches."""
        return self.folder / "journal"

    @property
    def spool(self) -> Path:
        """The claims of standard input."""
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
        """Raise InputError where one of the inputs is a file that the job would write over."""
        for written in (self.output, self.rejected):
            for read in inputs:
                if _is_same(written, read):
                    raise InputError(
                        f"{written}: is read by this job, and would be written over; name another --output"
                    )

    def make_folder(self) -> None:
        """Make the folder. Raises InputError where the output cannot be written."""
        if self.output.is_dir():
            raise InputError(f"{self.output}: is a folder, and a file is to be written")
        if not self.output.parent.is_dir():
            raise InputError(
                f"{self.output}: cannot be written: there is no folder {self.output.parent}; make it first"
            )
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be made: {error.strerror}") from error

    @contextmanager
    def locked(self, on_notice: Callable[[str], None] = lambda _line: None) -> Iterator[None]:
        """Keep other processes out of the folder; `on_notice` hears where the file system cannot.

        Raises InputError if one is at work there.
        """
        try:
            # Not at once: whoever asks `is_locked` holds it for a moment.
            lock = self._acquire(_PATIENCE_S)
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written: {error.strerror}") from error
        if lock is None:
            held = held_path(self._lock_path)
            hint = f"; if there is none, remove {held}" if held.exists() else ""
            raise InputError(
                f"{self.output}: another process is working on it; wait for it, or stop it "
                f"(claimhound annotate --status {self.output} tells how far it is){hint}"
            )
        if lock.note is not None:
            on_notice(f"{self.folder}: {lock.note}")
        try:
            yield
        finally:
            lock.release()

    def is_locked(self) -> bool:
        """Return whether a process is at work on the output."""
        try:
            lock = self._acquire(0)
        except OSError:  # a folder that may not be written is nobody's who could tell
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
    """Return whether there is something that is neither a file nor a folder: a pipe, a terminal, a device."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _is_same(path: Path, other: Path | os.stat_result) -> bool:
    """Return whether both are one file, by whatever names."""
    try:
        return os.path.samestat(path.stat(), other if isinstance(other, os.stat_result) else other.stat())
    except OSError:  # one of them is not there
        return False
