"""The user's cache folder, for converted models and file digests."""

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
    """Return the cache folder.

    It is the system's usual place for caches in the user's home. Without a writable home (a container, a service) it
    is a private folder in the system's temporary folder. XDG_CACHE_HOME overrides both, even if it cannot be used.

    Raises InputError if no place can be found.
    """
    try:
        usual = Path(platformdirs.user_cache_dir(_NAME))
    except RuntimeError:  # no HOME, and the user id is unknown to the system
        return _temporary_home() / _NAME
    # Relative paths are ignored: the XDG standard requires it, and a home is never relative.
    if Path(os.environ.get(_CHOSEN_BY, "")).is_absolute():
        return usual
    has_home = Path(os.environ.get("HOME", "/")).is_absolute() and usual.is_absolute()
    return usual if has_home and _is_writable(usual) else _temporary_home() / _NAME


def ensure_home() -> None:
    """Give this process and its children a home directory if there is none.

    OpenVINO and other libraries look for one on import and fail without it. Raises InputError as `cache_dir` does.
    """
    try:
        Path.home()
    except RuntimeError:
        # The cache folder must not move.
        if Path(os.environ.get(_CHOSEN_BY, "")).is_absolute():
            os.environ["HOME"] = str(cache_dir())
        else:
            os.environ["HOME"] = os.environ[_CHOSEN_BY] = str(_temporary_home())


def _is_writable(folder: Path) -> bool:
    """Create the folder if necessary; return whether this process may write in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _temporary_home() -> Path:
    """Return this user's folder inside the temporary folder.

    Raises InputError if another user owns a folder of that name, because its contents would be trusted.
    """
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"{_NAME}-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be created ({error.strerror}); set {_CHOSEN_BY} to a writable folder"
        ) from error
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and (found.st_uid != user or found.st_mode & 0o022)):
        raise InputError(f"{folder}: belongs to another user; set {_CHOSEN_BY} to a folder of your own")
    return folder
