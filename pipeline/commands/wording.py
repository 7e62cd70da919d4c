"""Numbers and lists in words, the same in all commands."""

from __future__ import annotations


def counted(n: int, noun: str) -> str:
    """Return `1 claim`, `1,204 claims`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def first_few(items: list[str], n: int = 5) -> str:
    """Return the first n items, and how many more there are."""
    return ", ".join(items[:n]) + (f" and {len(items) - n:,} more" if len(items) > n else "")
