"""The cosine below which probably nothing in the index is relevant to a claim, chosen and measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from claimhound.data.progress import Progress, batches, silent
from claimhound.pipeline.calibration.judged_hits import CLAIMS_AT_A_TIME, Bools, Folds, JudgedHits
from claimhound.pipeline.calibration.nonsense import nonsense_claims
from claimhound.pipeline.models.blending import Floats
from claimhound.pipeline.models.relevance import RelevanceThreshold, best_cosine, choose_cosine
from claimhound.pipeline.search.evidence import EvidencePipeline

N_NONSENSE = 200
MIN_CLAIMS = 50
"""The fewest claims with evidence for which a threshold is chosen: two of fifty is the share allowed to fall below."""
_SAMPLED_PASSAGES = 200


def relevance_threshold(
    pipeline: EvidencePipeline,
    rows: Sequence[JudgedHits],
    folds: Folds,
    seed: int,
    *,
    without_evidence: Sequence[str] = (),
    on_progress: Progress = silent,
) -> RelevanceThreshold | None:
    """Return the cosine below which a claim's nearest document is not relevant, with its errors on held-out claims.

    It separates the claims with a relevant document in the index from N_NONSENSE nonsense claims and from
    `without_evidence`, claims known to have nothing in the index. None without an encoder, with an encoder whose inner
    products are not cosines, with fewer than MIN_CLAIMS claims, if the encoder can read none of the nonsense, and if
    the two sides cannot be separated.
    """
    wanted = sorted({doc_id for row in rows for doc_id, grade in row.grades.items() if grade > 0})
    held = pipeline.index.positions_of(wanted)
    counted = [
        (row, fold)
        for row, fold in zip(rows, folds, strict=True)
        if pipeline.is_readable(row.claim.text)
        and any(grade > 0 and doc_id in held for doc_id, grade in row.grades.items())
    ]
    if pipeline.encoder is None or pipeline.encoder.identity.similarity != "cosine" or len(counted) < MIN_CLAIMS:
        return None
    passages = [document.text for document in pipeline.index.sample(_SAMPLED_PASSAGES, seed)]
    made_up = nonsense_claims([row.claim.text for row, _ in counted], passages, N_NONSENSE, seed)
    senseless = [claim for claim in made_up if pipeline.is_readable(claim)]
    if not senseless:
        return None
    n_senseless = len(senseless)
    others = [*senseless, *(claim for claim in without_evidence if pipeline.is_readable(claim))]
    with_relevant = np.array([best_cosine(row.stages.dense or []) for row, _ in counted])
    without = _best_cosines(pipeline, others, on_progress)
    cosine = choose_cosine(with_relevant, without)
    if cosine is None:
        return None
    told, shown = cross_validated_errors(
        with_relevant,
        np.array([fold for _, fold in counted]),
        without,
        np.arange(len(others)) % (int(folds.max()) + 1),
    )
    is_senseless = np.arange(len(others)) < n_senseless
    n_without = len(others) - n_senseless
    return RelevanceThreshold(
        cosine=cosine,
        n_docs=pipeline.index.n_docs,
        encoder_sha256=pipeline.encoder.identity.weights_sha256,
        n_with=len(counted),
        told_nothing=float(told.mean()),
        n_senseless=n_senseless,
        senseless_shown=float(shown[is_senseless].mean()),
        n_without=n_without,
        without_shown=float(shown[~is_senseless].mean()) if n_without else 0.0,
    )


def _best_cosines(pipeline: EvidencePipeline, claims: Sequence[str], on_progress: Progress) -> Floats:
    searcher = EvidencePipeline(pipeline.index, pipeline.encoder, None, pipeline.config)
    return np.array(
        [
            best_cosine(stages.dense or [])
            for batch in batches(claims, CLAIMS_AT_A_TIME, "searching for nonsense", on_progress)
            for stages in searcher.rank(batch)
        ]
    )


def cross_validated_errors(
    with_relevant: Floats, with_folds: Folds, without: Floats, without_folds: Folds
) -> tuple[Bools, Bools]:
    """Return which claims with relevant documents fall below the cosine, and which claims without do not.

    Each fold is measured with the cosine chosen on the other folds. If none can be chosen, no claim falls below.
    """
    told = np.zeros(len(with_relevant), dtype=np.bool_)
    shown = np.ones(len(without), dtype=np.bool_)
    for fold in range(int(max(with_folds.max(), without_folds.max())) + 1):
        with_left, without_left = with_folds == fold, without_folds == fold
        cosine = choose_cosine(with_relevant[~with_left], without[~without_left])
        if cosine is not None:
            told[with_left] = with_relevant[with_left] < cosine
            shown[without_left] = without[without_left] >= cosine
    return told, shown
