"""Generations of indexes that jobs name, kept while writers replace them.

DIR/KEY/generation-000003/    the generation, an index of its own; KEY is its manifest's digest
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path

from claimhound.data.disk.file_systems import sync_folder
from claimhound.indexes.durable import Disk, remove_folder
from claimhound.indexes.layout import generation_dir
from claimhound.indexes.manifest import MANIFEST_NAME
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.server.jobs.limits import JobRefused

_PART = "part"


class KeptGenerations:
    """A folder of generations. Jobs that name the same one share it.

    Its files are second names (hard links) of the index's own, which never change, so keeping one takes no disk until a
    writer removes the index's. On another file system they are copies.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        remove_folder(folder / _PART)

    def path(self, key: str) -> Path:
        """Return the index folder of a kept generation."""
        return self._folder / key

    def keep(self, snapshot: IndexSnapshot, room: int) -> str:
        """Keep a snapshot's generation and return its key; for one caller at a time.

        Raises JobRefused if the files must be copied and have more than `room` bytes, FileNotFoundError if a writer has
        removed the generation.
        """
        manifest = snapshot.manifest
        key = hashlib.sha256(manifest.to_bytes()).hexdigest()[:32]
        if self.path(key).exists():
            return key
        source = generation_dir(snapshot.path, manifest.generation)
        n_bytes = sum(check.size for check in manifest.files.values())
        if source.stat().st_dev != self._folder.stat().st_dev and n_bytes > room:
            raise JobRefused(
                "disk_full",
                "the server's jobs are on another file system than the index, whose copy has "
                f"{n_bytes:,} bytes, and only {room:,} are left; delete jobs that are finished",
            )
        disk = Disk()
        part = self._folder / _PART
        remove_folder(part)
        target = generation_dir(part, manifest.generation)
        for name in (*manifest.files, MANIFEST_NAME):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            disk.link(source / name, target / name)
        disk.sync_tree(part)
        disk.rename(part, self.path(key))
        return key

    def remove_others(self, keys: Collection[str]) -> None:
        """Remove all generations but these."""
        for folder in sorted(self._folder.iterdir()):
            if folder.name not in keys:
                remove_folder(folder)
        sync_folder(self._folder)

    def n_bytes(self) -> int:
        """Return the bytes that only this folder holds: copies, and files that the index no longer has."""
        sizes = (path.stat() for path in self._folder.rglob("*") if path.is_file())
        return sum(found.st_size for found in sizes if found.st_nlink == 1)
