"""A reranker's probabilities fitted on judged claims, and measured on claims that had no part in the fit."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from claimhound.data.disk.atomic import require_writable_folder
from claimhound.data.errors import InputError
from claimhound.data.records import Qrels, Query, Ranking, Run
from claimhound.data.text.normal_text import normalize_text
from claimhound.pipeline.calibration.nonsense import nonsense_claims
from claimhound.pipeline.evaluation.judged import Finding, judged_claims
from claimhound.pipeline.evaluation.measures import Values, values_by_claim
from claimhound.pipeline.evaluation.statistics import SIGNIFICANT, PairedTest, clustered_interval, paired_tests
from claimhound.pipeline.evaluation.tuning.cross_validation import claim_folds
from claimhound.pipeline.models.blending import (
    BLEND_FEATURES,
    Blend,
    BlendMeasures,
    CalibrationError,
    Floats,
    HitScores,
    expected_calibration_error,
    fit_blend,
    probability,
    save_blend,
)
from claimhound.pipeline.models.relevance import RelevanceThreshold, best_cosine, choose_cosine
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.rescoring import hit_scores, rescored
from claimhound.pipeline.search.results import StageRankings

CALIBRATION_KS = (5, 10, 100)
N_NONSENSE = 200
MIN_CLAIMS = 50
"""With fewer claims that have evidence no threshold is chosen: two of fifty are the share that may fall below it."""
_MEASURE = "nDCG@10"
_CLAIMS_AT_A_TIME = 16
_SAMPLED_PASSAGES = 200
_FOLDS = 5

Bools: TypeAlias = NDArray[np.bool_]
Advance: TypeAlias = Callable[[str, int, int], None]
"""Called as (phase, claims done, claims)."""


class JudgedHits(NamedTuple):
    """A claim's rankings, and of the hits that the reranker read what the stages know and whether they are relevant."""

    claim: Query
    stages: StageRankings
    scores: HitScores
    relevant: Bools

    @property
    def fused(self) -> Ranking:
        """The list that was rescored."""
        return self.stages.first_stage

    def rescored(self, blend: Blend) -> Ranking:
        """Return the list that the blend would make of it."""
        bm25, dense, same = self.stages.bm25 or [], self.stages.dense, self.stages.alike
        return rescored(self.fused, self.scores.logit, blend, bm25, dense, same)


@dataclass(frozen=True)
class Calibrated:
    """A blend with all that was measured of it, and the measures of the one that was there `before` on the same claims.

    `test` is nDCG@10 of the new one, on claims left out of its fit, against the old one's. `before.n_folds` is 0: the
    old blend was not fitted here.
    """

    blend: Blend
    before: BlendMeasures
    test: PairedTest
    findings: tuple[Finding, ...] = ()
    n_excluded: int = 0

    @property
    def measured(self) -> BlendMeasures:
        """What was measured of the new blend."""
        assert self.blend.measured is not None
        return self.blend.measured

    @property
    def ranking_text(self) -> str:
        """What the new blend does to the order, in a sentence."""
        mean, low, high = self.test.difference
        word = "changes nothing that can be told from chance"
        if self.test.p < SIGNIFICANT:
            word = "ranks better" if mean > 0 else "ranks WORSE"
        return (
            f"The new blend {word}: {_MEASURE} {self.measured.ndcg:.3f} after {self.before.ndcg:.3f}, difference "
            f"{mean:+.3f} [{low:+.3f}, {high:+.3f}], p = {self.test.p:.4f} in a randomisation test."
        )


