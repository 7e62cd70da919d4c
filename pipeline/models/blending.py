"""Probability of relevance, from the reranker's logit and the first stage's scores."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.errors import ModelError
from claimhound.data.records import Json
from claimhound.pipeline.models.relevance import RelevanceThreshold, number_in

Floats: TypeAlias = NDArray[np.float64]

BLEND_FILE = "blend.json"
_FORMAT = 2
_FORMATS = (1, 2)  # format 1 has no measurements


class HitScores(NamedTuple):
    """Scores of hits at each stage, one array entry per hit; hits of several claims may be mixed.

    `fused_rank` counts from 1. `bm25` and `cosine` are NaN if that stage did not find the hit. `decides` is the
    log-odds that the hit supports or refutes the claim, NaN if the reranker was not asked or has no stance head.
    """

    logit: Floats
    fused_rank: Floats
    bm25: Floats
    cosine: Floats
    decides: Floats


FEATURES: Mapping[str, Callable[[HitScores], Floats]] = {
    "logit": lambda hits: hits.logit,
    "log_fused_rank": lambda hits: np.log(hits.fused_rank),
    "cosine": lambda hits: np.nan_to_num(hits.cosine, nan=0.0),
    "no_cosine": lambda hits: np.isnan(hits.cosine).astype(np.float64),
    "bm25": lambda hits: np.nan_to_num(hits.bm25, nan=0.0),
    "no_bm25": lambda hits: np.isnan(hits.bm25).astype(np.float64),
    "decides": lambda hits: np.nan_to_num(hits.decides, nan=0.0),
}
"""What a blend may weigh, by name; a new feature needs a line here, and its scores in `HitScores`."""
# On held-out claims cosine adds 0.002 nDCG@10; BM25's score then loses 0.006.
FITTED_FEATURES = ("logit", "log_fused_rank")
"""The features that are fitted by default."""


class CalibrationError(NamedTuple):
    """Expected calibration error of the first k reranked hits of each claim, with its 95 % interval over claims."""

    k: int
    error: float
    low: float
    high: float


class FieldMeasures(NamedTuple):
    """Quality of a blend on the claims of one of several fields; see `BlendMeasures`."""

    name: str
    n_claims: int
    n_hits: int
    calibration: CalibrationError
    brier: float
    log_loss: float
    ndcg: float


@dataclass(frozen=True)
class BlendMeasures:
    """Quality of a blend, measured on claims that it was not fitted on.

    The claims were split into `n_folds` parts, each measured with a blend fitted on the others; 0 means a blend that
    was not fitted on any of them. `n_hits` is the number of hits that the reranker read, over which `brier` (mean
    squared error) and `log_loss` (mean negative log-likelihood) are taken; 0 is best. `ndcg` is the mean nDCG@10.
    All of them pool the claims of all fields; `fields` has the same for each, and is empty if there is only one.
    """

    n_claims: int
    n_hits: int
    n_folds: int
    calibration: tuple[CalibrationError, ...]
    brier: float
    log_loss: float
    ndcg: float
    fields: tuple[FieldMeasures, ...] = ()


@dataclass(frozen=True)
class Blend:
    """A logistic regression over the scores of a hit: `sigmoid(intercept + sum of weight * feature)`.

    `Blend()` is the plain sigmoid of the reranker's logit. `measured` is its quality, and `relevance` the threshold
    below which a claim has nothing relevant; both are None if unknown.
    """

    intercept: float = 0.0
    weights: tuple[tuple[str, float], ...] = (("logit", 1.0),)
    measured: BlendMeasures | None = None
    relevance: RelevanceThreshold | None = None

    def __post_init__(self) -> None:
        names = [name for name, _ in self.weights]
        unknown = sorted(set(names) - FEATURES.keys())
        if unknown or len(names) != len(set(names)):
            raise ValueError(f"a blend may use each of {', '.join(FEATURES)} at most once, not {', '.join(names)}")
        if not all(math.isfinite(value) for value in (self.intercept, *(weight for _, weight in self.weights))):
            raise ValueError("a blend's intercept and weights must be finite numbers")

    def uses(self, feature: str) -> bool:
        """Return whether the feature has a weight."""
        return feature in dict(self.weights)


def sigmoid(logits: Floats) -> Floats:
    """Return the probability of each log-odds; exactly 0 or 1 only where float64 has no number between."""
    # expit without scipy: exp of a large positive number would overflow, so clip where float64 is 1 or 0 anyway.
    return 1.0 / (1.0 + np.exp(-np.clip(logits, -700.0, 700.0)))


def blended_logit(blend: Blend, hits: HitScores) -> Floats:
    """Return (n,) log-odds of relevance; higher is better."""
    total = np.full(len(hits.logit), blend.intercept, dtype=np.float64)
    for name, weight in blend.weights:
        total += weight * FEATURES[name](hits)
    return total


def probability(blend: Blend, hits: HitScores) -> Floats:
    """Return (n,) probabilities that a hit would be judged relevant. Each depends only on its own hit."""
    return sigmoid(blended_logit(blend, hits))


def fit_blend(
    hits: HitScores,
    relevant: NDArray[np.bool_],
    features: Sequence[str] = FITTED_FEATURES,
    hit_weights: Floats | None = None,
) -> Blend:
    """Return the maximum likelihood blend for the reranked hits of claims that were held out of training.

    A hit counts in the likelihood as often as `hit_weights` says, (n,) numbers, by default once. Weak L2 regularisation
    (C = 100 on features scaled to unit variance) gives a constant feature the weight 0. Raises ValueError unless there
    are both relevant and other hits.
    """
    if relevant.all() or not relevant.any():
        raise ValueError(
            f"{int(relevant.sum())} of {len(relevant)} hits are relevant; fitting a blend needs both kinds"
        )
    from sklearn.linear_model import LogisticRegression

    matrix = np.stack([FEATURES[name](hits) for name in features], axis=1)  # (n, features)
    centre = np.average(matrix, axis=0, weights=hit_weights)
    spread = np.sqrt(np.average((matrix - centre) ** 2, axis=0, weights=hit_weights))
    spread[spread < 1e-12] = 1.0
    model = LogisticRegression(C=100.0, max_iter=1000).fit((matrix - centre) / spread, relevant, hit_weights)
    weights = model.coef_[0] / spread
    intercept = float(model.intercept_[0] - (weights * centre).sum())
    return Blend(intercept, tuple(zip(features, weights.tolist(), strict=True)))


def expected_calibration_error(probabilities: Floats, relevant: NDArray[np.bool_], n_bins: int = 10) -> float:
    """Return the mean distance between probability and share of relevant hits, over equal-width bins; 0 is best.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3.
    """
    bins = np.minimum((probabilities * n_bins).astype(np.int64), n_bins - 1)
    surplus = np.bincount(bins, weights=relevant - probabilities, minlength=n_bins)
    return float(np.abs(surplus).sum() / max(1, len(probabilities)))


def blend_record(blend: Blend) -> dict[str, Json]:
    """Return the content of `blend.json`."""
    measured: dict[str, Json] | None = None
    if blend.measured is not None:
        errors: list[Json] = [error._asdict() for error in blend.measured.calibration]
        measured = asdict(blend.measured) | {"calibration": errors}
        # Without the key where there is one field: a job that is under way compares this record when it resumes.
        del measured["fields"]
        if blend.measured.fields:
            measured["fields"] = [
                field._asdict() | {"calibration": field.calibration._asdict()} for field in blend.measured.fields
            ]
    return {
        "format": _FORMAT,
        "intercept": blend.intercept,
        "weights": dict(blend.weights),
        "measured": measured,
        "relevance": None if blend.relevance is None else asdict(blend.relevance),
    }


def save_blend(blend: Blend, model_dir: Path) -> None:
    """Write `blend.json` into the model folder, atomically.

    Raises InputError if the folder cannot be written.
    """
    with write_atomically(model_dir / BLEND_FILE) as file:
        file.write(json.dumps(blend_record(blend), indent=2) + "\n")


def load_blend(model_dir: Path) -> Blend:
    """Return the blend of a model folder, or the plain sigmoid of the logit if the folder has none.

    Raises ModelError for an invalid file, and for a format that this version does not know.
    """
    path = model_dir / BLEND_FILE
    if not path.exists():
        return Blend()
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] not in _FORMATS:
            raise ModelError(
                f"{path}: has format {record['format']!r}, this version reads {' and '.join(map(str, _FORMATS))}"
            )
        weights = tuple((name, number_in(record["weights"], name)) for name, _ in record["weights"].items())
        measured, relevance = record.get("measured"), record.get("relevance")
        return Blend(
            number_in(record, "intercept"),
            weights,
            None if measured is None else _measures(measured),
            None if relevance is None else RelevanceThreshold.from_record(relevance),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: is not a valid blend ({type(error).__name__}: {error})") from error


def _measures(record: Mapping[str, Any]) -> BlendMeasures:
    errors = tuple(map(_calibration, record["calibration"]))
    return BlendMeasures(
        n_claims=int(number_in(record, "n_claims")),
        n_hits=int(number_in(record, "n_hits")),
        n_folds=int(number_in(record, "n_folds")),
        calibration=errors,
        brier=number_in(record, "brier"),
        log_loss=number_in(record, "log_loss"),
        ndcg=number_in(record, "ndcg"),
        fields=tuple(map(_field, record.get("fields", []))),
    )


def _field(record: Mapping[str, Any]) -> FieldMeasures:
    if not isinstance(record["name"], str):
        raise TypeError(f"name must be a string, not {record['name']!r}")
    return FieldMeasures(
        name=record["name"],
        n_claims=int(number_in(record, "n_claims")),
        n_hits=int(number_in(record, "n_hits")),
        calibration=_calibration(record["calibration"]),
        brier=number_in(record, "brier"),
        log_loss=number_in(record, "log_loss"),
        ndcg=number_in(record, "ndcg"),
    )


def _calibration(record: Mapping[str, Any]) -> CalibrationError:
    return CalibrationError(
        int(number_in(record, "k")), *(number_in(record, name) for name in ("error", "low", "high"))
    )
