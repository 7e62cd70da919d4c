"""All changes of an index to the disk, through one object that tests can make fail."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

from claimhound.data.disk.file_systems import sync_file, sync_folder

_REMOVE_TRIES = 5
# Errors of a file system that has no hard links, forbids them here, or has reached its limit for this file.
_NO_HARD_LINKS = {errno.EPERM, errno.EACCES, errno.EXDEV, errno.EMLINK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class Disk:
    """The real disk. `before` is called before every change; a test's subclass raises or dies there.

    `confirms` becomes False if the file system cannot sync.
    """

    confirms = True

    def before(self, operation: str, path: Path) -> None:
        """Do nothing: a hook for tests to fail or die at the operation on `path`."""

    def growing(self, path: Path) -> None:
        """Do nothing: called again and again while a file is written; a disk with a limit raises here."""

    def make_dir(self, path: Path) -> None:
        """Make the folder and its parents; it may exist."""
        self.before("make_dir", path)
        path.mkdir(parents=True, exist_ok=True)

    def write_bytes(self, path: Path, data: bytes) -> None:
        """Write and sync a new file."""
        self.before("write_bytes", path)
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            self._confirmed(sync_file(file.fileno()))

    def link(self, source: Path, target: Path) -> None:
        """Give an immutable file a second name; where that is impossible, copy it and sync the copy."""
        self.before("link", target)
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            _copy(source, target)
            self.sync_file(target)

    def copy(self, source: Path, target: Path) -> None:
        """Copy a file that will be changed."""
        self.before("copy", target)
        _copy(source, target)

    def rename(self, source: Path, target: Path) -> None:
        """Rename `source` to `target` atomically, within a folder, and sync that folder."""
        self.before("rename", target)
        source.replace(target)
        self.sync_dir(target.parent)

    def remove_tree(self, path: Path) -> None:
        """Remove a folder and its contents; it may be missing."""
        self.before("remove_tree", path)
        remove_folder(path)

    def sync_file(self, path: Path) -> None:
        """Sync a file that a library wrote."""
        self.before("sync_file", path)
        with path.open("rb") as file:
            self._confirmed(sync_file(file.fileno()))

    def sync_dir(self, path: Path) -> None:
        """Sync a folder's list of names, where the system can (not on Windows)."""
        self.before("sync_dir", path)
        self._confirmed(sync_folder(path))

    def sync_tree(self, path: Path) -> None:
        """Sync the lists of names of a folder and of every folder below it."""
        for folder in sorted(p for p in path.rglob("*") if p.is_dir()):
            self.sync_dir(folder)
        self.sync_dir(path)

    def set_mode(self, path: Path, mode: int) -> None:
        """Set a file's permissions to `mode`, where the file system has any."""
        with suppress(PermissionError, NotImplementedError):
            path.chmod(mode)

    def _confirmed(self, is_confirmed: bool) -> None:
        self.confirms = self.confirms and is_confirmed


def _copy(source: Path, target: Path) -> None:
    """Copy the bytes, and permissions and times where the file system supports them."""
    shutil.copyfile(source, target)
    with suppress(OSError):
        shutil.copystat(source, target)


def remove_folder(path: Path) -> None:
    """Remove a folder and its contents; it may be missing.

    tantivy watches the folder of an open index from its own thread, and may recreate its lock file while the folder is
    being emptied.
    """
    for tries_left in reversed(range(_REMOVE_TRIES)):
        try:
            shutil.rmtree(path)
            return
        except OSError as error:
            if not path.exists():
                return
            if error.errno not in {errno.ENOTEMPTY, errno.ENOENT} or not tries_left:
                raise


def sha256_of_edges(path: Path, head_size: int, tail_size: int) -> str:
    """Return the hexadecimal SHA-256 of a file's first `head_size` bytes followed by its last `tail_size`."""
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(head_size))
        file.seek(max(head_size, path.stat().st_size - tail_size))
        digest.update(file.read(tail_size))
    return digest.hexdigest()
