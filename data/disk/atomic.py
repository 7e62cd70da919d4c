"""Files that appear whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from claimhound.data.disk.file_systems import sync_file
from claimhound.data.errors import InputError


def require_writable(path: Path) -> None:
    """Raise InputError if `write_atomically` could not write the file; call it before the work."""
    try:
        target = path.resolve()
        if target.is_dir():
            raise InputError(f"{path}: is a folder, not a file; name a file to write")
        if target.exists() and not target.is_file():
            return
        if not target.parent.is_dir():
            raise InputError(f"{path}: cannot be written: there is no folder {target.parent}")
        require_writable_folder(target.parent)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        raise InputError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from error


def require_writable_folder(folder: Path) -> None:
    """Raise OSError if no file can be written in a folder; this writes a file, as permissions alone do not tell."""
    trial = folder / f".{secrets.token_hex(8)}.part"
    try:
        trial.write_bytes(b"\n")
    finally:
        trial.unlink(missing_ok=True)


@contextmanager
def write_atomically(path: Path) -> Iterator[TextIO]:
    """Yield a UTF-8 text file with LF line ends that replaces `path` when the block succeeds.

    Until then the old file stays readable; if the block raises, it stays and nothing else is left behind. Links are
    followed. A path that is not a regular file (a pipe, /dev/stdout) is written directly. Raises InputError if the file
    cannot be written, and for any OSError in the block.
    """
    try:
        target = path.resolve()
        if target.exists() and not target.is_file() and not target.is_dir():
            with target.open("w", encoding="utf-8", newline="\n") as file:
                yield file
            return
        if target.is_dir():
            raise InputError(f"{path}: is a folder, not a file; name a file to write")
        part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
        try:
            with part.open("x", encoding="utf-8", newline="\n") as file:
                yield file
                file.flush()
                sync_file(file.fileno())
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
