"""Blends fitted to judged hits, each measured on held-out claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from claimhound.data.errors import InputError
from claimhound.data.records import Qrels, Ranking, Run
from claimhound.pipeline.calibration.judged_hits import Folds, JudgedHits
from claimhound.pipeline.evaluation.measures import Values, values_by_claim
from claimhound.pipeline.evaluation.statistics import clustered_interval
from claimhound.pipeline.models.blending import (
    FITTED_FEATURES,
    Blend,
    BlendMeasures,
    CalibrationError,
    FieldMeasures,
    Floats,
    HitScores,
    expected_calibration_error,
    fit_blend,
    probability,
)

CALIBRATION_KS = (5, 10, 100)
RANKING_MEASURE = "nDCG@10"


def measured_blend(
    rows: Sequence[JudgedHits], folds: Folds, seed: int, features: Sequence[str] = FITTED_FEATURES
) -> tuple[Blend, Values]:
    """Return the blend fitted to all claims, measured by cross-validation, and each claim's held-out nDCG@10.

    Claims with the same text must be in one fold, also in different fields. Raises InputError if the hits of all
    claims, or of those outside a fold, are all relevant or none is.
    """
    blends = cross_validated_blends(rows, folds, features)
    own = [blends[fold] for fold in folds]  # each claim's blend did not see the claim
    ndcg = ndcg_by_claim([row.rescored(blend) for row, blend in zip(rows, own, strict=True)], rows)
    probabilities = [probability(blend, row.scores) for row, blend in zip(rows, own, strict=True)]
    measured = blend_measures(rows, probabilities, ndcg, len(blends), seed)
    return replace(fit_to(rows, features), measured=measured), ndcg


def cross_validated_blends(
    rows: Sequence[JudgedHits], folds: Folds, features: Sequence[str] = FITTED_FEATURES
) -> list[Blend]:
    """Return for each fold the blend fitted to the claims of the other folds."""
    return [
        fit_to([row for row, fold in zip(rows, folds, strict=True) if fold != left_out], features)
        for left_out in range(int(folds.max()) + 1)
    ]


def fit_to(rows: Sequence[JudgedHits], features: Sequence[str] = FITTED_FEATURES) -> Blend:
    """Return the blend fitted to the hits, see `hit_weights`.

    Raises InputError if all of the hits are relevant or none is.
    """
    scores = HitScores(*(np.concatenate(column) for column in zip(*(row.scores for row in rows), strict=True)))
    try:
        return fit_blend(scores, np.concatenate([row.relevant for row in rows]), features, hit_weights(rows))
    except ValueError as error:
        raise InputError(
            f"{error}; these {len(rows):,} claims are too few, or their evidence is not in the index or not found"
        ) from error


def hit_weights(rows: Sequence[JudgedHits]) -> Floats | None:
    """Return (n_hits,) weights that give the hits of each field the same total, n_hits in all; None for one field.

    The blend is for claims of any field, and how many claims somebody judged in one says nothing about how often such
    claims will be asked. So the mean of the fields' losses is minimised, not the loss of the largest field. Within a
    field each hit counts the same, because a probability is about a hit.
    """
    fields, n_hits = _by_field(rows), [len(row.relevant) for row in rows]
    if len(fields) < 2:
        return None
    weights = np.zeros(len(rows), dtype=np.float64)
    of_field = {name: sum(n_hits[row] for row in of_one) for name, of_one in fields.items()}
    shared = sum(n_hits) / sum(n > 0 for n in of_field.values())  # a field without any hit takes no share
    for name, of_one in fields.items():
        if of_field[name]:
            weights[of_one] = shared / of_field[name]
    return np.repeat(weights, n_hits)


def _by_field(rows: Sequence[JudgedHits]) -> dict[str, list[int]]:
    """Return the numbers of each field's rows, in order."""
    found: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        found.setdefault(row.field, []).append(number)
    return found


def blend_measures(
    rows: Sequence[JudgedHits], probabilities: Sequence[Floats], ndcg: Values, n_folds: int, seed: int
) -> BlendMeasures:
    """Measure probabilities, an array for each claim, against the judgments: of all claims, and by field if several."""
    fields = _by_field(rows)
    brier, log_loss = _losses(rows, probabilities)
    return BlendMeasures(
        n_claims=len(rows),
        n_hits=sum(map(len, probabilities)),
        n_folds=n_folds,
        calibration=tuple(_calibration_error(rows, probabilities, k, seed) for k in CALIBRATION_KS),
        brier=brier,
        log_loss=log_loss,
        ndcg=float(ndcg.mean()),
        fields=tuple(
            _field_measures(name, *_chosen(of_one, rows, probabilities), ndcg[of_one], seed)
            for name, of_one in (fields.items() if len(fields) > 1 else ())
        ),
    )


def _chosen(
    numbers: Sequence[int], rows: Sequence[JudgedHits], probabilities: Sequence[Floats]
) -> tuple[list[JudgedHits], list[Floats]]:
    return [rows[number] for number in numbers], [probabilities[number] for number in numbers]


def _field_measures(
    name: str, rows: Sequence[JudgedHits], probabilities: Sequence[Floats], ndcg: Values, seed: int
) -> FieldMeasures:
    brier, log_loss = _losses(rows, probabilities)
    return FieldMeasures(
        name=name,
        n_claims=len(rows),
        n_hits=sum(map(len, probabilities)),
        calibration=_calibration_error(rows, probabilities, CALIBRATION_KS[0], seed),
        brier=brier,
        log_loss=log_loss,
        ndcg=float(ndcg.mean()),
    )


def _losses(rows: Sequence[JudgedHits], probabilities: Sequence[Floats]) -> tuple[float, float]:
    """Return the Brier score and the log loss."""
    from sklearn.metrics import brier_score_loss, log_loss

    p = np.concatenate(probabilities)
    relevant = np.concatenate([row.relevant for row in rows])
    loss = log_loss(relevant, np.clip(p, 1e-15, 1 - 1e-15), labels=[False, True])
    return float(brier_score_loss(relevant, p)), float(loss)


def _calibration_error(
    rows: Sequence[JudgedHits], probabilities: Sequence[Floats], k: int, seed: int
) -> CalibrationError:
    best = [np.argsort(-row_p, kind="stable")[:k] for row_p in probabilities]
    p = np.concatenate([row_p[first] for row_p, first in zip(probabilities, best, strict=True)])
    relevant = np.concatenate([row.relevant[first] for row, first in zip(rows, best, strict=True)])
    claims = [number for number, first in enumerate(best) for _ in first]
    found = clustered_interval(lambda drawn: expected_calibration_error(p[drawn], relevant[drawn]), claims, seed)
    return CalibrationError(k, *found)


def ndcg_by_claim(rankings: Sequence[Ranking], rows: Sequence[JudgedHits]) -> Values:
    """Return (n_claims,) nDCG@10 of each claim's ranking."""
    # By number: claims of two fields may have the same id.
    run: Run = {str(number): ranking for number, ranking in enumerate(rankings)}
    qrels: Qrels = {str(number): dict(row.grades) for number, row in enumerate(rows)}
    return values_by_claim(run, qrels, [RANKING_MEASURE])[RANKING_MEASURE]
