"""Indexes as other versions of the program wrote them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from claimhound.indexes.layout import generation_dir, latest_generation
from claimhound.indexes.manifest import MANIFEST_NAME, Manifest
from tests.damage import put_bytes


def change_manifest(index_dir: Path, **changes: Any) -> Manifest:
    """Change values in the newest generation's manifest, with a valid checksum; return the manifest."""
    path = generation_dir(index_dir, latest_generation(index_dir)) / MANIFEST_NAME
    put_bytes(path, replace(Manifest.read(path), **changes).to_bytes())
    return Manifest.read(path)


def make_format_1(index_dir: Path) -> Manifest:
    """Give an index a manifest of format 1; return it."""
    return change_manifest(index_dir, format_version=1)


def make_format_2(index_dir: Path) -> Manifest:
    """Give an index a manifest of format 2; return it."""
    return change_manifest(index_dir, format_version=2)
