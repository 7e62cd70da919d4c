"""Which way evidence points: claim and evidence to the probabilities that it supports, refutes or does neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from data.errors import ModelError
from data.stances import STANCES
from pipeline.config import Compute
from pipeline.cross_encoding import CrossEncoderModel, PairReader, open_cross_encoder
from pipeline.model_files import (
    BUNDLED,
    BUNDLED_STANCE_NAME,
    display_name,
    read_json,
    stance_dir,
    weights_sha256,
)
from pipeline.temperature import load_temperature, softmax


class StanceScores(NamedTuple):
    """(n, 3) probabilities in the order of STANCES, and (n,) whether a pair was too long and cut."""

    probabilities: NDArray[np.float64]
    truncated: NDArray[np.bool_]


class StanceModel(Protocol):
    """Tells which way a piece of evidence points, for pairs of a claim and the evidence, in this order."""

    name: str
    weights_sha256: str

    @property
    def runtime_name(self) -> str:
        """What computes, for people."""

    @property
    def max_length(self) -> int:
        """How many tokens of a pair are read, 0 for all."""

    def classify(self, pairs: Sequence[tuple[str, str]]) -> StanceScores:
        """Return the probabilities in the order of the pairs."""


class CrossEncoderStance(CrossEncoderModel):
    """A cross-encoder with a label for each of STANCES. A pair gets the same whatever others are classified with it."""

    def __init__(
        self,
        name: str,
        weights_sha256: str,
        reader: PairReader,
        *,
        columns: Sequence[int] = (0, 1, 2),
        temperature: float = 1.0,
    ) -> None:
        """`columns` says where in the model's output each of STANCES stands."""
        super().__init__(name, weights_sha256, reader)
        self.temperature = temperature
        self._columns = list(columns)

    def classify(self, pairs: Sequence[tuple[str, str]]) -> StanceScores:
        """See `StanceModel`. Raises ModelError if the model gives no numbers (NaN)."""
        logits, truncated = self.logits(pairs)
        return StanceScores(softmax(logits, self.temperature), truncated)

    def logits(self, pairs: Sequence[tuple[str, str]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return what the temperature is fitted on: (n, 3) logits in the order of STANCES, and what was cut."""
        found = self._pair_logits(pairs)
        return found.logits[:, self._columns], found.truncated


def load_stance(
    model: str = BUNDLED,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
    *,
    max_length: int | None = None,
    on_start: Callable[[str], None] | None = None,
) -> CrossEncoderStance:
    """Load a cross-encoder whose config.json names STANCES in any order: `bundled`, a folder, or a name on the Hub.

    Raises ModelError if it cannot be had or has other labels.
    """
    folder = stance_dir(model)
    config = read_json(folder / "config.json")
    named = config.get("id2label")
    labels = [str(named[key]) for key in sorted(named, key=_number)] if isinstance(named, dict) else []
    if sorted(labels) != sorted(STANCES):
        raise ModelError(
            f"{folder}: its labels are {', '.join(labels) or 'not named'}; a stance model has {', '.join(STANCES)} "
            "in any order (train one with: claimhound train stance)"
        )
    reader = open_cross_encoder(folder, compute, kind="stance model", max_length=max_length, on_start=on_start)
    if reader.n_labels != len(labels):
        raise ModelError(f"{folder}: names {len(labels)} labels, and gives {reader.n_labels} logits")
    return CrossEncoderStance(
        display_name(model, BUNDLED_STANCE_NAME),
        weights_sha256(folder),
        reader,
        columns=[labels.index(stance) for stance in STANCES],
        temperature=load_temperature(folder),
    )


def _number(key: object) -> tuple[int, str]:
    """Sort label numbers as numbers; what is none comes last and is refused by its label."""
    text = str(key)
    return (int(text), text) if text.isdecimal() else (1 << 30, text)
