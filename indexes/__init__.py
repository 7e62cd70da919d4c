"""What lives on disk: text with BM25, vectors, and one commit over both. Nothing here loads torch."""

from indexes.memory import MemoryIndex
from indexes.snapshot import IndexSnapshot
from indexes.verification import verify_index
from indexes.writer import IndexWriter

__all__ = ["IndexSnapshot", "IndexWriter", "MemoryIndex", "verify_index"]
