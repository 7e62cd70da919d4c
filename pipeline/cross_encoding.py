"""What a cross-encoder gives for pairs of texts: one row of logits a pair, whatever its number of labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.errors import ModelError
from pipeline.batching import Batch, batches_by_length
from pipeline.runtimes import Output, Runtime
from pipeline.tokenization import TextTokenizer


class PairLogits(NamedTuple):
    """(n, labels) logits, and (n,) whether a pair was too long and cut."""

    logits: NDArray[np.float64]
    truncated: NDArray[np.bool_]


def pair_logits(
    name: str, tokenizer: TextTokenizer, runtime: Runtime, pairs: Sequence[tuple[str, str]], n_labels: int
) -> PairLogits:
    """Return the logits in the order of the pairs. A pair that stands several times is computed once.

    Raises ModelError, with the model's `name`, if it gives no numbers (NaN).
    """
    distinct = {pair: row for row, pair in enumerate(dict.fromkeys(pairs))}
    tokens = tokenizer.tokenize(list(distinct))
    logits = np.zeros((len(tokens), n_labels), dtype=np.float64)

    def receive(batch: Batch, output: Output) -> None:
        logits[batch.rows] = output

    batches = batches_by_length(tokens, tokenizer.max_length, longest_first=runtime.prefers_longest_first)
    runtime.run(batches, receive)
    if not np.isfinite(logits).all():
        raise ModelError(f"{name}: gives NaN for some pairs; its weights or its precision are broken")
    truncated = np.array([text.truncated for text in tokens], dtype=np.bool_)
    rows = np.array([distinct[pair] for pair in pairs], dtype=np.int64)
    return PairLogits(logits[rows], truncated[rows])
