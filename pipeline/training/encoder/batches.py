"""Batches for contrastive learning without false negatives.

In a batch, the texts of all other entries are negatives for a claim. The library's NO_DUPLICATES sampler keeps equal
texts apart: a claim that occurs twice, or a positive shared by two claims. It does not know that one entry's passage
may also be relevant to another entry's claim, whose own positive is a different passage. It also announces a number of
batches, on which the schedule depends, that it does not always deliver.
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

_TRIES = 50  # draws after which all other claims' passages are assumed to be relevant to a claim


class ContrastiveEntry(NamedTuple):
    """A claim, a relevant passage and negatives, with the number of the source they come from."""

    query: str
    positive: str
    negatives: tuple[str, ...]
    source: int


def contrastive_entries(
    sources: Sequence[Sequence[TrainingPair]], n_negatives: int, seed: int
) -> list[ContrastiveEntry]:
    """Return an entry for each distinct relevant passage (label from 0.5) of each claim, with `n_negatives` negatives.

    Claims and passages are compared as normalised texts. A claim's negatives in a source (label below 0.5) are dealt to
    its entries in turn, starting over when they run out; a claim without negatives gets passages of other claims. A
    passage that any source calls relevant to the claim is never its negative. Raises InputError with fewer than two
    claims or without negatives to draw.
    """
    relevant = relevant_texts(pair for pairs in sources for pair in pairs)
    if len(relevant) < 2:
        raise InputError(
            f"nothing to learn from: {len(relevant)} claims with relevant passages; contrastive learning needs at "
            "least two"
        )
    drafts: list[tuple[ContrastiveEntry, str, int]] = []
    for number, pairs in enumerate(sources):
        claims: defaultdict[str, list[TrainingPair]] = defaultdict(list)
        for pair in pairs:
            claims[normalize_text(pair.query)].append(pair)
        for key, own in claims.items():
            positives = _distinct(pair.text for pair in own if pair.is_relevant)
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
                f"nothing to learn from: all passages are relevant to the claim {entry.query!r}, which needs "
                f"{n_negatives} negatives; set n_negatives to 0"
            )
        entries.append(entry._replace(negatives=tuple(negatives)))
    return entries


def relevant_texts(pairs: Iterable[TrainingPair]) -> dict[str, set[str]]:
    """Return claim -> relevant passages, all as normalised texts."""
    relevant: defaultdict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        if pair.is_relevant:
            relevant[normalize_text(pair.query)].add(normalize_text(pair.text))
    return dict(relevant)


def plan_batches(entries: Sequence[ContrastiveEntry], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Return the rows of the entries in batches for one epoch, every row once.

    A batch takes entries of one source, so a claim's negatives are of its own kind; no claim twice; and no entry with a
    text that is relevant to another entry's claim. Rows are shuffled by seed and epoch, and each goes to the first
    batch that takes it, which fills all but a few batches; the order of batches is shuffled too.
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
    """Return a `batch_sampler` for a trainer of sentence-transformers that yields these batches once.

    It can be pickled, as checkpoints require.
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
    """A batch being filled: its rows, its claims and texts, and the texts relevant to its claims."""

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
    """Return the first of each group of texts that are equal when normalised, without texts that have no words."""
    first: dict[str, str] = {}
    for text in texts:
        first.setdefault(normalize_text(text), text)
    first.pop("", None)
    return list(first.values())
