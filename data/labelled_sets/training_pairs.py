"""Training pairs of relevance models: a claim, a passage and its relevance."""

from __future__ import annotations

from typing import NamedTuple


class TrainingPair(NamedTuple):
    """A claim and a passage with a label: 1 for relevant, 0 for not relevant, or a grade between them."""

    query_id: str
    query: str
    text: str
    label: float

    @property
    def is_relevant(self) -> bool:
        """Whether the grade is nearer to relevant."""
        return is_relevant(self.label)


def is_relevant(grade: float) -> bool:
    """Return whether a grade in [0, 1] is nearer to relevant."""
    return grade >= 0.5
