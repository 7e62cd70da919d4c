"""Fusion weights and cutoffs from judged claims, with a guard against taking chance for gain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.splits import claim_folds
from claimhound.data.records import Qrels, Query, Ranking
from claimhound.data.text.claim_text import searched_text
from claimhound.data.text.text_form import read_form
from claimhound.pipeline.evaluation.judged import Finding, JudgedClaims, judged_claims, unknown_documents
from claimhound.pipeline.evaluation.measures import Values, cutoff, parse_measures, values_by_claim
from claimhound.pipeline.evaluation.statistics import SIGNIFICANT, PairedTest, paired_tests
from claimhound.pipeline.models.cross_encoders import Reranker
from claimhound.pipeline.search.config import Fusion, PipelineConfig
from claimhound.pipeline.search.copies import CopyFinder
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.fusion import fuse_stages
from claimhound.pipeline.search.rescoring import rescored

FIRST_STAGE_KS = (50, 100, 200, 400)
RERANK_KS = (50, 100, 200)
RRF_KS = (10, 30, 60, 100)
BM25_WEIGHTS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
TITLE_WEIGHTS = (0.0, 0.25, 0.5, 1.0)
_CLAIMS_AT_A_TIME = 16
# Means that differ by less are taken for equal: sums in another order differ in the last bits.
_EQUAL = 1e-9

Advance: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class Tuning:
    """What came of trying `settings`, the first of which is the default, on judged claims.

    `best` has the highest mean over all claims, `best_mean`, which is too high: the claims that chose it measure it.
    `held_out` has for each claim the value of the setting that the other folds chose, so `held_out.mean()` is what such
    a choice is worth on new claims; `test` compares it with the default's values on the same claims. `fold_choices` are
    the settings that were chosen without each fold. The reranker scored `n_pairs`.
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
        """Whether tuning does better than the default on claims that it did not see, by more than chance (p < .05)."""
        return self.test.difference.mean > 0 and self.test.p < SIGNIFICANT

    @property
    def note(self) -> str:
        """What was found, in sentences."""
        low, high = self.test.difference.low, self.test.difference.high
        found = (
            f"{self.measure} {self.held_out.mean():.4f} on claims left out of the choice, "
            f"{self.default_values.mean():.4f} by default, difference {self.test.difference.mean:+.4f} "
            f"[{low:+.4f}, {high:+.4f}], p = {self.test.p:.4f} in a randomisation test; {self.test.won} claims better, "
            f"{self.test.lost} worse, {self.test.tied} the same; {len(self.fold_choices)} folds."
        )
        if self.is_gain_shown:
            return f"Tuning helps on these claims: {found}"
        what = (
            "Tuning gains nothing that can be told from chance"
            if self.test.difference.mean > 0
            else "Tuning gains nothing on claims that it has not seen"
        )
        best = changes(self.best, self.default)
        return f"{what}, so the default settings stand: {found} The best on the claims themselves: {best}."

    @property
    def chosen(self) -> PipelineConfig:
        """The best setting where its gain is shown, otherwise the default."""
        return self.best if self.is_gain_shown else self.default


