"""Blend of a newly trained reranker, fitted to claims held out of its training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from claimhound.data.labelled_sets.splits import claim_folds
from claimhound.data.records import Qrels, Query, Run
from claimhound.data.text.normal_text import normalize_text
from claimhound.pipeline.calibration.cross_validation import cross_validated_blends, fit_to, measured_blend
from claimhound.pipeline.calibration.judged_hits import Bools, JudgedHits, judged_hits
from claimhound.pipeline.calibration.relevance_threshold import relevance_threshold
from claimhound.pipeline.models.blending import Blend, expected_calibration_error, probability
from claimhound.pipeline.search.evidence import EvidencePipeline

_FOLDS = 5


@dataclass(frozen=True)
class FittedBlend:
    """A blend, and the lists of its claims before and after: `reranked` by a blend fitted without the claim.

    With too few claims for that, `blend.measured` is None and the blend ranks the claims that fitted it.
    """

    blend: Blend
    fused: Run
    reranked: Run
    calibration_error: float


def fitted_blend(pipeline: EvidencePipeline, claims: Sequence[Query], qrels: Qrels, seed: int) -> FittedBlend | None:
    """Fit a blend to claims that were held out of the training of the pipeline's reranker.

    None if the reranker reads no relevant hit of theirs, or only relevant ones.
    """
    rows = judged_hits(pipeline, claims, qrels)
    relevant = np.concatenate([row.relevant for row in rows]) if rows else np.zeros(0, dtype=np.bool_)
    if relevant.all() or not relevant.any():
        return None
    n_folds = min(_FOLDS, len({normalize_text(claim.text) for claim in claims}))
    folds = claim_folds(claims, n_folds, seed)
    if n_folds < 2 or not all(_has_both(rows, folds != fold) for fold in range(n_folds)):
        blend = fit_to(rows)
        own = [blend] * len(rows)
    else:
        blends = cross_validated_blends(rows, folds)
        own = [blends[fold] for fold in folds]
        blend, _ = measured_blend(rows, folds, seed)
    probabilities = np.concatenate([probability(item, row.scores) for item, row in zip(own, rows, strict=True)])
    return FittedBlend(
        blend=replace(blend, relevance=relevance_threshold(pipeline, rows, folds, seed)),
        fused={row.claim.query_id: row.fused for row in rows},
        reranked={row.claim.query_id: row.rescored(item) for row, item in zip(rows, own, strict=True)},
        calibration_error=expected_calibration_error(probabilities, relevant),
    )


def _has_both(rows: Sequence[JudgedHits], chosen: Bools) -> bool:
    found = {bool(value) for row, is_chosen in zip(rows, chosen, strict=True) if is_chosen for value in row.relevant}
    return len(found) == 2
