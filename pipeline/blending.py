"""From the reranker's logit and the first stage's scores to a probability of relevance."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from data.errors import ModelError

Floats: TypeAlias = NDArray[np.float64]

BLEND_FILE = "blend.json"
_FORMAT = 1


class HitScores(NamedTuple):
    """What the stages know of some hits, one array entry each, whatever claim they belong to.

    `fused_rank` counts from 1. `bm25` and `cosine` are NaN where that stage did not find the hit.
    """

    logit: Floats
    fused_rank: Floats
    bm25: Floats
    cosine: Floats


_FEATURES: Mapping[str, Callable[[HitScores], Floats]] = {
    "logit": lambda hits: hits.logit,
    "log_fused_rank": lambda hits: np.log(hits.fused_rank),
    "cosine": lambda hits: np.nan_to_num(hits.cosine, nan=0.0),
    "no_cosine": lambda hits: np.isnan(hits.cosine).astype(np.float64),
    "bm25": lambda hits: np.nan_to_num(hits.bm25, nan=0.0),
    "no_bm25": lambda hits: np.isnan(hits.bm25).astype(np.float64),
}
FEATURES: tuple[str, ...] = tuple(_FEATURES)
"""The features that a blend may weigh."""


@dataclass(frozen=True)
class Blend:
    """A logistic regression over the scores of a hit: `sigmoid(intercept + sum of weight * feature)`.

    The plain sigmoid of the reranker's logit is `Blend()`.
    """

    intercept: float = 0.0
    weights: tuple[tuple[str, float], ...] = (("logit", 1.0),)

    def __post_init__(self) -> None:
        names = [name for name, _ in self.weights]
        unknown = sorted(set(names) - set(FEATURES))
        if unknown or len(names) != len(set(names)):
            raise ValueError(f"a blend weighs each of {', '.join(FEATURES)} at most once, not {', '.join(names)}")
        if not all(math.isfinite(value) for value in (self.intercept, *(weight for _, weight in self.weights))):
            raise ValueError("a blend's intercept and weights must be finite numbers")


def blended_logit(blend: Blend, hits: HitScores) -> Floats:
    """Return (n,) log-odds of relevance; higher is better."""
    total = np.full(len(hits.logit), blend.intercept, dtype=np.float64)
    for name, weight in blend.weights:
        total += weight * _FEATURES[name](hits)
    return total


def probability(blend: Blend, hits: HitScores) -> Floats:
    """Return (n,) probabilities that a hit would be judged relevant. Each depends on its own hit alone."""
    # expit without scipy: exp of a large positive number would overflow, so clip where float64 is 1 or 0 anyway.
    return 1.0 / (1.0 + np.exp(-np.clip(blended_logit(blend, hits), -700.0, 700.0)))


def fit_blend(
    hits: HitScores, relevant: NDArray[np.bool_], features: Sequence[str] = ("logit", "log_fused_rank", "cosine")
) -> Blend:
    """Return the blend under which the judgments are likeliest, over the reranked hits of claims held out of training.

    Weak L2 regularisation (C = 100 on features scaled to unit variance) keeps a feature that never varies at weight 0.
    Raises ValueError unless both relevant and other hits are there.
    """
    if relevant.all() or not relevant.any():
        raise ValueError(f"{int(relevant.sum())} of {len(relevant)} hits are relevant; a blend needs both kinds")
    from sklearn.linear_model import LogisticRegression

    matrix = np.stack([_FEATURES[name](hits) for name in features], axis=1)  # (n, features)
    centre, spread = matrix.mean(axis=0), matrix.std(axis=0)
    spread[spread < 1e-12] = 1.0
    model = LogisticRegression(C=100.0, max_iter=1000).fit((matrix - centre) / spread, relevant)
    weights = model.coef_[0] / spread
    intercept = float(model.intercept_[0] - (weights * centre).sum())
    return Blend(intercept, tuple((name, float(weight)) for name, weight in zip(features, weights, strict=True)))


def expected_calibration_error(probabilities: Floats, relevant: NDArray[np.bool_], n_bins: int = 10) -> float:
    """Return the mean distance between probability and share of relevant hits over equal-width bins; 0 is best.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3.
    """
    bins = np.minimum((probabilities * n_bins).astype(np.int64), n_bins - 1)
    total = 0.0
    for number in range(n_bins):
        inside = bins == number
        if inside.any():
            total += inside.mean() * abs(float(relevant[inside].mean()) - float(probabilities[inside].mean()))
    return float(total)


def save_blend(blend: Blend, model_dir: Path) -> None:
    """Write `blend.json` into the model folder."""
    record = {"format": _FORMAT, "intercept": blend.intercept, "weights": dict(blend.weights)}
    (model_dir / BLEND_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def load_blend(model_dir: Path) -> Blend:
    """Return the blend of a model folder, or the plain sigmoid of the logit where the folder holds none.

    Raises ModelError for a file that is no blend of this format.
    """
    path = model_dir / BLEND_FILE
    if not path.exists():
        return Blend()
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != _FORMAT:
            raise ModelError(f"{path}: has format {record['format']!r}, this version reads {_FORMAT}")
        weights = tuple((str(name), _number(weight)) for name, weight in record["weights"].items())
        return Blend(_number(record["intercept"]), weights)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: is no blend ({type(error).__name__}: {error})") from error


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return float(value)
