"""Text analysis: the terms of a text that BM25 counts."""