def calibrate(
    pipeline: EvidencePipeline,
    claims: Sequence[Query],
    qrels: Qrels,
    *,
    features: Sequence[str] = BLEND_FEATURES,
    n_folds: int = 5,
    seed: int = 0,
    excluded_claims: Sequence[str] = (),
    without_evidence: Sequence[str] = (),
    on_progress: Advance = lambda _phase, _done, _total: None,
) -> Calibrated:
    """Fit a blend for the pipeline's reranker on the claims that have judgments, and cross-validate it.

    The claims must be such as the reranker was not trained on: of those it is surer than it is right. Those whose text
    is among `excluded_claims` are left out and counted. Where there is an encoder, the threshold below which nothing is
    relevant is chosen too, on these claims against senseless ones and `without_evidence`: claims on which, as the
    caller knows, the index holds nothing. Raises InputError where no claim has a relevant judgment, where there are
    fewer distinct texts than folds, where the reranker reads no relevant hit, and for the feature `cosine` where the
    encoder's inner products are none; ValueError without a reranker.
    """
    if pipeline.reranker is None:
        raise ValueError("there is no reranker whose probabilities could be fitted")
    if pipeline.encoder is not None and pipeline.encoder.identity.similarity == "dot" and "cosine" in features:
        raise InputError(
            f"encoder {pipeline.encoder.identity.name} compares by inner products, which are no cosines; leave out the "
            "feature cosine"
        )
    excluded = {normalize_text(text) for text in excluded_claims}
    used = [claim for claim in claims if normalize_text(claim.text) not in excluded]
    judged = judged_claims(used, qrels)
    folds = claim_folds(judged.claims, n_folds, seed)  # before the search, which may take an hour
    rows = judged_hits(pipeline, judged.claims, judged.qrels, on_progress)
    blend, ndcg = measured_blend(rows, folds, judged.qrels, features, seed)
    relevance = relevance_threshold(pipeline, rows, folds, judged.qrels, without_evidence, seed, on_progress)
    before = pipeline.reranker.blend
    ndcg_before = _ndcg([row.rescored(before) for row in rows], rows, judged.qrels)
    measured = blend_measures(rows, [probability(before, row.scores) for row in rows], ndcg_before, 0, seed)
    (test,) = paired_tests(ndcg_before[None], ndcg[None], seed)
    return Calibrated(replace(blend, relevance=relevance), measured, test, judged.findings, len(claims) - len(used))


@dataclass(frozen=True)
class FittedBlend:
    """A blend, and the lists of its claims before and after: `reranked` by what was fitted without the claim.

    Where there were too few claims for that, `blend.measured` is None and the blend ranks the claims that fitted it.
    """

    blend: Blend
    fused: Run
    reranked: Run
    calibration_error: float


def fitted_blend(pipeline: EvidencePipeline, claims: Sequence[Query], qrels: Qrels, seed: int) -> FittedBlend | None:
    """Fit a blend on claims that were held out of the training of the pipeline's reranker, however few they are.

    None where the reranker reads no relevant hit of theirs, or none that is not.
    """
    rows = judged_hits(pipeline, claims, qrels)
    relevant = np.concatenate([row.relevant for row in rows]) if rows else np.zeros(0, dtype=np.bool_)
    if relevant.all() or not relevant.any():
        return None
    n_folds = min(_FOLDS, len({normalize_text(claim.text) for claim in claims}))
    folds = claim_folds(claims, n_folds, seed)
    every = [number for number in range(n_folds) if _has_both(rows, folds != number)]
    if n_folds < 2 or len(every) < n_folds:
        blend = _fitted(rows, BLEND_FEATURES)
        own = [blend] * len(rows)
    else:
        blends = cross_validated_blends(rows, folds, BLEND_FEATURES)
        own = [blends[fold] for fold in folds]
        blend, _ = measured_blend(rows, folds, qrels, BLEND_FEATURES, seed)
    probabilities = np.concatenate([probability(item, row.scores) for item, row in zip(own, rows, strict=True)])
    return FittedBlend(
        blend=replace(blend, relevance=relevance_threshold(pipeline, rows, folds, qrels, (), seed)),
        fused={row.claim.query_id: row.fused for row in rows},
        reranked={row.claim.query_id: row.rescored(item) for row, item in zip(rows, own, strict=True)},
        calibration_error=expected_calibration_error(probabilities, relevant),
    )


def _has_both(rows: Sequence[JudgedHits], chosen: Bools) -> bool:
    found = {bool(value) for row, is_chosen in zip(rows, chosen, strict=True) if is_chosen for value in row.relevant}
    return len(found) == 2


