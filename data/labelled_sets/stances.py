"""Stances of evidence towards claims, and pairs labelled with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

Stance: TypeAlias = Literal["SUPPORTS", "REFUTES", "NOT_ENOUGH_INFO"]
STANCES: tuple[Stance, ...] = get_args(Stance)
"""In the order of the probabilities in every row."""

Side: TypeAlias = Literal["SUPPORTS", "REFUTES"]
SIDES: tuple[Side, ...] = get_args(Side)
Verdict: TypeAlias = Literal["SUPPORTS", "REFUTES", "DISPUTED", "NOT_ENOUGH_INFO"]
"""The stance of a claim's evidence as a whole; DISPUTED if it points both ways."""
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class StancePair(NamedTuple):
    """A claim, a piece of evidence and its stance; `pair_id` need not be unique.

    Pairs of one `group` belong on the same side of a split; without one, pairs of one claim do.
    """

    pair_id: str
    claim: str
    text: str
    stance: Stance
    group: str = ""


@dataclass(frozen=True)
class StanceSet:
    """The pairs of one source, with a short name.

    `tells_refuted` is False if the source only tells whether evidence supports: all other pairs are NOT_ENOUGH_INFO,
    although some of them refute.
    """

    name: str
    pairs: Sequence[StancePair]
    tells_refuted: bool = True
