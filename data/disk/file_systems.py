"""Locks, syncs and names on file systems that lack one of them (CIFS, FUSE, NFS without its lock service).

Where it is safe, callers continue and warn the user with `NO_LOCKS` or `NO_SYNC`.
"""

from __future__ import annotations

import errno
import os
import warnings
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from claimhound.data.errors import InputError

NO_LOCKS = "this file system cannot lock files: make sure that no other machine writes here"
NO_SYNC = (
    "this file system does not confirm writes: after a power cut, but not after a crash of the program, the newest "
    "change may be missing"
)

_UNSUPPORTED = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
_CANNOT_LOCK = _UNSUPPORTED | {errno.ENOLCK}
_CANNOT_SYNC = _UNSUPPORTED | {errno.EINVAL}


class HeldLock:
    """A lock that this process holds until `release`; `note` is a warning about a weak lock, or None."""

    def __init__(self, lock: BaseFileLock, note: str | None) -> None:
        """Use `acquire_lock`."""
        self._lock = lock
        self.note = note

    def release(self) -> None:
        """Release the lock; it may be released already."""
        self._lock.release()


def acquire_lock(path: Path, timeout: float = 0) -> HeldLock | None:
    """Return the lock, or None if another process still holds it after `timeout` seconds; -1 waits forever.

    The lock ends with its process, even if that is killed. On a file system without locks, a file `path.held` that
    names the process takes its place; on the same machine it is ignored once the process is gone. Raises OSError if the
    lock file cannot be written.
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
    """Return the file that takes the place of a lock on a file system without locks."""
    return path.with_name(f"{path.name}.held")


def _can_lock(path: Path) -> bool:
    """Return whether the file system has locks, by taking a shared one."""
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
    """Sync an open file; return False if the file system cannot. Raises OSError if it fails."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
        return False
    return True


def sync_folder(path: Path) -> bool:
    """Sync a folder's list of names; return False if the file system cannot, as on CIFS. Does nothing on Windows.

    Raises OSError if it fails.
    """
    if os.name == "nt":
        return True
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return sync_file(descriptor)
    finally:
        os.close(descriptor)


def readable_name(name: str) -> str:
    """Return a file's name as text that can be stored, as a UTF-8 locale would show it.

    Bytes that are not UTF-8 become the replacement character.
    """
    return os.fsencode(name).decode(errors="replace")


def native_path(path: Path) -> str:
    """Return a path for libraries that take UTF-8 only, in any locale.

    In a locale of another encoding (LC_ALL=C) Python decodes bytes that are not ASCII to lone surrogates. Raises
    InputError if the name's bytes are not UTF-8.
    """
    try:
        return os.fsencode(path).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: its name, or that of a folder above it, is not UTF-8; rename it") from error
