"""The layout of an index folder.

DIR/generation-000003/manifest.json    contents of the generation, with a checksum for each file
DIR/generation-000003/text/            a tantivy index
DIR/generation-000003/vectors/         FAISS segments, and the positions of dead vectors
DIR/staging/                           the next generation, until it is renamed into place
DIR/encoded/                           vectors of an interrupted build, by content
DIR/write.lock                         held by the one writer; write.lock.held if the file system has no locks
"""

from __future__ import annotations

import re
from pathlib import Path

from claimhound.data.errors import IndexMissingError, IndexUnusableError

TEXT_DIR = "text"
VECTOR_DIR = "vectors"
DEAD_FILE = "dead.npy"
_ENTRIES = frozenset(("staging", "encoded", "write.lock", "write.lock.held"))
_GENERATION = re.compile(r"generation-(\d{6,})")


def generation_dir(index_dir: Path, generation: int) -> Path:
    """Return the folder of a generation."""
    return index_dir / f"generation-{generation:06d}"


def staging_dir(index_dir: Path) -> Path:
    """Return the folder where a writer prepares the next generation."""
    return index_dir / "staging"


def encoded_dir(index_dir: Path) -> Path:
    """Return the folder where a build keeps its vectors until it commits."""
    return index_dir / "encoded"


def lock_path(index_dir: Path) -> Path:
    """Return the writer's lock file."""
    return index_dir / "write.lock"


def generations(index_dir: Path) -> list[int]:
    """Return the numbers of the generations in the folder, ascending.

    The newest is the current one. An older one is left over, perhaps in part, because a writer could not remove it.

    Raises IndexUnusableError if the folder cannot be read.
    """
    try:
        names = [path.name for path in index_dir.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise IndexUnusableError(f"{index_dir}: cannot be read ({error.strerror})") from error
    matches = (_GENERATION.fullmatch(name) for name in names)
    return sorted(int(match.group(1)) for match in matches if match)


def latest_generation(index_dir: Path) -> int:
    """Return the number of the newest generation.

    Raises IndexMissingError if there is none, IndexUnusableError if the folder cannot be read.
    """
    numbers = generations(index_dir)
    if numbers:
        return numbers[-1]
    if index_dir.is_file():
        raise IndexMissingError(f"{index_dir}: is a file; name the folder of an index")
    if not index_dir.exists():
        raise IndexMissingError(
            f"{index_dir}: no such folder; build one with: claimhound index build SOURCE --index {index_dir}"
        )
    raise IndexMissingError(
        f"{index_dir}: contains no finished index; build one with: claimhound index build SOURCE --index {index_dir}"
    )


def is_index_entry(path: Path) -> bool:
    """Return whether a path directly below an index folder belongs to an index."""
    return path.name in _ENTRIES or _GENERATION.fullmatch(path.name) is not None
