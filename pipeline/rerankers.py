"""Claim and evidence pairs to scores that see both texts at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from data.errors import ModelError
from pipeline.blending import Blend, load_blend
from pipeline.config import Compute
from pipeline.cross_encoding import CrossEncoderModel, open_cross_encoder
from pipeline.model_files import (
    BUNDLED,
    BUNDLED_RERANKER_NAME,
    display_name,
    read_json,
    reranker_dir,
    weights_sha256,
)
from pipeline.runtimes import Runtime
from pipeline.tokenization import TextTokenizer


class PairScores(NamedTuple):
    """(n,) raw logits, higher is more relevant, and whether a pair was too long and cut."""

    logits: NDArray[np.float64]
    truncated: NDArray[np.bool_]


class Reranker(Protocol):
    """Scores pairs of a claim and a piece of evidence, in this order."""

    name: str
    weights_sha256: str
    blend: Blend
    """How the logit becomes a probability."""

    @property
    def runtime_name(self) -> str:
        """What computes, for people."""

    def score(self, pairs: Sequence[tuple[str, str]]) -> PairScores:
        """Return the scores in the order of the pairs."""


class CrossEncoderReranker(CrossEncoderModel):
    """A cross-encoder with one label. A pair's score is the same whatever other pairs are scored with it."""

    def __init__(
        self, name: str, weights_sha256: str, tokenizer: TextTokenizer, runtime: Runtime, blend: Blend
    ) -> None:
        super().__init__(name, weights_sha256, tokenizer, runtime)
        self.blend = blend

    def score(self, pairs: Sequence[tuple[str, str]]) -> PairScores:
        """See `Reranker`. A pair that stands several times is computed once.

        Raises ModelError if the model gives no numbers (NaN).
        """
        found = self.logits_of(pairs, n_labels=1)
        return PairScores(found.logits[:, 0], found.truncated)


def load_reranker(
    model: str = BUNDLED,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
    *,
    on_start: Callable[[str], None] | None = None,
) -> CrossEncoderReranker:
    """Load a cross-encoder: `bundled`, a folder, or a name on the Hub.

    Raises ModelError if it cannot be had or does not have exactly one label.
    """
    folder = reranker_dir(model)
    config = read_json(folder / "config.json")
    labels = config.get("id2label")
    n_labels = len(labels) if isinstance(labels, dict) else config.get("num_labels", 2)
    if n_labels != 1:
        raise ModelError(
            f"{folder}: has {n_labels} labels; a reranker has one (train one with: claimhound train reranker)"
        )
    tokenizer, runtime = open_cross_encoder(folder, config, compute, on_start=on_start)
    name = display_name(model, BUNDLED_RERANKER_NAME)
    return CrossEncoderReranker(name, weights_sha256(folder), tokenizer, runtime, load_blend(folder))
