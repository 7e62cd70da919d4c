"""Write access to an index folder: whether it is or may become an index, and its lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from claimhound.data.disk.file_systems import HeldLock, acquire_lock, held_path, native_path
from claimhound.data.errors import IndexLockedError, IndexWriteError, InputError
from claimhound.indexes.durable import Disk
from claimhound.indexes.layout import is_index_entry, lock_path


def require_index_folder(index_dir: Path) -> None:
    """Raise InputError unless the folder is missing, empty or an index's."""
    native_path(index_dir)
    if index_dir.is_symlink() and not index_dir.exists():
        raise InputError(
            f"{index_dir}: is a link to {index_dir.readlink()}, which does not exist; "
            "create that folder, or name another"
        )
    if index_dir.exists() and not index_dir.is_dir():
        raise InputError(f"{index_dir}: is a file; name a folder for the index")
    if index_dir.is_dir():
        strange = sorted(path.name for path in index_dir.iterdir() if not is_index_entry(path))
        if strange:
            raise InputError(f"{index_dir}: is not an index folder (it contains {strange[0]}); name a new or empty one")


def make_durable_dir(path: Path, disk: Disk) -> None:
    """Make a folder and its parents, and sync the names of the new ones."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    disk.make_dir(path)
    for folder in missing:
        disk.sync_dir(folder.parent)


def lock_index(index_dir: Path) -> HeldLock:
    """Take the writer's lock.

    Raises IndexLockedError if another process holds it, InputError if the folder cannot be written.
    """
    path = lock_path(index_dir)
    try:
        lock = acquire_lock(path)
    except OSError as error:
        raise InputError(f"{index_dir}: cannot be written ({error.strerror})") from error
    if lock is None:
        held = held_path(path)
        hint = f" (if there is none, remove {held})" if held.exists() else ""
        raise IndexLockedError(f"{index_dir}: another process is writing this index; wait for it, or stop it{hint}")
    return lock


@contextmanager
def disk_errors(index_dir: Path) -> Iterator[None]:
    """Raise IndexWriteError for an OSError."""
    try:
        yield
    except OSError as error:
        raise IndexWriteError(
            f"{index_dir}: not written ({error.strerror or error}); the index is unchanged"
        ) from error
