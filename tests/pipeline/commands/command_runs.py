"""The two ways tests run the command line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from click.testing import Result

Invoke = Callable[..., Result]
"""Runs a command in this process."""

Child = Callable[..., "subprocess.Popen[bytes]"]
"""Starts a command as a child process."""
