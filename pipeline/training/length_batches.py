"""Batches of pairs of similar length for the trainers of sentence-transformers."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

_MEGA_BATCH = 50  # batches sorted by length together: enough for similar lengths, few enough to stay random


def length_grouped_batches(
    dataset: Any, batch_size: int, drop_last: bool, valid_label_columns: Any, generator: Any, seed: int
) -> Any:
    """Return a sampler that batches a data set's pairs, `query` and `text`, with little padding in each batch.

    The order of batches is random, by `seed` and epoch.
    """
    from sentence_transformers.base.sampler import DefaultBatchSampler

    lengths = [len(query) + len(text) for query, text in zip(dataset["query"], dataset["text"], strict=True)]

    class LengthGroupedBatchSampler(DefaultBatchSampler):
        def __iter__(self) -> Iterator[list[int]]:
            shuffler = random.Random(f"{seed}:{self.epoch}")
            order = list(range(len(lengths)))
            shuffler.shuffle(order)
            stride = batch_size * _MEGA_BATCH
            batches = []
            for start in range(0, len(order), stride):
                mega = sorted(order[start : start + stride], key=lambda row: lengths[row])
                batches += [mega[i : i + batch_size] for i in range(0, len(mega), batch_size)]
            shuffler.shuffle(batches)
            yield from batches

        def __len__(self) -> int:
            return math.ceil(len(lengths) / batch_size)

    return LengthGroupedBatchSampler(
        dataset,
        batch_size=batch_size,
        drop_last=drop_last,
        valid_label_columns=valid_label_columns,
        generator=generator,
        seed=seed,
    )
