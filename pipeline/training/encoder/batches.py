"""Batches for contrastive learning, in which no text that is relevant to a claim stands as another's.

In a batch every other entry's texts are negatives for a claim. The library's NO_DUPLICATES sampler keeps equal texts
apart, which covers a claim that stands twice and a positive that two claims share in the same batch; it does not know
that the passage of one entry was judged relevant for the claim of another as well, beside that claim's own passage
there. It also promises a number of batches that it does not always give, on which the schedule rests.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.data.text.normal_text import normalize_text

_TRIES = 50  # draws after which a claim is taken to have no stranger's passage that is not relevant to it, too


class ContrastiveEntry(NamedTuple):
    """A claim, a relevant passage and negatives; `source` is the number of the source that it comes from."""

    query: str
    positive: str
    negatives: tuple[str, ...]
    source: int


def contrastive_entries(
    sources: Sequence[Sequence[TrainingPair]], n_negatives: int, seed: int
) -> list[ContrastiveEntry]:
    """Return an entry for each distinct relevant passage (label from 0.5) of each claim, with `n_negatives` negatives.

    Claims and passages are compared as normalised texts. A source's negatives of a claim (label below 0.5) are dealt
    to its entries in turn, and again from the first when they are used up; a claim that has none gets passages of other
    claims. A passage that any source calls relevant for the claim is none of its negatives. Raises InputError where
    there is nothing to tell apart: fewer than two claims, or no negatives to be had.
    """
    relevant = relevant_texts(pair for pairs in sources for pair in pairs)
    if len(relevant) < 2:
        raise InputError(
            f"nothing to learn from: {len(relevant)} claims with relevant passages, and contrastive learning tells at "
            "least two apart"
        )
    drafts: list[tuple[ContrastiveEntry, str, int]] = []
    for number, pairs in enumerate(sources):
        claims: defaultdict[str, list[TrainingPair]] = defaultdict(list)
        for pair in pairs:
            claims[normalize_text(pair.query)].append(pair)
        for key, own in claims.items():
            positives = _distinct(pair.text for pair in own if pair.label >= 0.5)
            negatives = _distinct(
                pair.text for pair in own if pair.label < 0.5 and normalize_text(pair.text) not in relevant.get(key, ())
            )
            for place, positive in enumerate(positives):
                start = place * n_negatives
                dealt = [negatives[(start + i) % len(negatives)] for i in range(n_negatives)] if negatives else []
                entry = ContrastiveEntry(own[0].query, positive, tuple(dealt), number)
                drafts.append((entry, key, place))
    strangers = [entry.positive for entry, _, _ in drafts]
    entries = []
    for entry, key, place in drafts:
        if len(entry.negatives) == n_negatives:
            entries.append(entry)
            continue
        generator = random.Random(f"{seed}:{place}:{key}")
        drawn = (generator.choice(strangers) for _ in range(_TRIES * n_negatives))
        negatives = [text for text in drawn if normalize_text(text) not in relevant[key]][:n_negatives]
        if len(negatives) < n_negatives:
            raise InputError(
                f"nothing to learn from: no passage is without relevance to the claim {entry.query!r}, and "
                f"n_negatives is {n_negatives}"
            )
        entries.append(entry._replace(negatives=tuple(negatives)))
    return entries


def relevant_texts(pairs: Iterable[TrainingPair]) -> dict[str, set[str]]:
    """Return claim -> its relevant passages, all as normalised texts."""
    relevant: defaultdict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        if pair.label >= 0.5:
            relevant[normalize_text(pair.query)].add(normalize_text(pair.text))
    return dict(relevant)


def plan_batches(entries: Sequence[ContrastiveEntry], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Return the rows of the entries in batches for one epoch, every row once.

    A batch holds one source, so that what stands against a claim is of its own kind; no claim twice; and no entry any
    of whose texts is relevant to another's claim. Rows are shuffled by seed and epoch, and each goes to the first batch
    that takes it, so that batches are full but for a few, whose order is shuffled too.
    """
    keys = [normalize_text(entry.query) for entry in entries]
    texts = [frozenset(map(normalize_text, (entry.positive, *entry.negatives))) for entry in entries]
    relevant: defaultdict[str, set[str]] = defaultdict(set)
    for key, entry in zip(keys, entries, strict=True):
        relevant[key].add(normalize_text(entry.positive))
    shuffler = random.Random(f"{seed}:{epoch}")
    batches: list[list[int]] = []
    for source in sorted({entry.source for entry in entries}):
        rows = [row for row, entry in enumerate(entries) if entry.source == source]
        shuffler.shuffle(rows)
        open_batches: list[_OpenBatch] = []
        for row in rows:
            key = keys[row]
            taken = next((batch for batch in open_batches if batch.takes(key, texts[row], relevant[key])), None)
            if taken is None:
                taken = _OpenBatch()
                open_batches.append(taken)
            taken.add(row, key, texts[row], relevant[key])
            if len(taken.rows) == batch_size:
                open_batches.remove(taken)
                batches.append(taken.rows)
        batches += [batch.rows for batch in open_batches]
    shuffler.shuffle(batches)
    return batches


def batch_sampler(batches: Sequence[Sequence[int]]) -> Any:
    """Return what a trainer of sentence-transformers takes as `batch_sampler` and gives these batches, once.

    It can be written into a checkpoint, as trainers do.
    """
    return partial(_planned_sampler, batches)


def _planned_sampler(batches: Sequence[Sequence[int]], dataset: Any, **options: Any) -> Any:
    from sentence_transformers.base.sampler import DefaultBatchSampler

    class PlannedBatchSampler(DefaultBatchSampler):
        def __iter__(self) -> Iterator[list[int]]:
            return map(list, batches)

        def __len__(self) -> int:
            return len(batches)

    return PlannedBatchSampler(dataset, **options)


class _OpenBatch:
    """A batch that is being filled: its rows, its claims and texts, and what is relevant to its claims."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self._keys: set[str] = set()
        self._texts: set[str] = set()
        self._relevant: set[str] = set()

    def takes(self, key: str, texts: frozenset[str], relevant: set[str]) -> bool:
        return key not in self._keys and self._texts.isdisjoint(relevant) and self._relevant.isdisjoint(texts)

    def add(self, row: int, key: str, texts: frozenset[str], relevant: set[str]) -> None:
        self.rows.append(row)
        self._keys.add(key)
        self._texts |= texts
        self._relevant |= relevant


def _distinct(texts: Iterable[str]) -> list[str]:
    """Return the texts without those that are, normalised, like one before, and without those of no words."""
    first: dict[str, str] = {}
    for text in texts:
        first.setdefault(normalize_text(text), text)
    first.pop("", None)
    return list(first.values())
