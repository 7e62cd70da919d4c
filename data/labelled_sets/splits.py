"""Labelled data split by claim: every record of a claim lands on the same side.

Claims are compared as normalised text, so a claim that is repeated under another id or in other letters cannot be on
both sides.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import InputError
from claimhound.data.records import Query
from claimhound.data.text.normal_text import normalize_text

T = TypeVar("T")


def held_out_claims(claims: Iterable[str], share: float, seed: int) -> set[str]:
    """Return about `share` of the distinct claims, as normalised texts.

    Depends on the seed and the set of claims, not on their order. With two or more distinct claims and a share above 0
    at least one claim is held out, and never all. Raises ValueError for a share outside [0, 1).
    """
    if not 0 <= share < 1:
        raise ValueError(f"the validation share must lie in [0, 1), not {share}")
    texts = _shuffled(claims, seed)
    n_held_out = round(share * len(texts))
    if share > 0 and len(texts) > 1:
        n_held_out = min(max(n_held_out, 1), len(texts) - 1)
    return set(texts[:n_held_out])


def held_out_with_groups(members: Iterable[tuple[str, str]], share: float, seed: int) -> set[str]:
    """Return about `share` of the claims as `held_out_claims` does, with claims of one group on the same side.

    The members are claims, each with the name of its group, empty for none. Groups that share a claim are one.
    """
    leaders: dict[str, str] = {}

    def leader_of(claim: str) -> str:
        while leaders[claim] != claim:
            leaders[claim] = claim = leaders[leaders[claim]]
        return claim

    members_seen: dict[str, str] = {}
    for claim, group in members:
        text = normalize_text(claim)
        leaders.setdefault(text, text)
        if group:
            # The first in the alphabet leads, so that the order of the members does not matter.
            first, second = sorted(leader_of(one) for one in (text, members_seen.setdefault(group, text)))
            leaders[second] = first
    held_out = held_out_claims(map(leader_of, leaders), share, seed)
    return {claim for claim in leaders if normalize_text(leader_of(claim)) in held_out}


def without_claims(items: Iterable[T], claims: Iterable[str], claim_of: Callable[[T], str]) -> tuple[list[T], list[T]]:
    """Return the items whose claim is not among `claims`, and those whose claim is; each side keeps the given order."""
    excluded = {normalize_text(claim) for claim in claims}
    sides: tuple[list[T], list[T]] = [], []
    for item in items:
        sides[normalize_text(claim_of(item)) in excluded].append(item)
    return sides


def split_by_claim(queries: Sequence[Query], share: float, seed: int) -> tuple[list[Query], list[Query]]:
    """Return (training, validation) claims; about `share` of the distinct ones are in the second."""
    held_out = held_out_claims([query.text for query in queries], share, seed)
    return without_claims(queries, held_out, lambda query: query.text)


def claim_folds(claims: Sequence[Query], n_folds: int, seed: int) -> NDArray[np.int64]:
    """Return (n,) fold numbers, from 0; they depend on the seed and the set of claims, not on their order.

    Raises InputError if there are fewer distinct claims than folds.
    """
    (folds,) = folds_of_groups({"": claims}, n_folds, seed)
    return folds


def folds_of_groups(groups: Mapping[str, Sequence[Query]], n_folds: int, seed: int) -> list[NDArray[np.int64]]:
    """Return the (n,) fold numbers of each named group's claims, as `claim_folds` does.

    Each group is spread evenly over the folds. But a claim that an earlier group has too is in the same fold in both.
    Raises InputError, with the group's name, if a group has fewer distinct claims than folds.
    """
    fold_of: dict[str, int] = {}
    for name, claims in groups.items():
        texts = _shuffled((claim.text for claim in claims), seed)
        if len(texts) < n_folds:
            prefix = f"{name}: " if name else ""
            raise InputError(f"{prefix}{len(texts)} distinct judged claims are too few for {n_folds} folds")
        fold_of |= {text: number % n_folds for number, text in enumerate(t for t in texts if t not in fold_of)}
    return [
        np.array([fold_of[normalize_text(claim.text)] for claim in claims], dtype=np.int64)
        for claims in groups.values()
    ]


def _shuffled(claims: Iterable[str], seed: int) -> list[str]:
    """Return the distinct claims as normalised texts in random order."""
    texts = sorted({normalize_text(claim) for claim in claims})
    random.Random(seed).shuffle(texts)
    return texts
