"""The index on disk: text with BM25, vectors, and one commit for both. Nothing here loads torch."""

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
