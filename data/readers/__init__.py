"""Readers of what users bring: documents and claims from any source."""
