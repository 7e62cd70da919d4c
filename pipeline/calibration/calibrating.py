"""Fitting of a reranker's probabilities to judged claims, with the effect of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.splits import folds_of_groups
from claimhound.data.progress import Progress, silent
from claimhound.pipeline.calibration.cross_validation import (
    RANKING_MEASURE,
    blend_measures,
    measured_blend,
    ndcg_by_claim,
)
from claimhound.pipeline.calibration.fields import JudgedField, claims_of_fields
from claimhound.pipeline.calibration.judged_hits import JudgedHits, judged_hits
from claimhound.pipeline.calibration.relevance_threshold import MIN_CLAIMS, relevance_threshold
from claimhound.pipeline.evaluation.judged import Finding, JudgedClaims
from claimhound.pipeline.evaluation.statistics import SIGNIFICANT, PairedTest, paired_tests
from claimhound.pipeline.models.blending import (
    FITTED_FEATURES,
    Blend,
    BlendMeasures,
    CalibrationError,
    FieldMeasures,
    probability,
)
from claimhound.pipeline.models.cross_encoders import Reranker
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
    fields: Sequence[JudgedField],
    *,
    features: Sequence[str] = FITTED_FEATURES,
    n_folds: int = 5,
    seed: int = 0,
    excluded_claims: Sequence[str] = (),
    without_evidence: Sequence[str] = (),
    on_progress: Progress = silent,
) -> Calibrated:
    """Fit one blend for the reranker of all fields to their claims that have judgments, and cross-validate it.

    The hits of each field have the same total weight, see `hit_weights`; the measurements pool all claims, and are also
    given for each field. A claim is in one fold in all fields, so none is measured by a blend that saw it.

    The reranker must not have been trained on the claims: on those it is more confident than it is accurate. Claims
    among `excluded_claims`, compared as normalised text, are left out and counted. With an encoder, the threshold below
    which probably nothing is relevant is chosen too, for the first field's index, on its claims against nonsense and
    `without_evidence`: claims known to have nothing in that index.

    Raises InputError for a field without a claim that has a relevant judgment, with fewer distinct claims than folds,
    or whose relevant documents are not in the index or not found; and for a feature that a model cannot give. Raises
    ValueError without a reranker, for fields with different rerankers or the same name, and for unknown features.
    """
    main, reranker = fields[0].pipeline, fields[0].pipeline.reranker
    if reranker is None:
        raise ValueError("there is no reranker whose probabilities could be fitted")
    if any(field.pipeline.reranker is not reranker for field in fields):
        raise ValueError("the fields have different rerankers, but a blend is for one")
    names = [field.name for field in fields]
    if len(set(names)) < len(names):
        raise ValueError(f"two fields have the same name: {', '.join(names)}")
    _require_features(features, fields, reranker)
    of_fields = claims_of_fields(fields, excluded_claims)
    labels = [name if len(names) > 1 else "" for name in names]
    # Before the search, which may take an hour.
    claims = {label: one.judged.claims for label, one in zip(labels, of_fields, strict=True)}
    folds_of_fields = folds_of_groups(claims, n_folds, seed)
    rows_of_fields = [
        _judged_hits(field.pipeline, one.judged, label, features, on_progress)
        for field, one, label in zip(fields, of_fields, labels, strict=True)
    ]
    rows, folds = [row for of_one in rows_of_fields for row in of_one], np.concatenate(folds_of_fields)
    blend, ndcg = measured_blend(rows, folds, seed, features)
    relevance = relevance_threshold(
        main, rows_of_fields[0], folds_of_fields[0], seed, without_evidence=without_evidence, on_progress=on_progress
    )
    before = reranker.blend
    ndcg_before = ndcg_by_claim([row.rescored(before) for row in rows], rows)
    measured = blend_measures(rows, [probability(before, row.scores) for row in rows], ndcg_before, 0, seed)
    (test,) = paired_tests(ndcg_before[None], ndcg[None], seed)
    findings = tuple(finding for one in of_fields for finding in one.judged.findings)
    n_excluded = sum(one.n_excluded for one in of_fields)
    return Calibrated(replace(blend, relevance=relevance), measured, test, findings, n_excluded)


def _judged_hits(
    pipeline: EvidencePipeline, judged: JudgedClaims, field: str, features: Sequence[str], on_progress: Progress
) -> list[JudgedHits]:
    """Return the judged hits; `field` is empty if it is the only one."""
    with_decides = "decides" in features
    rows = judged_hits(pipeline, judged.claims, judged.qrels, on_progress, with_decides=with_decides, field=field)
    if field and not any(row.relevant.any() for row in rows):
        raise InputError(f"{field}: none of the relevant documents of its {len(rows):,} claims was found")
    return rows


def _require_features(features: Sequence[str], fields: Sequence[JudgedField], reranker: Reranker) -> None:
    """Raise InputError if a model cannot give one of the features, ValueError if no blend may use them."""
    Blend(weights=tuple((name, 0.0) for name in features))
    if "decides" in features and not reranker.has_two_heads:
        raise InputError(
            f"{reranker.name}: the feature decides takes a model that also tells the stance, and this one has no "
            "stance head; leave the feature out, or train a model with: claimhound train cross-encoder"
        )
    encoders = [field.pipeline.encoder for field in fields if field.pipeline.encoder is not None]
    unbounded = [one.identity.name for one in encoders if one.identity.similarity == "dot"]
    if "cosine" in features and unbounded:
        raise InputError(
            f"encoder {unbounded[0]} compares by inner products, but the feature cosine takes cosines; leave it out"
        )


def calibrated_text(found: Calibrated) -> str:
    """Return all measurements as text."""
    before, after = found.before, found.measured
    of_fields = f" in {len(after.fields)} fields" if after.fields else ""
    errors = zip(before.calibration, after.calibration, strict=True)
    lines = [
        f"{after.n_claims:,} claims, {after.n_hits:,} hits{of_fields}; "
        f"after: {after.n_folds}-fold cross-validation by claim",
        _line("", "before", "after"),
        *(_line(f"calibration error of the first {old.k}", _error(old), _error(new)) for old, new in errors),
        *_losses_and_ranking(before, after),
    ]
    for old, new in zip(before.fields, after.fields, strict=True):
        lines += [
            f"{new.name}: {new.n_claims:,} claims, {new.n_hits:,} hits",
            _line(
                f"calibration error of the first {old.calibration.k}", _error(old.calibration), _error(new.calibration)
            ),
            *_losses_and_ranking(old, new),
        ]
    return "\n".join([*lines, found.ranking_text, _relevance_text(found.blend.relevance)])


def _losses_and_ranking(
    before: BlendMeasures | FieldMeasures, after: BlendMeasures | FieldMeasures
) -> tuple[str, str, str]:
    return (
        _line("Brier score", f"{before.brier:.4f}", f"{after.brier:.4f}"),
        _line("log loss", f"{before.log_loss:.4f}", f"{after.log_loss:.4f}"),
        _line(RANKING_MEASURE, f"{before.ndcg:.4f}", f"{after.ndcg:.4f}"),
    )


def _line(name: str, before: str, after: str) -> str:
    return f"{name:<34}  {before:<20}  {after}".rstrip()


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