def judged_hits(
    pipeline: EvidencePipeline,
    claims: Sequence[Query],
    qrels: Qrels,
    on_progress: Advance = lambda _phase, _done, _total: None,
) -> list[JudgedHits]:
    """Return what a search of each claim knows of the hits that the reranker read, beside their judgments."""
    found: list[JudgedHits] = []
    for start in range(0, len(claims), _CLAIMS_AT_A_TIME):
        batch = claims[start : start + _CLAIMS_AT_A_TIME]
        for claim, stages in zip(batch, pipeline.rank([claim.text for claim in batch]), strict=True):
            fused = stages.first_stage
            logits = np.array(stages.logits, dtype=np.float64)
            scores = hit_scores(fused, logits, stages.bm25 or [], stages.dense, stages.alike)
            grades = qrels.get(claim.query_id, {})
            relevant = np.array([grades.get(hit.doc_id, 0) > 0 for hit in fused[: len(stages.logits)]], dtype=np.bool_)
            found.append(JudgedHits(claim, stages, scores, relevant))
        on_progress("searching", len(found), len(claims))
    return found


def measured_blend(
    rows: Sequence[JudgedHits], folds: NDArray[np.int64], qrels: Qrels, features: Sequence[str], seed: int
) -> tuple[Blend, Values]:
    """Return the blend fitted on all claims, measured by cross-validation, and each claim's nDCG@10 when left out.

    `folds` has the number of each claim's part. Raises InputError where the hits of all claims, or of those outside a
    part, are all relevant or none is.
    """
    blends = cross_validated_blends(rows, folds, features)
    own = [blends[fold] for fold in folds]  # each claim's is the one that did not see it
    ndcg = _ndcg([row.rescored(blend) for row, blend in zip(rows, own, strict=True)], rows, qrels)
    probabilities = [probability(blend, row.scores) for row, blend in zip(rows, own, strict=True)]
    measured = blend_measures(rows, probabilities, ndcg, len(blends), seed)
    return replace(_fitted(rows, features), measured=measured), ndcg


def cross_validated_blends(
    rows: Sequence[JudgedHits], folds: NDArray[np.int64], features: Sequence[str]
) -> list[Blend]:
    """Return for each part of the claims the blend that is fitted on the others alone."""
    return [
        _fitted([row for row, fold in zip(rows, folds, strict=True) if fold != left_out], features)
        for left_out in range(int(folds.max()) + 1)
    ]


def _fitted(rows: Sequence[JudgedHits], features: Sequence[str]) -> Blend:
    scores = HitScores(*(np.concatenate(column) for column in zip(*(row.scores for row in rows), strict=True)))
    try:
        return fit_blend(scores, np.concatenate([row.relevant for row in rows]), features)
    except ValueError as error:
        raise InputError(
            f"{error}; these {len(rows):,} claims are too few, or their evidence is not in the index or not found"
        ) from error


