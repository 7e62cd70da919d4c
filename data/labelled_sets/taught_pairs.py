"""Pairs with the logits of a teacher: the file that `claimhound teach` writes and training reads.

JSON Lines, one pair a line, with its own labels where it has any:

    {"claim": "…", "evidence": "…", "relevance": 1.0, "stance": "REFUTES", "teacher": [1.9, -2.1, 3.0, -0.4]}

`teacher` holds the teacher's logits in the order of HEADS: RELEVANT, then the stances.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeGuard

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.entries import Entry, locate_labelled, read_entries
from claimhound.data.labelled_sets.stances import STANCES, Stance, StancePair
from claimhound.data.labelled_sets.training_pairs import TrainingPair, is_relevant

HEADS = ("RELEVANT", *STANCES)
"""The outputs of a model with two heads, in the order that ours have."""

Logits: TypeAlias = tuple[float, ...]

_LOGIT_DIGITS = 4


class TaughtPair(NamedTuple):
    """A claim and a passage with what is known of them.

    `relevance` lies in [0, 1], and `teacher` holds the logits of HEADS; None for what is not known. Pairs of one
    `group` belong on the same side of a split; without one, pairs of one claim do.
    """

    claim: str
    text: str
    relevance: float | None = None
    stance: Stance | None = None
    teacher: Logits | None = None
    group: str = ""

    @property
    def is_relevant(self) -> bool | None:
        """Whether its own label is nearer to relevant, None without one."""
        return None if self.relevance is None else is_relevant(self.relevance)


def of_relevance(pair: TrainingPair) -> TaughtPair:
    """Return a pair with its relevance."""
    return TaughtPair(pair.query, pair.text, relevance=pair.label)


def of_stance(pair: StancePair) -> TaughtPair:
    """Return a pair with its stance."""
    return TaughtPair(pair.claim, pair.text, stance=pair.stance, group=pair.group)


def write_taught_pairs(pairs: Iterable[TaughtPair], path: Path) -> None:
    """Write the pairs in one atomic step, their logits to four digits.

    Raises InputError if the file cannot be written, and ValueError for a number that is not finite.
    """
    with write_atomically(path) as file:
        for pair in pairs:
            record = {
                "claim": pair.claim,
                "evidence": pair.text,
                "relevance": pair.relevance,
                "stance": pair.stance,
                "teacher": pair.teacher and [round(logit, _LOGIT_DIGITS) for logit in pair.teacher],
                "group": pair.group or None,
            }
            given = {name: value for name, value in record.items() if value is not None}
            file.write(json.dumps(given, ensure_ascii=False, allow_nan=False) + "\n")


def read_taught_pairs(path: Path) -> list[TaughtPair]:
    """Return the pairs of a file, in its order.

    Raises RecordError for a bad line, one without the teacher's logits included, and InputError for an empty file.
    """
    pairs = [_pair(entry) for entry in read_entries(locate_labelled(path))]
    if not pairs:
        raise InputError(f"{path}: contains no pair; 'claimhound teach' writes such files")
    return pairs


def joined(pairs: Iterable[TaughtPair]) -> list[TaughtPair]:
    """Return the pairs in their order; those with the same claim and text become one that knows what any of them knows.

    Pairs that disagree, such as one that is relevant and one that is not, stay apart.
    """
    kept: dict[tuple[str, str, int], TaughtPair] = {}
    for pair in pairs:
        version, both = 0, pair
        while (other := kept.get((pair.claim, pair.text, version))) is not None:
            if (union := _union(other, pair)) is not None:
                both = union
                break
            version += 1
        kept[pair.claim, pair.text, version] = both
    return list(kept.values())


def _union(first: TaughtPair, second: TaughtPair) -> TaughtPair | None:
    """Return a pair that knows what either knows, None if they disagree."""
    known = first._replace(
        **{
            field: value
            for field, value in second._asdict().items()
            if getattr(first, field) in (None, "") and value is not None
        }
    )
    disagree = any(mine not in (None, "") and mine != both for mine, both in zip(second, known, strict=True))
    return None if disagree else known


def _pair(entry: Entry) -> TaughtPair:
    relevance = entry.fields.get("relevance")
    if relevance is not None and not (_is_number(relevance) and 0 <= relevance <= 1):
        raise entry.error(f"'relevance' must be a number in [0, 1], not {relevance!r}")
    has_stance = entry.fields.get("stance") is not None
    return TaughtPair(
        entry.text("claim"),
        entry.text("evidence"),
        None if relevance is None else float(relevance),
        entry.label({stance: stance for stance in STANCES}, "stance") if has_stance else None,
        _logits(entry),
        entry.identifier("group"),
    )


def _logits(entry: Entry) -> Logits:
    given = entry.fields.get("teacher")
    if isinstance(given, list) and len(given) == len(HEADS):
        logits = tuple(float(value) for value in given if _is_number(value))
        if len(logits) == len(HEADS):
            return logits
    raise entry.error(
        f"has no list of {len(HEADS)} logits ({', '.join(HEADS)}) in field 'teacher'; 'claimhound teach' writes it"
    )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
