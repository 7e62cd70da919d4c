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
    Blend,
    BlendMeasures,
    CalibrationError,
    Floats,
    HitScores,
    expected_calibration_error,
    fit_blend,
    probability,
)

CALIBRATION_KS = (5, 10, 100)
RANKING_MEASURE = "nDCG@10"


def measured_blend(rows: Sequence[JudgedHits], folds: Folds, qrels: Qrels, seed: int) -> tuple[Blend, Values]:
    """Return the blend fitted to all claims, measured by cross-validation, and each claim's held-out nDCG@10.

    Raises InputError if the hits of all claims, or of those outside a fold, are all relevant or none is.
    """
    blends = cross_validated_blends(rows, folds)
    own = [blends[fold] for fold in folds]  # each claim's blend did not see the claim
    ndcg = ndcg_by_claim([row.rescored(blend) for row, blend in zip(rows, own, strict=True)], rows, qrels)
    probabilities = [probability(blend, row.scores) for row, blend in zip(rows, own, strict=True)]
    measured = blend_measures(rows, probabilities, ndcg, len(blends), seed)
    return replace(fit_to(rows), measured=measured), ndcg


def cross_validated_blends(rows: Sequence[JudgedHits], folds: Folds) -> list[Blend]:
    """Return for each fold the blend fitted to the claims of the other folds."""
    return [
        fit_to([row for row, fold in zip(rows, folds, strict=True) if fold != left_out])
        for left_out in range(int(folds.max()) + 1)
    ]


def fit_to(rows: Sequence[JudgedHits]) -> Blend:
    """Return the blend fitted to the hits. Raises InputError if all of them are relevant or none is."""
    scores = HitScores(*(np.concatenate(column) for column in zip(*(row.scores for row in rows), strict=True)))
    try:
        return fit_blend(scores, np.concatenate([row.relevant for row in rows]))
    except ValueError as error:
        raise InputError(
            f"{error}; these {len(rows):,} claims are too few, or their evidence is not in the index or not found"
        ) from error


def blend_measures(
    rows: Sequence[JudgedHits], probabilities: Sequence[Floats], ndcg: Values, n_folds: int, seed: int
) -> BlendMeasures:
    """Measure probabilities, an array for each claim, against the judgments."""
    from sklearn.metrics import brier_score_loss, log_loss

    p = np.concatenate(probabilities)
    relevant = np.concatenate([row.relevant for row in rows])
    return BlendMeasures(
        n_claims=len(rows),
        n_hits=len(p),
        n_folds=n_folds,
        calibration=tuple(_calibration_error(rows, probabilities, k, seed) for k in CALIBRATION_KS),
        brier=float(brier_score_loss(relevant, p)),
        log_loss=float(log_loss(relevant, np.clip(p, 1e-15, 1 - 1e-15), labels=[False, True])),
        ndcg=float(ndcg.mean()),
    )


def _calibration_error(
    rows: Sequence[JudgedHits], probabilities: Sequence[Floats], k: int, seed: int
) -> CalibrationError:
    best = [np.argsort(-row_p, kind="stable")[:k] for row_p in probabilities]
    p = np.concatenate([row_p[first] for row_p, first in zip(probabilities, best, strict=True)])
    relevant = np.concatenate([row.relevant[first] for row, first in zip(rows, best, strict=True)])
    claims = [number for number, first in enumerate(best) for _ in first]
    found = clustered_interval(lambda drawn: expected_calibration_error(p[drawn], relevant[drawn]), claims, seed)
    return CalibrationError(k, *found)


def ndcg_by_claim(rankings: Sequence[Ranking], rows: Sequence[JudgedHits], qrels: Qrels) -> Values:
    """Return (n_claims,) nDCG@10 of each claim's ranking."""
    run: Run = {row.claim.query_id: ranking for row, ranking in zip(rows, rankings, strict=True)}
    return values_by_claim(run, {query_id: qrels[query_id] for query_id in run}, [RANKING_MEASURE])[RANKING_MEASURE]
