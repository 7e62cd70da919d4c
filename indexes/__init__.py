"""The index on disk: text with BM25, vectors, and one commit for both. Nothing here loads torch.

Names are loaded on first use: a client of a server needs conditions and terms, but neither faiss nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claimhound.indexes.conditions import NO_CONDITIONS, Conditions
    from claimhound.indexes.durable import Disk
    from claimhound.indexes.manifest import EncoderIdentity, Manifest
    from claimhound.indexes.memory import MemoryIndex
    from claimhound.indexes.snapshot import IndexSnapshot
    from claimhound.indexes.verification import Verification, verify_index
    from claimhound.indexes.writer import IndexWriter

__all__ = [
    "NO_CONDITIONS",
    "Conditions",
    "Disk",
    "EncoderIdentity",
    "IndexSnapshot",
    "IndexWriter",
    "Manifest",
    "MemoryIndex",
    "Verification",
    "verify_index",
]

_HOMES = {
    "conditions": ("NO_CONDITIONS", "Conditions"),
    "durable": ("Disk",),
    "manifest": ("EncoderIdentity", "Manifest"),
    "memory": ("MemoryIndex",),
    "snapshot": ("IndexSnapshot",),
    "verification": ("Verification", "verify_index"),
    "writer": ("IndexWriter",),
}


def __getattr__(name: str) -> object:
    """Load a name from the module where it lives."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"claimhound.indexes.{home}"), name)
    raise AttributeError(f"module 'claimhound.indexes' has no attribute {name!r}")
