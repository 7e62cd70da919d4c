"""Counts and lists in words."""

from __future__ import annotations


def counted(n: int, noun: str) -> str:
    """Return `1 claim`, `1,204 claims`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def first_few(items: list[str]) -> str:
    """Return the first five items, and how many more there are."""
    return ", ".join(items[:5]) + (f" and {len(items) - 5:,} more" if len(items) > 5 else "")
