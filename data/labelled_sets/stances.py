"""Which way a piece of evidence points, and pairs that are labelled so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

Stance: TypeAlias = Literal["SUPPORTS", "REFUTES", "NOT_ENOUGH_INFO"]
STANCES: tuple[Stance, ...] = get_args(Stance)
"""In the order of every row of three probabilities."""


class StancePair(NamedTuple):
    """A claim, a piece of evidence, and which way that points; `pair_id` need not be unique."""

    pair_id: str
    claim: str
    text: str
    stance: Stance


@dataclass(frozen=True)
class StanceSet:
    """The pairs of one source under a short name.

    `tells_refuted` is False where the source tells only what supports from what does not: its other pairs are
    NOT_ENOUGH_INFO here, and some of them refute in truth.
    """

    name: str
    pairs: Sequence[StancePair]
    tells_refuted: bool = True
