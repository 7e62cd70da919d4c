"""Digests that identify files and settings."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

_READ_BYTES = 1 << 20


def sha256_of(*paths: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes, or of several files joined."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(_READ_BYTES):
                digest.update(block)
    return digest.hexdigest()


def json_sha256(value: object) -> str:
    """Return the hexadecimal SHA-256 of a JSON value, regardless of key order.

    Raises TypeError for a value that JSON cannot represent.
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
