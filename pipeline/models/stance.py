"""Which way evidence points: claim and evidence to the probabilities that it supports, refutes or does neither."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import ModelError
from claimhound.data.labelled_sets.stances import STANCES
from claimhound.pipeline.model_folders.files import (
    BUNDLED,
    BUNDLED_STANCE_NAME,
    display_name,
    read_json,
    stance_dir,
    weights_sha256,
)
from claimhound.pipeline.models.cross_encoding import CrossEncoderModel, PairReader, open_cross_encoder
from claimhound.pipeline.models.stance_labels import OURS, StanceLabels, stance_labels
from claimhound.pipeline.models.temperature import load_temperature, softmax
from claimhound.pipeline.serving.compute import Compute


class StanceScores(NamedTuple):
    """(n, 3) probabilities in the order of STANCES, and (n,) whether a pair was too long and cut."""

    probabilities: NDArray[np.float64]
    truncated: NDArray[np.bool_]


class StanceModel(Protocol):
    """Tells which way a piece of evidence points, for pairs of a claim and the evidence, in this order."""

    name: str
    weights_sha256: str
    labels: StanceLabels
    """What its outputs were taken for."""

    @property
    def runtime_name(self) -> str:
        """What computes, for people."""

    @property
    def max_length(self) -> int:
        """How many tokens of a pair are read, 0 for all."""

    def classify(self, pairs: Sequence[tuple[str, str]]) -> StanceScores:
        """Return the probabilities in the order of the pairs."""


class CrossEncoderStance(CrossEncoderModel):
    """A cross-encoder with a label for each of STANCES. A pair gets the same whatever others are classified with it.

    Pairs are given as claim and evidence, and turned for a model that reads the evidence first.
    """

    def __init__(
        self,
        name: str,
        weights_sha256: str,
        reader: PairReader,
        *,
        labels: StanceLabels = OURS,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(name, weights_sha256, reader)
        self.labels = labels
        self.temperature = temperature

    def classify(self, pairs: Sequence[tuple[str, str]]) -> StanceScores:
        """See `StanceModel`. Raises ModelError if the model gives no numbers (NaN)."""
        logits, truncated = self.logits(pairs)
        return StanceScores(softmax(logits, self.temperature), truncated)

    def logits(self, pairs: Sequence[tuple[str, str]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return what the temperature is fitted on: (n, 3) logits in the order of STANCES, and what was cut."""
        found = self._pair_logits([self.labels.pair(*pair) for pair in pairs])
        return found.logits[:, list(self.labels.columns)], found.truncated


def load_stance(
    model: str = BUNDLED,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
    *,
    labels: Sequence[str] | None = None,
    max_length: int | None = None,
) -> CrossEncoderStance:
    """Load a cross-encoder with labels that `read_labels` knows: `bundled`, a folder, or a name on the Hub.

    `labels` names its outputs in order, in place of its config.json. If they are not STANCES, `compute.notify` is told
    what they were taken for. Raises ModelError if the model cannot be found or has other labels.
    """
    folder = stance_dir(model)
    read = read_stance_labels(folder, labels)
    name = display_name(model, BUNDLED_STANCE_NAME)
    reader = open_cross_encoder(folder, compute, kind="stance model", max_length=max_length)
    if reader.n_labels != len(STANCES):
        raise ModelError(f"{folder}: names {len(STANCES)} labels, and gives {reader.n_labels} logits")
    if not read.are_ours:
        compute.notify(f"stance model {name}: {read.text}")
    return CrossEncoderStance(name, weights_sha256(folder), reader, labels=read, temperature=load_temperature(folder))


def read_stance_labels(folder: Path, given: Sequence[str] | None = None) -> StanceLabels:
    """Return what the outputs of the model in a folder stand for, by its config.json or by the names `given`.

    Raises ModelError where they do not stand for STANCES, and for a model without a classification head, of which
    transformers would draw one at random.
    """
    config = read_json(folder / "config.json")
    architectures = config.get("architectures")
    named = [str(name) for name in architectures] if isinstance(architectures, list) else []
    if named and not any(name.endswith("ForSequenceClassification") for name in named):
        raise ModelError(f"{folder}: has no classification head ({', '.join(named)}), so it is no stance model")
    try:
        return stance_labels(config, given)
    except ValueError as error:
        raise ModelError(f"{folder}: {error}") from error
