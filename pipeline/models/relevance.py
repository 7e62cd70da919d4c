"""Threshold on the cosine of the nearest document, below which an index has nothing on a claim."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from claimhound.data.records import Ranking

Floats = NDArray[np.float64]

# With more documents the nearest one is nearer by chance. Measured with all-MiniLM-L6-v2 on eight random parts of
# 925,657 passages, from 300 to all, with the threshold of the whole, 0.588, shifted by this: 0.8 to 3.7 % of 246 claims
# (whose judged evidence was always among the passages) fell below, and 0.8 to 6.9 % of 360 nonsense claims did not.
# With 0.03 up to 7.7 % of the claims fell below, with 0.07 up to 12 % of the nonsense ones did not. On two other
# corpora (471 and 45,952 passages) none of 42 claims and one of 120 fell below.
COSINE_PER_TENFOLD = 0.05
"""Rise of the threshold for an index ten times as large."""
MOST_TOLD_NOTHING = 0.04
"""Largest share of claims with relevant documents that may fall below a threshold when it is chosen."""


@dataclass(frozen=True)
class RelevanceThreshold:
    """The least cosine of the nearest document at which a claim probably has something relevant in an index.

    `cosine` is for an index of `n_docs` documents and the encoder with these weights; it does not apply to another
    encoder. The shares were measured on claims that were not used to choose it. `told_nothing` is the share of the
    `n_with` claims with relevant documents that fall below. `senseless_shown` and `without_shown` are the shares that
    do not, of `n_senseless` nonsense claims and of `n_without` real claims on which the index had nothing; the latter
    are much harder to recognise.
    """

    cosine: float
    n_docs: int
    encoder_sha256: str
    n_with: int
    told_nothing: float
    n_senseless: int
    senseless_shown: float
    n_without: int = 0
    without_shown: float = 0.0

    def __post_init__(self) -> None:
        if not -1 <= self.cosine <= 1:
            raise ValueError(f"cosine must be in [-1, 1], got {self.cosine}")
        if self.n_docs < 1:
            raise ValueError(f"n_docs must be at least 1, got {self.n_docs}")
        for name in ("told_nothing", "senseless_shown", "without_shown"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")

    def cosine_at(self, n_docs: int) -> float:
        """Return the threshold for an index of `n_docs` documents."""
        return self.cosine + COSINE_PER_TENFOLD * math.log10(max(1, n_docs) / self.n_docs)

    @property
    def errors_text(self) -> str:
        """Its error rates in one sentence."""
        text = f"{_percent(self.told_nothing)} of the claims with evidence fell below"
        if self.n_without:
            text += f", {_percent(self.without_shown)} of the claims on which there was nothing did not"
        return f"{text}, and {_percent(self.senseless_shown)} of senseless claims did not"

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> RelevanceThreshold:
        """Return the threshold from its `asdict` record; raises KeyError, TypeError or ValueError if it is invalid."""
        if not isinstance(record["encoder_sha256"], str):
            raise TypeError(f"encoder_sha256 must be a string, not {record['encoder_sha256']!r}")
        return cls(
            cosine=number_in(record, "cosine"),
            n_docs=int(number_in(record, "n_docs")),
            encoder_sha256=record["encoder_sha256"],
            n_with=int(number_in(record, "n_with")),
            told_nothing=number_in(record, "told_nothing"),
            n_senseless=int(number_in(record, "n_senseless")),
            senseless_shown=number_in(record, "senseless_shown"),
            n_without=int(number_in(record, "n_without")),
            without_shown=number_in(record, "without_shown"),
        )


def best_cosine(dense: Ranking) -> float:
    """Return the cosine of the nearest document, 0 if none is near."""
    return max((hit.score for hit in dense), default=0.0)


def choose_cosine(with_relevant: Floats, without: Floats, most_told: float = MOST_TOLD_NOTHING) -> float | None:
    """Return the cosine with most claims `without` anything relevant below it, and at most `most_told` of the others.

    The arguments are each claim's best cosine. The result lies midway between two of them; of equally good values it is
    the lowest. None if no such value has a larger share of the claims without than of those with below it.
    """
    values = np.unique(np.concatenate([with_relevant, without]))
    middles = (values[:-1] + values[1:]) / 2
    told = np.array([np.mean(with_relevant < middle) for middle in middles])
    caught = np.array([np.mean(without < middle) for middle in middles])
    allowed = np.flatnonzero((told <= most_told) & (caught > told))
    return float(middles[allowed[np.argmax(caught[allowed])]]) if len(allowed) else None


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def number_in(record: Mapping[str, Any], name: str) -> float:
    """Return a number in a JSON object; raises TypeError for any other value, KeyError if it is missing."""
    value = record[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, not {value!r}")
    return float(value)
