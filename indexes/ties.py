"""Ties between scores that differ only by noise: rankings must not depend on how an index was built."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

Found: TypeAlias = list[tuple[int, float]]
"""Positions with their scores."""

ASK_MORE = 16
"""Hits to ask for beyond k: more than usually tie at the end."""
ASK_GROWTH = 8
"""The factor for asking again if they do not cover the ties."""

_NOISE = 1e-6
# Tied documents are read to order them by id; beyond this many, only those at the lowest positions.
_MOST_TIED = 256


def least_tied(score: float, digits: int) -> float:
    """Return the highest score that no longer ties with this one, the best of its group."""
    return score - max(10.0**-digits, _NOISE * abs(score))


def level(found: Iterable[tuple[int, float]], k: int, digits: int) -> Found:
    """Return the k best and all that tie with the last of them, best first, with one score for each group of ties.

    Scores tie if they are less than one unit of the last of `digits` decimals below the best of their group, or, if
    they are large, less than a millionth of it. Finer differences are noise of float32 sums, which tantivy adds in
    varying order. Rounding alone would separate equal sums on either side of a rounding boundary.
    """
    levelled: Found = []
    best: float | None = None
    tied = 0.0
    for position, score in sorted(found, key=lambda hit: (-hit[1], hit[0])):
        if best is None or score <= least_tied(best, digits):
            if len(levelled) >= k:
                break
            best, tied = score, round(score, digits)
        levelled.append((position, tied))
    if len(levelled) > k + _MOST_TIED:
        group = sorted(hit for hit in levelled if hit[1] == tied)
        levelled = levelled[: -len(group)] + group[: k + _MOST_TIED - (len(levelled) - len(group))]
    return levelled
