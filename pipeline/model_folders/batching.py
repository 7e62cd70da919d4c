"""Batches of texts of similar length, with little padding; a text's padding depends on that text alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Tokens: TypeAlias = NDArray[np.int64]

# A text's padded length depends on the text alone, so its result cannot depend on its neighbours in a batch.
# Widening steps keep the number of lengths low: each new shape costs OpenVINO milliseconds and megabytes.
_PADDING_STEPS = ((64, 8), (128, 16), (1 << 30, 32))
# On two cores, 1,024 to 8,192 tokens per batch differ by less than the noise.
TOKENS_PER_BATCH = 2048


class TokenizedText(NamedTuple):
    """The token ids of a text or a pair of texts."""

    ids: list[int]
    type_ids: list[int]
    truncated: bool


class Batch(NamedTuple):
    """Texts padded to one length; `rows` are their positions in the input. Arrays are (rows, tokens)."""

    rows: list[int]
    input_ids: Tokens
    attention_mask: Tokens
    token_type_ids: Tokens


def batches_by_length(
    texts: Sequence[TokenizedText],
    max_length: int,
    *,
    tokens_per_batch: int = TOKENS_PER_BATCH,
    longest_first: bool = False,
) -> Iterator[Batch]:
    """Yield every text once, batched with texts of similar length and padded to at most `max_length`.

    With `longest_first` an accelerator runs out of memory immediately or not at all.
    """
    buckets: defaultdict[int, list[int]] = defaultdict(list)
    for row, text in enumerate(texts):
        buckets[_padded_length(len(text.ids), max_length)].append(row)
    for length in sorted(buckets, reverse=longest_first):
        rows = buckets[length]
        start = 0
        while start < len(rows):
            n_rows = _power_of_two_below(min(len(rows) - start, max(1, tokens_per_batch // length)))
            yield _batch(texts, rows[start : start + n_rows], length)
            start += n_rows


def _power_of_two_below(n: int) -> int:
    """Return the largest power of two that is at most n, so a long job has few distinct batch shapes.

    OpenVINO keeps about 2 MB per shape forever; with arbitrary row counts that grew to gigabytes in a long build.
    """
    return 1 << (n.bit_length() - 1)


def _padded_length(n_tokens: int, max_length: int) -> int:
    step = next(step for up_to, step in _PADDING_STEPS if n_tokens <= up_to)
    multiple = -(-max(n_tokens, 1) // step) * step
    # A model has no positions beyond its maximum, which need not be a multiple of the step.
    return max(min(multiple, max_length), n_tokens)


def _batch(texts: Sequence[TokenizedText], rows: list[int], length: int) -> Batch:
    input_ids, attention_mask, token_type_ids = (np.zeros((len(rows), length), dtype=np.int64) for _ in range(3))
    for number, row in enumerate(rows):
        text = texts[row]
        n = len(text.ids)
        input_ids[number, :n] = text.ids
        attention_mask[number, :n] = 1
        token_type_ids[number, :n] = text.type_ids
    return Batch(rows, input_ids, attention_mask, token_type_ids)


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """Split a batch of at least two rows in two."""
    middle = len(batch.rows) // 2
    return _part(batch, slice(None, middle)), _part(batch, slice(middle, None))


def _part(batch: Batch, rows: slice) -> Batch:
    return Batch(batch.rows[rows], batch.input_ids[rows], batch.attention_mask[rows], batch.token_type_ids[rows])
