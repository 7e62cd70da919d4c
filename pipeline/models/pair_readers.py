"""Readers of text pairs: one row of logits per pair, for any labels."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from claimhound.pipeline.model_folders.batching import Batch, batches_by_length
from claimhound.pipeline.model_folders.layouts import read_cross_encoder_layout
from claimhound.pipeline.model_folders.tokenization import TextTokenizer
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.library_loading import load_library_cross_encoder, slow_line
from claimhound.pipeline.serving.opening import open_runtime
from claimhound.pipeline.serving.openvino_runtime import NotConverted
from claimhound.pipeline.serving.runtime import Output, Runtime

Pair: TypeAlias = tuple[str, str]


class PairLogits(NamedTuple):
    """(n, labels) logits, and (n,) flags for pairs that were too long and cut."""

    logits: NDArray[np.float64]
    truncated: NDArray[np.bool_]


class PairReader(Protocol):
    """Computes the logits of pairs. `max_length` is in tokens, 0 for no limit."""

    n_labels: int
    max_length: int

    @property
    def runtime_name(self) -> str:
        """Human-readable name of the runtime."""

    def logits(self, pairs: Sequence[Pair]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return (n, labels) logits in the order of the pairs, and (n,) flags for pairs that were cut."""


class TokenPairReader:
    """A `PairReader` over a tokenizer and one of our own runtimes."""

    def __init__(self, tokenizer: TextTokenizer, runtime: Runtime, n_labels: int) -> None:
        self.n_labels = n_labels
        self.max_length = tokenizer.max_length
        self._tokenizer = tokenizer
        self._runtime = runtime

    @property
    def runtime_name(self) -> str:
        """See `PairReader`."""
        return self._runtime.name

    def logits(self, pairs: Sequence[Pair]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """See `PairReader`."""
        tokens = self._tokenizer.tokenize(pairs)
        logits = np.zeros((len(tokens), self.n_labels), dtype=np.float64)

        def receive(batch: Batch, output: Output) -> None:
            logits[batch.rows] = output

        self._runtime.run(
            batches_by_length(tokens, self.max_length, longest_first=self._runtime.prefers_longest_first), receive
        )
        return logits, np.array([text.truncated for text in tokens], dtype=np.bool_)


class RememberingPairReader:
    """A `PairReader` that does not recompute pairs of the last call that computed any, on the same thread.

    A search first asks for the relevance of all candidates, then for the stance of the best: the second question costs
    nothing if one model answers both.
    """

    def __init__(self, reader: PairReader) -> None:
        self.n_labels = reader.n_labels
        self.max_length = reader.max_length
        self._reader = reader
        self._memory = threading.local()

    @property
    def runtime_name(self) -> str:
        """See `PairReader`."""
        return self._reader.runtime_name

    def logits(self, pairs: Sequence[Pair]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """See `PairReader`."""
        known: dict[Pair, tuple[NDArray[np.float64], np.bool_]] = getattr(self._memory, "known", {})
        missing = [pair for pair in dict.fromkeys(pairs) if pair not in known]
        if missing:
            computed = zip(missing, zip(*self._reader.logits(missing), strict=True), strict=True)
            known = {pair: known[pair] for pair in pairs if pair in known} | dict(computed)
            self._memory.known = known
        rows = [known[pair] for pair in pairs]
        logits = np.array([row for row, _ in rows], dtype=np.float64).reshape(len(rows), self.n_labels)
        return logits, np.array([cut for _, cut in rows], dtype=np.bool_)


def open_pair_reader(folder: Path, compute: Compute, *, kind: str, max_length: int | None = None) -> PairReader:
    """Return a reader for a cross-encoder: one of our own runtimes if possible, otherwise sentence-transformers.

    `max_length` limits the tokens read of a pair. `kind` names the model in messages to `compute.notify`. Raises
    ModelError if the model cannot be read or needs untrusted code.
    """
    layout = read_cross_encoder_layout(folder, trust_remote_code=compute.trust_remote_code)
    slow_because = layout.slow_because
    if layout.n_labels is not None and layout.max_length is not None:
        try:
            # Converted for its own length, so one conversion serves every `max_length`.
            runtime = open_runtime(folder, "cross-encoder", layout.max_length, compute)
        except NotConverted as error:
            slow_because = str(error)
        else:
            tokenizer = TextTokenizer(folder, min(layout.max_length, max_length or layout.max_length))
            return TokenPairReader(tokenizer, runtime, layout.n_labels)
    compute.notify(slow_line(kind, slow_because))
    return load_library_cross_encoder(folder, compute, max_length or layout.max_length)
