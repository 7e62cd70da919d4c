"""Field names as people write them: in any case, with spaces or hyphens."""

from __future__ import annotations

from collections.abc import Iterable


def folded_name(name: str) -> str:
    """Return the name stripped, in lower case, with underscores for spaces and hyphens."""
    return name.strip().casefold().replace(" ", "_").replace("-", "_")


def matches(names: Iterable[str], fields: Iterable[str]) -> list[str]:
    """Return the fields that match any of the names, each once, in the order of the names.

    For each name, a field with exactly that name comes first.
    """
    there = list(fields)
    folded: dict[str, list[str]] = {}
    for field in there:
        folded.setdefault(folded_name(field), []).append(field)
    found: dict[str, None] = {}
    for name in names:
        if name in there:
            found.setdefault(name)
        for field in folded.get(folded_name(name), ()):
            found.setdefault(field)
    return list(found)