def relevance_threshold(
    pipeline: EvidencePipeline,
    rows: Sequence[JudgedHits],
    folds: NDArray[np.int64],
    qrels: Qrels,
    without_evidence: Sequence[str],
    seed: int,
    on_progress: Advance = lambda _phase, _done, _total: None,
) -> RelevanceThreshold | None:
    """Return the cosine below which a claim's nearest document is not relevant, with its errors on claims left out.

    Those on which the index holds something are the claims with a relevant document in it, those on which it does not
    are N_NONSENSE senseless ones and `without_evidence`. None without an encoder, for fewer than MIN_CLAIMS claims,
    where the encoder reads none of the senseless, where its inner products are no cosines, and where the two cannot be
    told apart.
    """
    wanted = sorted({doc_id for row in rows for doc_id, grade in qrels[row.claim.query_id].items() if grade > 0})
    held = pipeline.index.positions_of(wanted)
    counted = [
        (row, fold)
        for row, fold in zip(rows, folds, strict=True)
        if pipeline.is_readable(row.claim.text) and _is_one_held(qrels[row.claim.query_id], held)
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


def _is_one_held(grades: Mapping[str, int], held: Mapping[str, int]) -> bool:
    return any(grade > 0 and doc_id in held for doc_id, grade in grades.items())


def _best_cosines(pipeline: EvidencePipeline, claims: Sequence[str], on_progress: Advance) -> Floats:
    searcher = EvidencePipeline(pipeline.index, pipeline.encoder, None, pipeline.config)
    found: list[float] = []
    for start in range(0, len(claims), _CLAIMS_AT_A_TIME):
        rankings = searcher.rank(claims[start : start + _CLAIMS_AT_A_TIME])
        found += [best_cosine(stages.dense or []) for stages in rankings]
        on_progress("searching without sense", len(found), len(claims))
    return np.array(found)


def cross_validated_errors(
    with_relevant: Floats, with_folds: NDArray[np.int64], without: Floats, without_folds: NDArray[np.int64]
) -> tuple[Bools, Bools]:
    """Return of each claim with relevant documents whether it falls below, and of each without whether it does not.

    Each part of the claims is measured with the cosine that the other parts alone choose. Where none can be chosen,
    nobody is told that there is nothing.
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


def blend_measures(
    rows: Sequence[JudgedHits], probabilities: Sequence[Floats], ndcg: Values, n_folds: int, seed: int
) -> BlendMeasures:
    """Measure probabilities, an array for each claim, beside the judgments."""
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


def _ndcg(rankings: Sequence[Ranking], rows: Sequence[JudgedHits], qrels: Qrels) -> Values:
    run: Run = {row.claim.query_id: ranking for row, ranking in zip(rows, rankings, strict=True)}
    return values_by_claim(run, {query_id: qrels[query_id] for query_id in run}, [_MEASURE])[_MEASURE]


def calibrated_text(found: Calibrated) -> str:
    """Return all that was measured, in lines for people."""
    before, after = found.before, found.measured
    rows = [
        ("", "before", "after"),
        *(
            (f"calibration error of the first {old.k}", _error(old), _error(new))
            for old, new in zip(before.calibration, after.calibration, strict=True)
        ),
        ("Brier score", f"{before.brier:.4f}", f"{after.brier:.4f}"),
        ("log loss", f"{before.log_loss:.4f}", f"{after.log_loss:.4f}"),
        (_MEASURE, f"{before.ndcg:.4f}", f"{after.ndcg:.4f}"),
    ]
    lines = [
        f"{after.n_claims:,} claims, {after.n_hits:,} hits; after: each claim by a fit to the other parts of "
        f"{after.n_folds}",
        *(f"{name:<34}  {old:<20}  {new}".rstrip() for name, old, new in rows),
        found.ranking_text,
        _relevance_text(found.blend.relevance),
    ]
    return "\n".join(lines)


def _error(error: CalibrationError) -> str:
    return f"{error.error:.3f} [{error.low:.3f}, {error.high:.3f}]"


def _relevance_text(threshold: RelevanceThreshold | None) -> str:
    if threshold is None:
        return (
            f"No threshold for answers in which nothing is relevant: it takes an encoder, {MIN_CLAIMS} claims with "
            "evidence in the index, and a nearest document that tells them from senseless ones."
        )
    counts = f"{threshold.n_with:,} with evidence, {threshold.n_senseless:,} senseless"
    if threshold.n_without:
        counts += f", {threshold.n_without:,} on which there is nothing"
    return (
        f"Probably nothing relevant: where the nearest document's cosine is below {threshold.cosine:.3f}. Of claims "
        f"left out of the choice ({counts}), {threshold.errors_text}."
    )


def check_output(model_dir: Path, output_dir: Path | None) -> None:
    """Raise InputError where `write_calibrated` would, before the work that may take an hour."""
    if output_dir is None:
        try:
            require_writable_folder(model_dir)
        except OSError as error:
            reason = f"cannot be written ({error.strerror}); name a folder for a copy with --output DIR"
            raise InputError(f"{model_dir}: {reason}") from error
        return
    if output_dir.exists() and (not output_dir.is_dir() or any(output_dir.iterdir())):
        raise InputError(f"{output_dir}: is there already; name a new folder for the copy")
    if not output_dir.resolve().parent.is_dir():
        raise InputError(f"{output_dir}: cannot be written: there is no folder {output_dir.resolve().parent}")
    try:
        require_writable_folder(output_dir.resolve().parent)
    except OSError as error:
        raise InputError(f"{output_dir}: cannot be written ({error.strerror})") from error


def write_calibrated(blend: Blend, model_dir: Path, output_dir: Path | None = None) -> Path:
    """Write the blend into the model's folder, or into a new copy of it; returns the blend's folder.

    Either appears whole or not at all. Raises InputError where it cannot be written, or the copy is there already.
    """
    check_output(model_dir, output_dir)
    if output_dir is None:
        save_blend(blend, model_dir)
        return model_dir
    part = output_dir.resolve().with_name(f".{output_dir.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        shutil.copytree(model_dir, part, ignore=shutil.ignore_patterns("__init__.py", "__pycache__", "checkpoint*"))
        save_blend(blend, part)
        part.replace(output_dir)
    except OSError as error:
        raise InputError(f"{output_dir}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return output_dir
