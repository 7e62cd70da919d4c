"""What lives on disk: text with BM25, vectors, and one commit over both. Nothing here loads torch."""

from indexes.durable import Disk
from indexes.manifest import EncoderIdentity, Manifest
from indexes.memory import MemoryIndex
from indexes.snapshot import IndexSnapshot
from indexes.text import NO_CONDITIONS, Conditions
from indexes.verification import Verification, verify_index
from indexes.writer import IndexWriter

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
