"""Readers of documents and claims, from any source."""
