"""Equal scores made equal, so that a ranking does not depend on how an index came to be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

Found: TypeAlias = list[tuple[int, float]]
"""Positions with their scores."""

_NOISE = 1e-6
# Tied documents are read to order them by id: beyond this many, those of the lowest positions stand for the others.
_MOST_TIED = 256


def least_tied(score: float, digits: int) -> float:
    """Return the score that is just too low to tie with this one as the best of a group."""
    return score - max(10.0**-digits, _NOISE * abs(score))


def level(found: Iterable[tuple[int, float]], k: int, digits: int) -> Found:
    """Return the k best and all that tie with the last of them, best first, with one score for all that tie.

    Scores tie if they are less than one unit of the last of `digits` decimals below the best of their group, or, where
    they are large, than a millionth of it: what is finer is the noise of float32 sums, which tantivy adds in a varying
    order. Rounding alone would part equal sums that come to lie on either side of a boundary.
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
