"""Names of fields as people write them: in any case, with blanks or hyphens."""

from __future__ import annotations

from collections.abc import Iterable


def folded_name(name: str) -> str:
    """Return the name in lower case, without white space around it, its blanks and hyphens as underscores."""
    return name.strip().casefold().replace(" ", "_").replace("-", "_")


def first_match(names: Iterable[str], fields: Iterable[str]) -> str | None:
    """Return the field that the first of the names stands for; None where there is none for any.

    The names count in their order; for each, the field of just that name comes before those that differ in case.
    """
    return next(iter(matches(names, fields)), None)


def matches(names: Iterable[str], fields: Iterable[str]) -> list[str]:
    """Return the fields that any of the names stands for, each once, in the order of the names."""
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
