"""The version and the command line, for records of how something was made."""

from __future__ import annotations

import shlex
import sys


def version() -> str:
    """Return the installed version, `unknown` if the package is not installed."""
    from importlib import metadata

    try:
        return metadata.version("claimhound")
    except metadata.PackageNotFoundError:
        return "unknown"


def command_line() -> str:
    """Return the command line as typed."""
    return shlex.join(["claimhound", *sys.argv[1:]])
