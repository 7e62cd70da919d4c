"""Whether an index holds anything on a claim: a threshold on the cosine of what lies nearest to it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from claimhound.data.records import Ranking

Floats = NDArray[np.float64]

# The nearest of more documents is nearer by chance. Measured with all-MiniLM-L6-v2 on eight random parts of 925,657
# passages, from 300 to all, with the threshold of the whole, 0.588, moved by this: 0.8 to 3.7 % of 246 claims (their
# judged evidence always among the passages) fell below, and 0.8 to 6.9 % of 360 senseless ones did not. With 0.03 up to
# 7.7 % of the claims fell below, with 0.07 up to 12 % of the senseless did not. On two other corpora (471 and 45,952
# passages) none of 42 claims and one of 120 fell below.
COSINE_PER_TENFOLD = 0.05
"""How much the threshold rises with an index ten times as large."""
MOST_TOLD_NOTHING = 0.04
"""The share of claims with relevant documents that may fall below a threshold where it is chosen."""


@dataclass(frozen=True)
class RelevanceThreshold:
    """From which cosine of its nearest document on a claim probably has something relevant in an index.

    `cosine` is for an index of `n_docs` documents and the encoder with these weights; with another it says nothing.
    Measured on claims that had no part in the choice: `told_nothing` is the share of the `n_with` claims with relevant
    documents that fall below; `senseless_shown` is the share of `n_senseless` claims without sense that do not, and
    `without_shown` that of `n_without` real claims on which the index held nothing, which are much harder to tell.
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
            raise ValueError(f"a cosine lies in [-1, 1], got {self.cosine}")
        if self.n_docs < 1:
            raise ValueError(f"n_docs starts at 1, got {self.n_docs}")
        for name in ("told_nothing", "senseless_shown", "without_shown"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share in [0, 1], got {getattr(self, name)}")

    def cosine_at(self, n_docs: int) -> float:
        """Return the threshold for an index of so many documents."""
        return self.cosine + COSINE_PER_TENFOLD * math.log10(max(1, n_docs) / self.n_docs)

    @property
    def errors_text(self) -> str:
        """How often it is wrong, in a sentence."""
        text = f"{_percent(self.told_nothing)} of the claims with evidence fell below"
        if self.n_without:
            text += f", {_percent(self.without_shown)} of the claims on which there was nothing did not"
        return f"{text}, and {_percent(self.senseless_shown)} of senseless claims did not"

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> RelevanceThreshold:
        """Return what `asdict` made a record of; raises KeyError, TypeError or ValueError for what it did not."""
        if not isinstance(record["encoder_sha256"], str):
            raise TypeError(f"encoder_sha256 is a text, not {record['encoder_sha256']!r}")
        return cls(
            cosine=_number(record, "cosine"),
            n_docs=int(_number(record, "n_docs")),
            encoder_sha256=record["encoder_sha256"],
            n_with=int(_number(record, "n_with")),
            told_nothing=_number(record, "told_nothing"),
            n_senseless=int(_number(record, "n_senseless")),
            senseless_shown=_number(record, "senseless_shown"),
            n_without=int(_number(record, "n_without")),
            without_shown=_number(record, "without_shown"),
        )


def best_cosine(dense: Ranking) -> float:
    """Return the cosine of the nearest document, 0 where none is near."""
    return max((hit.score for hit in dense), default=0.0)


def choose_cosine(with_relevant: Floats, without: Floats, most_told: float = MOST_TOLD_NOTHING) -> float | None:
    """Return the cosine below which most claims without anything relevant fall, and at most `most_told` of the others.

    The arguments are each claim's best cosine. It lies midway between two of these; of equally good ones the lowest.
    None where no such cosine has more of the claims without below it than of those with.
    """
    values = np.unique(np.concatenate([with_relevant, without]))
    middles = (values[:-1] + values[1:]) / 2
    told = np.array([np.mean(with_relevant < middle) for middle in middles])
    caught = np.array([np.mean(without < middle) for middle in middles])
    allowed = np.flatnonzero((told <= most_told) & (caught > told))
    return float(middles[allowed[np.argmax(caught[allowed])]]) if len(allowed) else None


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _number(record: Mapping[str, Any], name: str) -> float:
    value = record[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is a number, not {value!r}")
    return float(value)
