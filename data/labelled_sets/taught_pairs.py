"""Pairs with the logits of a teacher: the file that `claimhound teach` writes and training reads.

JSON Lines, one pair a line, with its own labels where it has any:

    {"claim": "…", "evidence": "…", "relevance": 1.0, "stance": "REFUTES", "teacher": [1.9, -2.1, 3.0, -0.4]}

`teacher` holds the teacher's logits in the order of HEADS: RELEVANT, then the stances.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.entries import Entry, locate_labelled, read_entries
from claimhound.data.labelled_sets.stances import STANCES, Stance, StancePair
from claimhound.data.labelled_sets.training_pairs import TrainingPair

HEADS = ("RELEVANT", *STANCES)
"""The outputs of a model with two heads, in the order that ours have."""

Logits: TypeAlias = tuple[float, ...]


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


def of_relevance(pair: TrainingPair) -> TaughtPair:
    """Return a pair with its relevance."""
    return TaughtPair(pair.query, pair.text, relevance=pair.label)


def of_stance(pair: StancePair) -> TaughtPair:
    """Return a pair with its stance."""
    return TaughtPair(pair.claim, pair.text, stance=pair.stance, group=pair.group)


def write_taught_pairs(pairs: Iterable[TaughtPair], path: Path) -> None:
    """Write the pairs in one atomic step; raises InputError if the file cannot be written."""
    with write_atomically(path) as file:
        for pair in pairs:
            record = {
                "claim": pair.claim,
                "evidence": pair.text,
                "relevance": pair.relevance,
                "stance": pair.stance,
                "teacher": pair.teacher and [round(logit, 4) for logit in pair.teacher],
                "group": pair.group or None,
            }
            given = {name: value for name, value in record.items() if value is not None}
            file.write(json.dumps(given, ensure_ascii=False) + "\n")


def read_taught_pairs(path: Path) -> list[TaughtPair]:
    """Return the pairs of a file, in its order.

    Raises RecordError for a bad line, one without the teacher's logits included, and InputError for an empty file.
    """
    pairs = [_pair(entry) for entry in read_entries(locate_labelled(path))]
    if not pairs:
        raise InputError(f"{path}: contains no pair; 'claimhound teach' writes such files")
    return pairs


def _pair(entry: Entry) -> TaughtPair:
    teacher = entry.list("teacher")
    logits = tuple(_numbers(teacher))
    if len(logits) != len(HEADS) or len(teacher) != len(HEADS):
        raise entry.error(
            f"has no list of {len(HEADS)} logits ({', '.join(HEADS)}) in field 'teacher'; 'claimhound teach' writes it"
        )
    relevance = next(_numbers([entry.fields.get("relevance")]), None)
    if relevance is not None and not 0 <= relevance <= 1:
        raise entry.error(f"'relevance' must be a number in [0, 1], not {relevance!r}")
    stance = entry.label({stance: stance for stance in STANCES}, "stance") if "stance" in entry.fields else None
    group = entry.fields.get("group")
    return TaughtPair(
        entry.text("claim"),
        entry.text("evidence"),
        relevance,
        stance,
        logits,
        group if isinstance(group, str) else "",
    )


def _numbers(values: Iterable[object]) -> Iterator[float]:
    """Yield the finite numbers among the values."""
    for value in values:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield float(value)
