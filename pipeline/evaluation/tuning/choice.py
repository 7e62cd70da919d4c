"""Fusion weights and cutoffs chosen on judged claims, if they help significantly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.splits import claim_folds
from claimhound.data.progress import Progress, silent
from claimhound.data.records import Qrels, Query
from claimhound.pipeline.evaluation.judged import Finding, judged_claims, unknown_documents
from claimhound.pipeline.evaluation.measures import Values, parse_measures
from claimhound.pipeline.evaluation.statistics import SIGNIFICANT, PairedTest, paired_tests
from claimhound.pipeline.evaluation.tuning.cross_validation import best_setting, cross_validated
from claimhound.pipeline.evaluation.tuning.grid import changes, tuning_grid
from claimhound.pipeline.evaluation.tuning.setting_values import setting_values
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.evidence import EvidencePipeline


@dataclass(frozen=True)
class Tuning:
    """The result of trying `settings`, of which the first is the default, on judged claims.

    `best` has the highest mean over all claims, `best_mean`, which is too high: it is measured on the claims that chose
    it. `held_out` has for each claim the value of the setting that the other folds chose: `held_out.mean()` estimates
    the value of such a choice on new claims. `test` compares it with the default's values on the same claims.
    `fold_choices` are the settings chosen without each fold. The reranker scored `n_pairs`.
    """

    measure: str
    settings: tuple[PipelineConfig, ...]
    best: PipelineConfig
    best_mean: float
    default_values: Values
    held_out: Values
    fold_choices: tuple[PipelineConfig, ...]
    test: PairedTest
    findings: tuple[Finding, ...]
    n_pairs: int

    @property
    def default(self) -> PipelineConfig:
        """The settings that the others are compared with."""
        return self.settings[0]

    @property
    def is_gain_shown(self) -> bool:
        """Whether tuning beats the default on claims left out of the choice by more than chance (p < .05)."""
        return self.test.difference.mean > 0 and self.test.p < SIGNIFICANT

    @property
    def note(self) -> str:
        """The result in sentences."""
        low, high = self.test.difference.low, self.test.difference.high
        found = (
            f"{self.measure} {self.held_out.mean():.4f} on claims left out of the choice, "
            f"{self.default_values.mean():.4f} by default, difference {self.test.difference.mean:+.4f} "
            f"[{low:+.4f}, {high:+.4f}], p = {self.test.p:.4f} in a randomisation test; {self.test.won} claims better, "
            f"{self.test.lost} worse, {self.test.tied} the same; {len(self.fold_choices)} folds."
        )
        if self.is_gain_shown:
            return f"Tuning helps on these claims: {found}"
        what = "significant" if self.test.difference.mean > 0 else "on claims left out of the choice"
        best = changes(self.best, self.default)
        return f"Tuning gains nothing {what}, so the default settings are kept: {found} Best on all claims: {best}."

    @property
    def chosen(self) -> PipelineConfig:
        """The best setting if its gain is shown, otherwise the default."""
        return self.best if self.is_gain_shown else self.default


def tune(
    pipeline: EvidencePipeline,
    claims: Sequence[Query],
    qrels: Qrels,
    *,
    measure: str = "nDCG@10",
    n_folds: int = 5,
    seed: int = 0,
    on_progress: Progress = silent,
) -> Tuning:
    """Choose the setting of `tuning_grid` whose final lists have the highest mean of a measure, and cross-validate it.

    The pipeline's own config is the default. Each claim is searched once, and the reranker scores each pair once for
    all settings. Claims with the same text share a fold. Raises InputError for a measure that cannot be computed and
    for fewer distinct claims than folds, and ValueError for fewer than two folds and without an encoder: a single list
    has no weights.
    """
    if n_folds < 2:
        raise ValueError(f"cross-validation needs at least 2 folds, got {n_folds}")
    if pipeline.encoder is None:
        raise ValueError("tuning weighs BM25 against the vectors, and there is no encoder")
    names = parse_measures(measure)
    if len(names) != 1:
        raise InputError(f"tuning goes by one measure, got {len(names)}: {' '.join(names)}")
    judged = judged_claims(claims, qrels)
    folds = claim_folds(judged.claims, n_folds, seed)
    settings = tuning_grid(
        pipeline.config, with_reranker=pipeline.reranker is not None, with_titles=pipeline.index.has_titles
    )
    values, n_pairs = setting_values(pipeline, judged, settings, names[0], on_progress)
    held_out, choices = cross_validated(values, folds, settings)
    best = best_setting(values, settings)
    wanted = sorted({doc_id for _, doc_id in judged.relevant()})
    return Tuning(
        measure=names[0],
        settings=settings,
        best=settings[best],
        best_mean=float(values[best].mean()),
        default_values=values[0],
        held_out=held_out,
        fold_choices=tuple(settings[choice] for choice in choices),
        test=paired_tests(values[:1], held_out[np.newaxis], seed)[0],
        findings=judged.findings + unknown_documents(judged, pipeline.index.positions_of(wanted)),
        n_pairs=n_pairs,
    )
