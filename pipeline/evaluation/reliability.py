"""Reliability of the reranker's probabilities, and of the note that probably nothing is relevant."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from claimhound.data.records import Run
from claimhound.pipeline.evaluation.judged import JudgedClaims
from claimhound.pipeline.models.blending import Blend, Floats, expected_calibration_error
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.results import StageRankings

N_BINS = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """Hits of similar probability: their number, their mean probability, and the share judged relevant."""

    n: int
    mean_probability: float
    share_relevant: float


@dataclass(frozen=True)
class Reliability:
    """Probabilities compared with judgments, over the first `k` reranked hits of each claim.

    `error` is the expected calibration error over bins of equal width, in [0, 1], 0 is best; a hit without a judgment
    counts as not relevant, so sparse judgments make calibrated probabilities look too high. `bins` are ten bins of
    equal size, ordered by probability, for a curve.
    """

    k: int
    n_hits: int
    error: float
    mean_probability: float
    share_relevant: float
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class ToldNothing:
    """How many claims a search answers with a note that probably nothing is relevant.

    `n_claims` is the number of claims that could get the note, `n_told` the number that get it. `n_with` of all claims
    have a relevant document in the index, `n_wrongly` of those that get the note. `cosine` is the threshold.
    """

    cosine: float
    n_claims: int
    n_told: int
    n_with: int
    n_wrongly: int

    @property
    def text(self) -> str:
        """The counts in a sentence."""
        return (
            f'"Probably nothing relevant" is said of {self.n_told:,} of {self.n_claims:,} claims (cosine of the '
            f"nearest document below {self.cosine:.3f}), including {self.n_wrongly:,} of the {self.n_with:,} with a "
            "relevant document in the index"
        )


def told_nothing(
    pipeline: EvidencePipeline, dense: Run, judged: JudgedClaims, held: Collection[str]
) -> ToldNothing | None:
    """Count the claims for which the threshold says that nothing is relevant; None if there is no threshold.

    `dense` is the run of the vectors, `held` the ids of the relevant documents in the index.
    """
    told: dict[str, bool] = {}
    for claim in judged.claims:
        stages = StageRankings(None, dense.get(claim.query_id, []), None, None)
        found = pipeline.has_nothing_relevant(claim.text, stages)
        if found is not None:
            told[claim.query_id] = found
    if not told:
        return None
    counted = {claim.query_id for claim, doc_id in judged.relevant() if doc_id in held} & set(told)
    return ToldNothing(
        cosine=pipeline.min_relevant_cosine(),
        n_claims=len(told),
        n_told=sum(told.values()),
        n_with=len(counted),
        n_wrongly=sum(told[query_id] for query_id in counted),
    )


def stored_text(blend: Blend) -> str | None:
    """Return a sentence on a blend's stored measurements, or None without any."""
    measured = blend.measured
    if measured is None:
        return None
    errors = ", ".join(f"{error.error:.3f} of the first {error.k}" for error in measured.calibration)
    of_fields = f" in {len(measured.fields)} fields" if measured.fields else ""
    return (
        f"Stored with the reranker: fitted on {measured.n_claims:,} claims{of_fields}, and by {measured.n_folds}-fold "
        f"cross-validation an expected calibration error of {errors}"
    )


def reliability(reranked: Run, judged: JudgedClaims, k: int) -> Reliability | None:
    """Return the reliability of the first k hits of each claim that were rescored; None if none were."""
    probabilities: list[float] = []
    relevant: list[bool] = []
    for query_id in judged.query_ids:
        grades = judged.qrels[query_id]
        for hit in reranked.get(query_id, [])[:k]:
            if hit.score >= 0:  # hits below 0 were not rescored
                probabilities.append(hit.score)
                relevant.append(grades.get(hit.doc_id, 0) > 0)
    if not probabilities:
        return None
    p, y = np.array(probabilities), np.array(relevant)
    return Reliability(
        k, len(p), expected_calibration_error(p, y, N_BINS), float(p.mean()), float(y.mean()), _bins(p, y.astype(float))
    )


def _bins(probabilities: Floats, relevant: Floats) -> tuple[ReliabilityBin, ...]:
    order = np.argsort(probabilities, kind="stable")
    return tuple(
        ReliabilityBin(len(rows), float(probabilities[rows].mean()), float(relevant[rows].mean()))
        for rows in np.array_split(order, N_BINS)
        if len(rows)
    )
