"""Training pairs of relevance models: a claim, a passage and its relevance."""

from __future__ import annotations

from typing import NamedTuple


class TrainingPair(NamedTuple):
    """A claim and a passage with a label: 1 for relevant, 0 for not relevant, or a grade between them."""

    query_id: str
    query: str
    text: str
    label: float
