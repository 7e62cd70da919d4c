"""Records of a job in batches, the same batches each time the job is started."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from claimhound.data.errors import RecordError
from claimhound.data.records import Query

# Questions whose place is remembered, to search repeated ones only once: about 10 MB.
_REMEMBERED_TEXTS = 1 << 15
# A batch of repeated claims has nothing to search, and must end somewhere.
_MOST_ITEMS = 16


class Question(NamedTuple):
    """The search for a claim: its text, in documents dated before a day (`YYYY-MM-DD`), None for all documents."""

    text: str
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a claim is: the number of its batch, and its number in the batch, both from 0."""

    batch: int
    claim: int


@dataclass(slots=True)
class Batch:
    """Consecutive records. `questions` has the question of each claim, `same_as` the first place with that question.

    For a claim to be searched that is its own place; for others it may be in an earlier batch.
    """

    number: int
    claims: list[Query] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    same_as: list[Place] = field(default_factory=list)
    bad: list[RecordError] = field(default_factory=list)

    @property
    def n_items(self) -> int:
        """The number of records, good and bad."""
        return len(self.claims) + len(self.bad)

    def new_questions(self) -> list[Question]:
        """Return the questions to search, in order."""
        return [
            question
            for place, (question, first) in enumerate(zip(self.questions, self.same_as, strict=True))
            if first == Place(self.number, place)
        ]


def form_batches(
    items: Iterable[Query | RecordError],
    n_new: int,
    *,
    before: Callable[[Query], str | None] = lambda _claim: None,
    remembered: int = _REMEMBERED_TEXTS,
) -> Iterator[Batch]:
    """Yield all records in batches with `n_new` claims whose question is not among the last `remembered` distinct ones.

    `before` returns the day of a claim's question. A batch also ends after 16 times `n_new` records. The batches depend
    only on the records, their days and these numbers.
    """
    places: OrderedDict[bytes, Place] = OrderedDict()
    batch = Batch(0)
    n_found = 0
    for item in items:
        if isinstance(item, RecordError):
            batch.bad.append(item)
        else:
            question = Question(item.text, before(item))
            key = hashlib.blake2b(f"{question.before}\n{question.text}".encode(), digest_size=16).digest()
            here = Place(batch.number, len(batch.claims))
            first = places.setdefault(key, here)
            if first == here:
                n_found += 1
                if len(places) > remembered:
                    places.popitem(last=False)
            batch.claims.append(item)
            batch.questions.append(question)
            batch.same_as.append(first)
        if n_found == n_new or batch.n_items == _MOST_ITEMS * n_new:
            yield batch
            batch, n_found = Batch(batch.number + 1), 0
    if batch.n_items:
        yield batch
