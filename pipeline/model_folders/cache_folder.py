"""The user's folder for what can be made again: converted models, and digests of files."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import platformdirs

from claimhound.data.errors import InputError

_NAME = "claimhound"
_CHOSEN_BY = "XDG_CACHE_HOME"


def cache_dir() -> Path:
    """Return the folder.

    It is the system's place for caches below the user's home. Without a home that can be written (a container, a
    service) it is a folder of this user's alone below the system's temporary one. A folder that the user chose by
    XDG_CACHE_HOME is taken as it is, whether it can be used or not.

    Raises InputError where there is no place.
    """
    try:
        usual = Path(platformdirs.user_cache_dir(_NAME))
    except RuntimeError:  # no home, and nobody of this user's number to have one
        return _temporary_home() / _NAME
    # Relative paths are passed over: the standard says so of XDG_CACHE_HOME, and no home is relative.
    if Path(os.environ.get(_CHOSEN_BY, "")).is_absolute():
        return usual
    has_home = Path(os.environ.get("HOME", "/")).is_absolute() and usual.is_absolute()
    return usual if has_home and _is_writable(usual) else _temporary_home() / _NAME


def ensure_home() -> None:
    """Give this process, and those that it starts, a home directory where it has none.

    OpenVINO and others ask for one when they are imported, and end there. Raises InputError as `cache_dir` does.
    """
    try:
        Path.home()
    except RuntimeError:
        # The cache stays where it is.
        if Path(os.environ.get(_CHOSEN_BY, "")).is_absolute():
            os.environ["HOME"] = str(cache_dir())
        else:
            os.environ["HOME"] = os.environ[_CHOSEN_BY] = str(_temporary_home())


def _is_writable(folder: Path) -> bool:
    """Make the folder if it is not there, and tell whether this process may write in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _temporary_home() -> Path:
    """Return this user's folder below the temporary one.

    Raises InputError if somebody else has one of that name: what lies there would be believed.
    """
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"{_NAME}-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be made ({error.strerror}); set {_CHOSEN_BY} to a folder that can"
        ) from error
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and (found.st_uid != user or found.st_mode & 0o022)):
        raise InputError(f"{folder}: belongs to somebody else; set {_CHOSEN_BY} to a folder of your own")
    return folder
