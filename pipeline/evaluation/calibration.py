"""Whether the reranker's probabilities come true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.records import Run
from pipeline.blending import Floats, expected_calibration_error
from pipeline.evaluation.judged import JudgedClaims

N_BINS = 10


@dataclass(frozen=True)
class CalibrationBin:
    """Hits whose probabilities lie side by side: how many, their mean probability, and the share judged relevant."""

    n: int
    mean_probability: float
    share_relevant: float


@dataclass(frozen=True)
class Calibration:
    """Probabilities beside judgments, over the first `k` reranked hits of each claim.

    `error` is the expected calibration error over bins of equal width, in [0, 1], 0 is best; a hit that nobody judged
    counts as not relevant, so sparse judgments make honest probabilities look too high. `bins` are ten of equal
    number, by probability, for a curve.
    """

    k: int
    n_hits: int
    error: float
    mean_probability: float
    share_relevant: float
    bins: tuple[CalibrationBin, ...]


def calibrate(reranked: Run, judged: JudgedClaims, k: int) -> Calibration | None:
    """Return the calibration of the first k hits of each claim that were rescored; None if there is none."""
    probabilities: list[float] = []
    relevant: list[bool] = []
    for query_id in judged.query_ids:
        grades = judged.qrels[query_id]
        for hit in reranked.get(query_id, [])[:k]:
            if hit.score >= 0:  # those below were not rescored
                probabilities.append(hit.score)
                relevant.append(grades.get(hit.doc_id, 0) > 0)
    if not probabilities:
        return None
    p, y = np.array(probabilities), np.array(relevant)
    return Calibration(
        k, len(p), expected_calibration_error(p, y, N_BINS), float(p.mean()), float(y.mean()), _bins(p, y.astype(float))
    )


def _bins(probabilities: Floats, relevant: Floats) -> tuple[CalibrationBin, ...]:
    order = np.argsort(probabilities, kind="stable")
    return tuple(
        CalibrationBin(len(rows), float(probabilities[rows].mean()), float(relevant[rows].mean()))
        for rows in np.array_split(order, N_BINS)
        if len(rows)
    )
