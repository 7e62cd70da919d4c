"""The next generation's files: linked from the current one or written new, checked, and renamed into place."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from claimhound.data.errors import IndexWriteError
from claimhound.indexes.durable import Disk, remove_folder
from claimhound.indexes.layout import (
    DEAD_FILE,
    TEXT_DIR,
    VECTOR_DIR,
    encoded_dir,
    generation_dir,
    generations,
    staging_dir,
)
from claimhound.indexes.manifest import MANIFEST_NAME, FileCheck, Manifest, damaged
from claimhound.indexes.text_writer import CHANGING_FILES, LOCK_FILES

DEAD_NAME = f"{VECTOR_DIR}/{DEAD_FILE}"


class Staging:
    """The folder of the next generation; `current` is the manifest of the one it replaces, None for the first.

    A file's name is its path below the folder, with slashes.
    """

    def __init__(self, index_dir: Path, current: Manifest | None, disk: Disk) -> None:
        self.folder = staging_dir(index_dir)
        self.text_dir = self.folder / TEXT_DIR
        self._index_dir = index_dir
        self._current = current
        self._disk = disk
        self._known_checks: dict[str, FileCheck] = {}

    def start(self) -> None:
        """Empty the folder and carry over the current text."""
        self._disk.remove_tree(self.folder)
        self._disk.make_dir(self.text_dir)
        self._disk.make_dir(self.folder / VECTOR_DIR)
        if self._current is not None:
            for name in self._current.files:
                if name.startswith(f"{TEXT_DIR}/"):
                    self.carry_over(name)

    def carry_over(self, name: str) -> None:
        """Stage a file of the current generation; a file that never changes keeps its bytes and its checksum."""
        assert self._current is not None
        source = self._path_now(name)
        if source.name in CHANGING_FILES:
            self._disk.copy(source, self.folder / name)
        else:
            self._disk.link(source, self.folder / name)
            self._known_checks[name] = self._current.files[name]

    def add(self, name: str, head_size: int) -> None:
        """Record the checksums of a new file on the disk; the first `head_size` bytes are its head."""
        self._known_checks[name] = FileCheck.of(self.folder / name, head_size)

    def require_intact(self, name: str) -> None:
        """Check a file that will be rewritten: bad bytes must not get a good checksum."""
        assert self._current is not None
        path = self._path_now(name)
        if damage := self._current.files[name].damage(path):
            raise damaged(path, damage)

    def require_all_intact(self) -> None:
        """Check every file carried over so far, see `require_intact`."""
        for name in self._known_checks:
            self.require_intact(name)

    def checks(self) -> dict[str, FileCheck]:
        """Sync every staged file; return its size and checksums by name."""
        mode = (self.folder / DEAD_NAME).stat().st_mode
        checks: dict[str, FileCheck] = {}
        for path in sorted(self.folder.rglob("*")):
            if path.is_dir():
                continue
            if path.name in LOCK_FILES:
                path.unlink(missing_ok=True)
                continue
            name = path.relative_to(self.folder).as_posix()
            if name not in self._known_checks:
                # tantivy makes some files unreadable for other users.
                self._disk.set_mode(path, mode)
                self._disk.sync_file(path)
                self._known_checks[name] = FileCheck.of(path)
            checks[name] = self._known_checks[name]
        return checks

    def commit(self, manifest: Manifest) -> None:
        """Write the manifest and rename the folder into place.

        Raises IndexWriteError if only the sync after the renaming failed.
        """
        self._disk.write_bytes(self.folder / MANIFEST_NAME, manifest.to_bytes())
        self._disk.sync_tree(self.folder)
        target = generation_dir(self._index_dir, manifest.generation)
        try:
            self._disk.rename(self.folder, target)
        except OSError as error:
            if not target.exists():
                raise
            raise IndexWriteError(
                f"{self._index_dir}: written, but the disk did not confirm the write ({error.strerror}); "
                f"run: claimhound index verify --index {self._index_dir}"
            ) from error

    def remove_replaced(self, generation: int) -> None:
        """Remove every other generation and the vectors of interrupted builds; the next commit retries failures."""
        for number in generations(self._index_dir):
            if number != generation:
                with suppress(OSError):
                    self._disk.remove_tree(generation_dir(self._index_dir, number))
        with suppress(OSError):
            self._disk.remove_tree(encoded_dir(self._index_dir))

    def discard(self) -> None:
        """Remove the folder if possible."""
        with suppress(OSError):
            remove_folder(self.folder)

    def _path_now(self, name: str) -> Path:
        assert self._current is not None
        return generation_dir(self._index_dir, self._current.generation) / name
