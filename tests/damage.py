"""Harm done to files by tests."""

from __future__ import annotations

from pathlib import Path


def put_bytes(path: Path, content: bytes | bytearray) -> None:
    """Put another file of that content in the file's place.

    Writing into the file would cut it short first, and what has it mapped in this process (an index that another test
    opened, a compiled model) would be killed by the system (SIGBUS) on reading a page that is gone.
    """
    other = path.with_name(path.name + ".other")
    other.write_bytes(content)
    other.replace(path)
