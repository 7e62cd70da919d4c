"""Optional dependencies, which are installed as extras: `pip install "claimhound[report]"`."""

from __future__ import annotations

from importlib.util import find_spec

from claimhound.data.errors import InputError


def require(module: str, extra: str, purpose: str) -> None:
    """Raise InputError with the command that installs the extra if a module is not installed.

    Nothing is imported, so the check can come before long work.
    """
    try:
        is_installed = find_spec(module) is not None
    except ImportError:
        is_installed = False
    if not is_installed:
        raise InputError(f'{purpose}: needs {module}; pip install "claimhound[{extra}]"')
