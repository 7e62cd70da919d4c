"""Verification: every committed byte of an index against its checksum."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from claimhound.data.errors import IndexDamagedError
from claimhound.indexes.layout import generation_dir, latest_generation
from claimhound.indexes.manifest import MANIFEST_NAME, FileCheck, Manifest
from claimhound.indexes.snapshot import IndexSnapshot


class Verification(NamedTuple):
    """The outcome: `damaged` names each file whose bytes are not those committed, with the reason."""

    generation: int
    n_files: int
    n_bytes: int
    damaged: list[str]


def verify_index(index_dir: Path, on_file: Callable[[str, int], None] | None = None) -> Verification:
    """Compare every file of the newest generation with its checksum; `on_file` is called with each name and size.

    If a writer replaces the generation in the meantime, the new one is checked. Indexes of earlier versions can be
    verified too. Raises IndexMissingError if there is no index, IndexVersionError for an unreadable format.
    """
    while True:
        generation = latest_generation(index_dir)
        verification = _verify(index_dir, generation, on_file)
        if not verification.damaged or latest_generation(index_dir) == generation:
            return verification


def _verify(index_dir: Path, generation: int, on_file: Callable[[str, int], None] | None) -> Verification:
    folder = generation_dir(index_dir, generation)
    try:
        manifest = Manifest.read(folder / MANIFEST_NAME)
    except IndexDamagedError as error:
        return Verification(generation, 0, 0, [str(error)])
    except OSError as error:
        return Verification(generation, 0, 0, [_unreadable(folder / MANIFEST_NAME, error)])
    damaged: list[str] = []
    for name, check in sorted(manifest.files.items()):
        if damage := _damage(folder / name, check):
            damaged.append(damage)
        if on_file is not None:
            on_file(name, check.size)
    # An index of an earlier version cannot be opened; only its bytes can be checked.
    if not damaged and manifest.is_current:
        try:
            IndexSnapshot(index_dir, generation, manifest)
        except IndexDamagedError as error:
            damaged.append(str(error))
        except OSError as error:
            damaged.append(_unreadable(folder, error))
    n_bytes = sum(check.size for check in manifest.files.values())
    return Verification(generation, len(manifest.files), n_bytes, damaged)


def _damage(path: Path, check: FileCheck) -> str | None:
    try:
        damage = check.damage(path)
    except OSError as error:
        return _unreadable(path, error)
    return f"{path}: {damage}" if damage else None


def _unreadable(path: Path, error: OSError) -> str:
    return f"{path}: missing" if isinstance(error, FileNotFoundError) else f"{path}: cannot be read ({error.strerror})"
