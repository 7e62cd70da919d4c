"""What some file systems cannot do (CIFS, FUSE, NFS without its lock service): lock files, sync folders, take any name.

Where going on is safe, callers go on and tell the user what is not guaranteed: `NO_LOCKS`, `NO_SYNC`.
"""

from __future__ import annotations

import errno
import os
import warnings
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from claimhound.data.errors import InputError

NO_LOCKS = "this file system cannot lock files: make sure that nobody else writes here from another machine"
NO_SYNC = (
    "this file system does not confirm what it keeps: after a power cut, not after a crash of the program, the newest "
    "change may be missing"
)

_UNSUPPORTED = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
_CANNOT_LOCK = _UNSUPPORTED | {errno.ENOLCK}
_CANNOT_SYNC = _UNSUPPORTED | {errno.EINVAL}


class HeldLock:
    """A lock that this process holds until `release`; `note` says what it does not guarantee, if anything."""

    def __init__(self, lock: BaseFileLock, note: str | None) -> None:
        """Use `acquire_lock`."""
        self._lock = lock
        self.note = note

    def release(self) -> None:
        """Let others have it; one that is released already is fine."""
        self._lock.release()


def acquire_lock(path: Path, timeout: float = 0) -> HeldLock | None:
    """Return the lock, or None where another process still holds it after `timeout` seconds, -1 for ever.

    It goes with its process, also one that is killed. Where the file system has no locks, a file `path.held` that names
    the process stands for it: others on the same machine pass over one whose process is gone. Raises OSError where the
    lock's file cannot be written.
    """
    locks = _can_lock(path)
    lock: BaseFileLock = FileLock(path) if locks else SoftFileLock(held_path(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            lock.acquire(timeout=timeout)
    except Timeout:
        return None
    return HeldLock(lock, None if locks else NO_LOCKS)


def held_path(path: Path) -> Path:
    """Return the file that stands for a lock on a file system that has none."""
    return path.with_name(f"{path.name}.held")


def _can_lock(path: Path) -> bool:
    """Tell whether the file system has locks, by taking one that lets other askers in."""
    if os.name == "nt":
        return True
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        if error.errno in _CANNOT_LOCK:
            return False
        raise
    finally:
        os.close(descriptor)
    return True


def sync_file(file: int) -> bool:
    """Bring an open file to the disk; False where the file system has no such call. Raises OSError where it fails."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
        return False
    return True


def sync_folder(path: Path) -> bool:
    """Bring a folder's list of names to the disk; False where the system cannot, as on Windows and on CIFS.

    Raises OSError where it fails.
    """
    if os.name == "nt":
        return True
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return sync_file(descriptor)
    finally:
        os.close(descriptor)


def readable_name(name: str) -> str:
    """Return a file's name as text that can be stored: the characters that a UTF-8 locale would show.

    Bytes that are not UTF-8 become the replacement character.
    """
    return os.fsencode(name).decode(errors="replace")


def native_path(path: Path) -> str:
    """Return a path for libraries that take UTF-8 only, whatever encoding the locale names.

    In a locale of another encoding (LC_ALL=C) Python holds the bytes of other characters as halves of surrogate pairs.
    Raises InputError where the name's bytes are not UTF-8.
    """
    try:
        return os.fsencode(path).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: this name, or a folder's on the way, is not UTF-8; rename it") from error
