"""Damaging files in tests."""

from __future__ import annotations

from pathlib import Path


def put_bytes(path: Path, content: bytes | bytearray) -> None:
    """Replace the file by another one with that content.

    Writing into the file would truncate it first, and whoever has it mapped in this process (an index that another test
    opened, a compiled model) would be killed (SIGBUS) on reading a missing page.
    """
    other = path.with_name(path.name + ".other")
    other.write_bytes(content)
    other.replace(path)
