"""Claim and evidence pairs to scores that see both texts at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import ModelError
from claimhound.pipeline.model_folders.files import (
    BUNDLED,
    BUNDLED_RERANKER_NAME,
    display_name,
    reranker_dir,
    weights_sha256,
)
from claimhound.pipeline.model_folders.layouts import read_cross_encoder_layout
from claimhound.pipeline.models.blending import Blend, load_blend
from claimhound.pipeline.models.cross_encoding import CrossEncoderModel, PairReader, open_cross_encoder
from claimhound.pipeline.serving.compute import Compute


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

    @property
    def max_length(self) -> int:
        """How many tokens of a pair are read, 0 for all."""

    def score(self, pairs: Sequence[tuple[str, str]]) -> PairScores:
        """Return the scores in the order of the pairs."""


class CrossEncoderReranker(CrossEncoderModel):
    """A cross-encoder with one label. A pair's score is the same whatever other pairs are scored with it."""

    def __init__(self, name: str, weights_sha256: str, reader: PairReader, blend: Blend) -> None:
        super().__init__(name, weights_sha256, reader)
        self.blend = blend

    def score(self, pairs: Sequence[tuple[str, str]]) -> PairScores:
        """See `Reranker`. A pair that stands several times is computed once.

        Raises ModelError if the model gives no numbers (NaN).
        """
        found = self._pair_logits(pairs)
        return PairScores(found.logits[:, 0], found.truncated)


def load_reranker(
    model: str = BUNDLED,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
    *,
    max_length: int | None = None,
) -> CrossEncoderReranker:
    """Load a cross-encoder: `bundled`, a folder, or a name on the Hub.

    `max_length` limits the tokens read of a pair. A model that our own runtimes cannot read exactly as
    sentence-transformers does runs through that library, and `compute.notify` is told. Raises ModelError if it cannot
    be found or loaded, does not have exactly one label, or brings its own code and that is not trusted.
    """
    folder = reranker_dir(model)
    layout = read_cross_encoder_layout(folder, trust_remote_code=compute.trust_remote_code)
    # Before the loading, which may take a minute.
    if layout.n_labels is not None:
        _require_one_label(folder, layout.n_labels)
    reader = open_cross_encoder(folder, compute, kind="reranker", max_length=max_length)
    _require_one_label(folder, reader.n_labels)
    name = display_name(model, BUNDLED_RERANKER_NAME)
    return CrossEncoderReranker(name, weights_sha256(folder), reader, load_blend(folder))


def _require_one_label(folder: Path, n_labels: int) -> None:
    if n_labels != 1:
        raise ModelError(
            f"{folder}: has {n_labels} labels; a reranker has one (train one with: claimhound train reranker)"
        )
