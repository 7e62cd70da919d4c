"""What a cross-encoder is and gives for pairs of texts: one row of logits a pair, whatever its number of labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.errors import ModelError
from pipeline.batching import Batch, batches_by_length
from pipeline.config import Compute
from pipeline.model_files import n_positions
from pipeline.runtimes import Output, Runtime, open_runtime
from pipeline.tokenization import TextTokenizer

MAX_LENGTH = 256


class PairLogits(NamedTuple):
    """(n, labels) logits, and (n,) whether a pair was too long and cut."""

    logits: NDArray[np.float64]
    truncated: NDArray[np.bool_]


class CrossEncoderModel:
    """What computes the logits of pairs, by name. A pair's are the same whatever other pairs are computed with it."""

    def __init__(self, name: str, weights_sha256: str, tokenizer: TextTokenizer, runtime: Runtime) -> None:
        self.name = name
        self.weights_sha256 = weights_sha256
        self._tokenizer = tokenizer
        self._runtime = runtime

    @property
    def runtime_name(self) -> str:
        """What computes, for people."""
        return self._runtime.name

    def logits_of(self, pairs: Sequence[tuple[str, str]], n_labels: int) -> PairLogits:
        """Return the logits in the order of the pairs. A pair that stands several times is computed once.

        Raises ModelError if it gives no numbers (NaN).
        """
        distinct = {pair: row for row, pair in enumerate(dict.fromkeys(pairs))}
        tokens = self._tokenizer.tokenize(list(distinct))
        logits = np.zeros((len(tokens), n_labels), dtype=np.float64)

        def receive(batch: Batch, output: Output) -> None:
            logits[batch.rows] = output

        batches = batches_by_length(
            tokens, self._tokenizer.max_length, longest_first=self._runtime.prefers_longest_first
        )
        self._runtime.run(batches, receive)
        if not np.isfinite(logits).all():
            raise ModelError(f"{self.name}: gives NaN for some pairs; its weights or its precision are broken")
        truncated = np.array([text.truncated for text in tokens], dtype=np.bool_)
        rows = np.array([distinct[pair] for pair in pairs], dtype=np.int64)
        return PairLogits(logits[rows], truncated[rows])


def open_cross_encoder(
    folder: Path,
    config: Mapping[str, object],
    compute: Compute,
    *,
    on_start: Callable[[str], None] | None,
) -> tuple[TextTokenizer, Runtime]:
    """Return what turns pairs into tokens and these into logits; `config` is the folder's config.json.

    Raises ModelError if the model cannot be read.
    """
    max_length = pair_length(config)
    tokenizer = TextTokenizer(folder, max_length)
    return tokenizer, open_runtime(folder, "cross-encoder", max_length, compute, on_start=on_start)


def pair_length(config: Mapping[str, object]) -> int:
    """Return how many tokens of a pair are read."""
    return min(MAX_LENGTH, n_positions(config) or MAX_LENGTH)