def tune(
    pipeline: EvidencePipeline,
    claims: Sequence[Query],
    qrels: Qrels,
    *,
    measure: str = "nDCG@10",
    n_folds: int = 5,
    seed: int = 0,
    on_progress: Advance = lambda _done, _total: None,
) -> Tuning:
    """Choose the setting of `tuning_grid` with the highest mean of a measure of the final list, and cross-validate it.

    The pipeline's own config is the default. Each claim is searched once, and the reranker scores once what any setting
    would have it score. Claims of the same text lie in the same fold. Raises InputError for a measure that cannot be
    computed and for fewer distinct claims than folds, ValueError for fewer than two folds and without an encoder:
    a single list has no weights.
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


def tuning_grid(
    default: PipelineConfig, *, with_reranker: bool, with_titles: bool = False
) -> tuple[PipelineConfig, ...]:
    """Return the settings to try: the default, then the others from cheap to costly, none twice.

    Each of FIRST_STAGE_KS and BM25_WEIGHTS with reciprocal rank fusion at each of RRF_KS, and with min-max fusion: 140
    settings; with a reranker each of them at each of RERANK_KS: 420; where documents have titles each of these at each
    of TITLE_WEIGHTS. Cheap is what has the reranker read less, then what searches less deep.
    """
    fusions: list[tuple[Fusion, int]] = [*(("reciprocal-rank", rrf_k) for rrf_k in RRF_KS), ("min-max", default.rrf_k)]
    rerank_ks = RERANK_KS if with_reranker else (default.rerank_k,)
    title_weights = TITLE_WEIGHTS if with_titles else (default.title_weight,)
    others = [
        replace(
            default,
            fusion=fusion,
            rrf_k=rrf_k,
            bm25_weight=weight,
            title_weight=title_weight,
            first_stage_k=first_stage_k,
            rerank_k=rerank_k,
        )
        for rerank_k, first_stage_k in product(rerank_ks, FIRST_STAGE_KS)
        for fusion, rrf_k in fusions
        for weight, title_weight in product(BM25_WEIGHTS, title_weights)
    ]
    return tuple(dict.fromkeys([default, *others]))


def best_setting(values: Values, settings: Sequence[PipelineConfig]) -> int:
    """Return the row of (n_settings, n_claims) values with the highest mean; of equal ones the first.

    In the order of `tuning_grid` that is the default, then the cheapest.
    """
    if len(values) != len(settings):
        raise ValueError(f"{len(settings)} settings need as many rows of values, got {len(values)}")
    means = values.mean(axis=1)
    return int(np.flatnonzero(means >= means.max() - _EQUAL)[0])


def cross_validated(
    values: Values, folds: NDArray[np.int64], settings: Sequence[PipelineConfig]
) -> tuple[Values, list[int]]:
    """Return (n_claims,) values, each of the setting that is best without the claim's fold, and each fold's choice.

    The values of a fold's claims have no part in the choice that is measured on them.
    """
    held_out = np.zeros(values.shape[1], dtype=np.float64)
    choices: list[int] = []
    for fold in range(int(folds.max()) + 1):
        choice = best_setting(values[:, folds != fold], settings)
        held_out[folds == fold] = values[choice, folds == fold]
        choices.append(choice)
    return held_out, choices


def setting_values(
    pipeline: EvidencePipeline,
    judged: JudgedClaims,
    settings: Sequence[PipelineConfig],
    measure: str,
    on_progress: Advance = lambda _done, _total: None,
) -> tuple[Values, int]:
    """Return (n_settings, n_claims) values of the final list, and how many pairs the reranker scored for them.

    Only a few claims' lists are held at a time.
    """
    list_k = max(setting.first_stage_k for setting in settings)
    title_weights = sorted({setting.title_weight for setting in settings})
    searchers = {
        weight: EvidencePipeline(
            pipeline.index,
            # The vectors know no title weight: one search by them serves all.
            pipeline.encoder if weight == title_weights[0] else None,
            None,
            replace(pipeline.config, title_weight=weight),
        )
        for weight in title_weights
    }
    rows_by_first_stage: dict[PipelineConfig, list[int]] = {}
    for row, setting in enumerate(settings):
        rows_by_first_stage.setdefault(replace(setting, rerank_k=1), []).append(row)
    rows = [str(row) for row in range(len(settings))]
    depth = cutoff(measure)
    n_claims, n_pairs = len(judged.claims), 0
    values = np.zeros((len(settings), n_claims), dtype=np.float64)
    for start in range(0, n_claims, _CLAIMS_AT_A_TIME):
        batch = judged.claims[start : start + _CLAIMS_AT_A_TIME]
        texts = [claim.text for claim in batch]
        found = {weight: searcher.rank(texts, list_k=list_k) for weight, searcher in searchers.items()}
        for place, claim in enumerate(batch):
            column = start + place
            dense = found[title_weights[0]][place].dense
            candidates = [
                _Candidates(
                    found[setting.title_weight][place].bm25,
                    dense,
                    setting,
                    [(row, settings[row].rerank_k) for row in of_setting],
                )
                for setting, of_setting in rows_by_first_stage.items()
            ]
            logits, same = _logits(pipeline, claim, candidates)
            n_pairs += len(logits)
            # One call for all settings: to ir_measures they are so many queries with the same judgments. A measure at a
            # cutoff reads no further than that.
            run = {
                str(row): final[:depth]
                for item in candidates
                for row, final in item.final_lists(pipeline.reranker, logits, same)
            }
            qrels = dict.fromkeys(rows, judged.qrels[claim.query_id])
            values[:, column] = values_by_claim(run, qrels, [measure], rows)[measure]
            on_progress(column + 1, n_claims)
    return values, n_pairs


class _Candidates:
    """What a search of one claim would fuse with a first stage's setting, and the settings that rescore it."""

    def __init__(
        self,
        bm25: Ranking | None,
        dense: Ranking | None,
        setting: PipelineConfig,
        rows: Sequence[tuple[int, int]],
    ) -> None:
        """`rows` are settings' numbers, each with its rerank_k."""
        self.bm25 = (bm25 or [])[: setting.first_stage_k]
        self.dense = (dense or [])[: setting.first_stage_k]
        self.fused = fuse_stages(self.bm25, self.dense, setting)
        self.rows = rows

    def rescored_ids(self) -> set[str]:
        """Return the documents that any of the settings would have rescored."""
        return {hit.doc_id for hit in self.fused[: max(rerank_k for _, rerank_k in self.rows)]}

    def final_lists(
        self, reranker: Reranker | None, logits: Mapping[str, float], same: Mapping[str, str]
    ) -> Iterator[tuple[int, Ranking]]:
        """Yield each setting's number and the list that it ends with."""
        for row, rerank_k in self.rows:
            if reranker is None:
                yield row, self.fused
                continue
            head = np.array([logits[hit.doc_id] for hit in self.fused[:rerank_k]], dtype=np.float64)
            yield row, rescored(self.fused, head, reranker.blend, self.bm25, self.dense, same)


def _logits(
    pipeline: EvidencePipeline, claim: Query, candidates: Sequence[_Candidates]
) -> tuple[dict[str, float], dict[str, str]]:
    """Return the reranker's logits of all documents that any setting would have rescored, and which read the same."""
    if pipeline.reranker is None:
        return {}, {}
    wanted = sorted(set().union(*(item.rescored_ids() for item in candidates)))
    pairs = [(searched_text(claim.text), read_form(document)) for document in pipeline.index.documents(wanted)]
    logits = pipeline.reranker.score(pairs).logits.tolist()
    same = CopyFinder(pipeline.index.documents).alike(wanted, read_form)
    return dict(zip(wanted, logits, strict=True)), same


def changes(config: PipelineConfig, default: PipelineConfig) -> str:
    """Return in one line what of a setting is not the default, by the fields' names."""
    found = [
        f"{field.name} {getattr(config, field.name)}"
        for field in fields(config)
        if getattr(config, field.name) != getattr(default, field.name)
    ]
    return ", ".join(found) or "the default"
