"""Fitting of a reranker's probabilities to judged claims, with the effect of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from claimhound.data.labelled_sets.splits import claim_folds, without_claims
from claimhound.data.progress import Progress, silent
from claimhound.data.records import Qrels, Query
from claimhound.pipeline.calibration.cross_validation import (
    RANKING_MEASURE,
    blend_measures,
    measured_blend,
    ndcg_by_claim,
)
from claimhound.pipeline.calibration.judged_hits import judged_hits
from claimhound.pipeline.calibration.relevance_threshold import MIN_CLAIMS, relevance_threshold
from claimhound.pipeline.evaluation.judged import Finding, judged_claims
from claimhound.pipeline.evaluation.statistics import SIGNIFICANT, PairedTest, paired_tests
from claimhound.pipeline.models.blending import Blend, BlendMeasures, CalibrationError, probability
from claimhound.pipeline.models.relevance import RelevanceThreshold
from claimhound.pipeline.search.evidence import EvidencePipeline


@dataclass(frozen=True)
class Calibrated:
    """A blend with its measurements, and those of the blend `before` it on the same claims.

    `test` compares the nDCG@10 of the new blend, on claims left out of its fit, with the old one's. `before.n_folds` is
    0: the old blend was not fitted here.
    """

    blend: Blend
    before: BlendMeasures
    test: PairedTest
    findings: tuple[Finding, ...] = ()
    n_excluded: int = 0

    @property
    def measured(self) -> BlendMeasures:
        """The measurements of the new blend."""
        assert self.blend.measured is not None
        return self.blend.measured

    @property
    def ranking_text(self) -> str:
        """The effect of the new blend on the ranking, in a sentence."""
        mean, low, high = self.test.difference
        word = "makes no significant difference to the ranking"
        if self.test.p < SIGNIFICANT:
            word = "ranks better" if mean > 0 else "ranks WORSE"
        return (
            f"The new blend {word}: {RANKING_MEASURE} {self.measured.ndcg:.3f} after {self.before.ndcg:.3f}, "
            f"difference {mean:+.3f} [{low:+.3f}, {high:+.3f}], p = {self.test.p:.4f} in a randomisation test."
        )


def calibrate(
    pipeline: EvidencePipeline,
    claims: Sequence[Query],
    qrels: Qrels,
    *,
    n_folds: int = 5,
    seed: int = 0,
    excluded_claims: Sequence[str] = (),
    without_evidence: Sequence[str] = (),
    on_progress: Progress = silent,
) -> Calibrated:
    """Fit a blend for the pipeline's reranker to the claims that have judgments, and cross-validate it.

    The reranker must not have been trained on the claims: on those it is more confident than it is accurate. Claims
    among `excluded_claims`, compared as normalised text, are left out and counted. With an encoder, the threshold below
    which probably nothing is relevant is chosen too, on these claims against nonsense and `without_evidence`: claims
    known to have nothing in the index. Raises InputError if no claim has a relevant judgment, if there are fewer
    distinct claims than folds and if the reranker reads no relevant hit; ValueError without a reranker.
    """
    if pipeline.reranker is None:
        raise ValueError("there is no reranker whose probabilities could be fitted")
    used, excluded = without_claims(claims, excluded_claims, lambda claim: claim.text)
    judged = judged_claims(used, qrels)
    folds = claim_folds(judged.claims, n_folds, seed)  # before the search, which may take an hour
    rows = judged_hits(pipeline, judged.claims, judged.qrels, on_progress)
    blend, ndcg = measured_blend(rows, folds, judged.qrels, seed)
    relevance = relevance_threshold(
        pipeline, rows, folds, judged.qrels, seed, without_evidence=without_evidence, on_progress=on_progress
    )
    before = pipeline.reranker.blend
    ndcg_before = ndcg_by_claim([row.rescored(before) for row in rows], rows, judged.qrels)
    measured = blend_measures(rows, [probability(before, row.scores) for row in rows], ndcg_before, 0, seed)
    (test,) = paired_tests(ndcg_before[None], ndcg[None], seed)
    return Calibrated(replace(blend, relevance=relevance), measured, test, judged.findings, len(excluded))


def calibrated_text(found: Calibrated) -> str:
    """Return all measurements as text."""
    before, after = found.before, found.measured
    rows = [
        ("", "before", "after"),
        *(
            (f"calibration error of the first {old.k}", _error(old), _error(new))
            for old, new in zip(before.calibration, after.calibration, strict=True)
        ),
        ("Brier score", f"{before.brier:.4f}", f"{after.brier:.4f}"),
        ("log loss", f"{before.log_loss:.4f}", f"{after.log_loss:.4f}"),
        (RANKING_MEASURE, f"{before.ndcg:.4f}", f"{after.ndcg:.4f}"),
    ]
    lines = [
        f"{after.n_claims:,} claims, {after.n_hits:,} hits; after: {after.n_folds}-fold cross-validation by claim",
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
            "evidence in the index, and cosines that separate them from nonsense claims."
        )
    counts = f"{threshold.n_with:,} with evidence, {threshold.n_senseless:,} nonsense"
    if threshold.n_without:
        counts += f", {threshold.n_without:,} known to have none"
    return (
        f"Probably nothing relevant: if the nearest document's cosine is below {threshold.cosine:.3f}. Of held-out "
        f"claims ({counts}), {threshold.errors_text}."
    )
