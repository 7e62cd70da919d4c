"""Reading every committed byte of an index and saying which file changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from data.errors import IndexDamagedError
from indexes.durable import sha256_of
from indexes.layout import generation_dir, latest_generation
from indexes.manifest import MANIFEST_NAME, Manifest
from indexes.snapshot import IndexSnapshot


class Verification(NamedTuple):
    """What was found: `damaged` names each file whose bytes are not those that were committed, with the reason."""

    generation: int
    n_files: int
    n_bytes: int
    damaged: list[str]


def verify_index(index_dir: Path, on_file: Callable[[str, int], None] | None = None) -> Verification:
    """Compare every file of the newest generation with its checksum; `on_file` is told each name and size.

    Raises IndexMissingError if there is no index, IndexVersionError for one of another format version.
    """
    generation = latest_generation(index_dir)
    folder = generation_dir(index_dir, generation)
    try:
        manifest = Manifest.read(folder / MANIFEST_NAME)
    except FileNotFoundError:
        return Verification(generation, 0, 0, [f"{folder / MANIFEST_NAME}: missing"])
    except IndexDamagedError as error:
        return Verification(generation, 0, 0, [str(error)])
    damaged: list[str] = []
    for name, check in sorted(manifest.files.items()):
        path = folder / name
        if not path.is_file():
            damaged.append(f"{path}: missing")
        elif path.stat().st_size != check.size:
            damaged.append(f"{path}: {path.stat().st_size} bytes, committed with {check.size}")
        elif sha256_of(path) != check.sha256:
            damaged.append(f"{path}: its checksum does not match")
        if on_file is not None:
            on_file(name, check.size)
    if not damaged:
        try:
            IndexSnapshot(index_dir, generation, manifest)
        except IndexDamagedError as error:
            damaged.append(str(error))
    n_bytes = sum(check.size for check in manifest.files.values())
    return Verification(generation, len(manifest.files), n_bytes, damaged)
