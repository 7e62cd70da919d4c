"""Text analysis: from a text to the terms that BM25 counts."""
