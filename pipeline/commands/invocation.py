"""What was called: the version and the command line, for a record of what was done."""

from __future__ import annotations

import shlex
import sys


def version() -> str:
    """Return the installed version, or that there is none."""
    from importlib import metadata

    try:
        return metadata.version("claimhound")
    except metadata.PackageNotFoundError:
        return "of a folder that is not installed"


def command_line() -> str:
    """Return the command as it was typed."""
    return shlex.join(["claimhound", *sys.argv[1:]])
