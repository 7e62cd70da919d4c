"""What a cross-encoder is and gives for pairs of texts: one row of logits a pair, whatever its number of labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import ModelError
from claimhound.pipeline.model_folders.batching import Batch, batches_by_length
from claimhound.pipeline.model_folders.layouts import read_cross_encoder_layout
from claimhound.pipeline.model_folders.tokenization import TextTokenizer
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.library_models import load_library_cross_encoder, slow_line
from claimhound.pipeline.serving.runtimes import NotConverted, Output, Runtime, open_runtime


class PairLogits(NamedTuple):
    """(n, labels) logits, and (n,) whether a pair was too long and cut."""

    logits: NDArray[np.float64]
    truncated: NDArray[np.bool_]


class PairReader(Protocol):
    """Computes the logits of pairs. `max_length` is in tokens, 0 where nothing limits it."""

    n_labels: int
    max_length: int

    @property
    def runtime_name(self) -> str:
        """What computes, for people."""

    def logits(self, pairs: Sequence[tuple[str, str]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return (n, labels) logits in the order of the pairs, and (n,) whether a pair was too long and cut."""


class TokenPairReader:
    """Pairs through a tokenizer and a runtime of our own, see `PairReader`."""

    def __init__(self, tokenizer: TextTokenizer, runtime: Runtime, n_labels: int) -> None:
        self.n_labels = n_labels
        self.max_length = tokenizer.max_length
        self._tokenizer = tokenizer
        self._runtime = runtime

    @property
    def runtime_name(self) -> str:
        """See `PairReader`."""
        return self._runtime.name

    def logits(self, pairs: Sequence[tuple[str, str]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """See `PairReader`."""
        tokens = self._tokenizer.tokenize(pairs)
        logits = np.zeros((len(tokens), self.n_labels), dtype=np.float64)

        def receive(batch: Batch, output: Output) -> None:
            logits[batch.rows] = output

        self._runtime.run(
            batches_by_length(tokens, self.max_length, longest_first=self._runtime.prefers_longest_first), receive
        )
        return logits, np.array([text.truncated for text in tokens], dtype=np.bool_)


class CrossEncoderModel:
    """What computes the logits of pairs, by name. A pair's are the same whatever other pairs are computed with it."""

    def __init__(self, name: str, weights_sha256: str, reader: PairReader) -> None:
        self.name = name
        self.weights_sha256 = weights_sha256
        self._reader = reader

    @property
    def runtime_name(self) -> str:
        """What computes, for people."""
        return self._reader.runtime_name

    @property
    def max_length(self) -> int:
        """How many tokens of a pair are read, 0 for all."""
        return self._reader.max_length

    def _pair_logits(self, pairs: Sequence[tuple[str, str]]) -> PairLogits:
        """Return the logits in the order of the pairs. A pair that stands several times is computed once.

        Raises ModelError if it gives no numbers (NaN).
        """
        distinct = {pair: row for row, pair in enumerate(dict.fromkeys(pairs))}
        logits, truncated = self._reader.logits(list(distinct))
        if not np.isfinite(logits).all():
            raise ModelError(f"{self.name}: gives NaN for some pairs; its weights or its precision are broken")
        rows = np.array([distinct[pair] for pair in pairs], dtype=np.int64)
        return PairLogits(logits[rows], truncated[rows])


def open_cross_encoder(
    folder: Path,
    compute: Compute,
    *,
    kind: str,
    max_length: int | None = None,
) -> PairReader:
    """Return what computes the logits of pairs: a runtime of our own, otherwise sentence-transformers.

    `max_length` limits the tokens read of a pair. `kind` names the model in messages to `compute.notify`. Raises
    ModelError if the model cannot be read, or brings its own code and that is not trusted.
    """
    layout = read_cross_encoder_layout(folder, trust_remote_code=compute.trust_remote_code)
    slow_because = layout.slow_because
    if layout.n_labels is not None and layout.max_length is not None:
        try:
            # Converted for its own length, whatever is read of a pair.
            runtime = open_runtime(folder, "cross-encoder", layout.max_length, compute)
        except NotConverted as error:
            slow_because = str(error)
        else:
            tokenizer = TextTokenizer(folder, min(layout.max_length, max_length or layout.max_length))
            return TokenPairReader(tokenizer, runtime, layout.n_labels)
    compute.notify(slow_line(kind, slow_because))
    return load_library_cross_encoder(folder, compute, max_length or layout.max_length)
