"""Evaluation of every stage of a pipeline, or of runs of any systems, on judged claims."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from claimhound.data.disk.checksums import json_sha256
from claimhound.data.disk.journal import Journal
from claimhound.data.errors import InputError
from claimhound.data.progress import Progress, silent
from claimhound.data.records import EvidenceSets, Json, Qrels, Query, Run
from claimhound.pipeline.evaluation.evidence_sets import require_sets, set_values
from claimhound.pipeline.evaluation.judged import Finding, JudgedClaims, judged_claims, run_findings, unknown_documents
from claimhound.pipeline.evaluation.losses import Loss, trace_losses
from claimhound.pipeline.evaluation.measures import DEFAULT_MEASURES, Values, set_cutoff, values_by_claim
from claimhound.pipeline.evaluation.reliability import Reliability, ToldNothing, reliability, stored_text, told_nothing
from claimhound.pipeline.evaluation.shown_sets import ReturnedSet, WithCopies, returned_sets, with_copies
from claimhound.pipeline.evaluation.stage_runs import LISTS, search_stages
from claimhound.pipeline.evaluation.statistics import Interval, mean_intervals
from claimhound.pipeline.evaluation.verdict import Verdict, verdict
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.opening import describe, without_places


@dataclass(frozen=True)
class MeasureSettings:
    """The measures of an evaluation, and the seed of its intervals and tests.

    `sets@k` needs `evidence_sets`; see `set_values`.
    """

    measures: Sequence[str] = DEFAULT_MEASURES
    evidence_sets: EvidenceSets | None = None
    seed: int = 0


@dataclass(frozen=True)
class StageSettings:
    """The lists to measure, out of LISTS, and how deep.

    BM25 and the vectors are searched down to rank `list_k`. Fusion and reranking use the same depths as a search, so
    those lists may end earlier. A reader is assumed to see `shown_k` pieces of evidence. In the lists each document
    counts separately; `folding` also measures the evidence as shown, with near-copies as one piece.
    """

    lists: Sequence[str] = LISTS
    list_k: int = 1000
    shown_k: int = 5
    folding: bool = True


@dataclass(frozen=True)
class StageReport:
    """Results that need a pipeline, not just runs.

    `timings_ms` is each stage's mean wall time for a claim, `search_s` the search time of this process for
    `n_searched` claims. `verdict` and `reliability` need a reranker; `stored_calibration` (a sentence) and
    `told_nothing` need measurements stored in its folder; `with_copies` needs folding.
    """

    config: PipelineConfig
    list_k: int
    shown_k: int
    losses: list[Loss]
    returned: tuple[ReturnedSet, ...]
    timings_ms: dict[str, float]
    n_searched: int
    search_s: float
    verdict: Verdict | None = None
    reliability: tuple[Reliability, ...] = ()
    stored_calibration: str | None = None
    told_nothing: ToldNothing | None = None
    with_copies: WithCopies | None = None


@dataclass(frozen=True)
class Evaluation:
    """Values and intervals by list and measure; a list is one of LISTS, or the name of a run.

    `values` are (n_claims,) in the order of `judged.claims`. `measuring_s` is the time of everything but searching.
    """

    judged: JudgedClaims
    measures: tuple[str, ...]
    runs: dict[str, Run]
    values: dict[str, dict[str, Values]]
    intervals: dict[str, dict[str, Interval]]
    findings: tuple[Finding, ...]
    settings: dict[str, Json]
    measuring_s: float
    stages: StageReport | None = None

    @property
    def means(self) -> dict[str, dict[str, float]]:
        """Each measure's mean over the claims, by list."""
        return {
            name: {measure: interval.mean for measure, interval in row.items()} for name, row in self.intervals.items()
        }


def evaluate(
    pipeline: EvidencePipeline,
    claims: Sequence[Query],
    qrels: Qrels,
    *,
    measuring: MeasureSettings = MeasureSettings(),
    stages: StageSettings = StageSettings(),
    journal_path: Path | None = None,
    fresh: bool = False,
    on_progress: Progress = silent,
) -> Evaluation:
    """Measure every stage of the pipeline on the claims that have judgments.

    Search results are kept in `journal_path`, and an interrupted evaluation resumes from them unless `fresh`.

    Raises InputError if no claim has a relevant judgment, if the index holds none of the relevant documents, for a
    journal of another evaluation, and for `sets@k` without sets of evidence.
    """
    require_sets(measuring.measures, measuring.evidence_sets or {})
    start = time.perf_counter()
    judged = judged_claims(claims, qrels)
    held = set(pipeline.index.positions_of(sorted({doc_id for _, doc_id in judged.relevant()})))
    findings = judged.findings + unknown_documents(judged, held)
    settings = describe(pipeline) | {
        "list_k": stages.list_k,
        "folding": stages.folding,
        "claims_sha256": json_sha256([[claim.query_id, claim.text] for claim in judged.claims]),
    }
    with _journal(journal_path, settings, fresh=fresh) as journal:
        searching = time.perf_counter()
        found = search_stages(
            pipeline,
            judged.claims,
            list_k=stages.list_k,
            folding=stages.folding,
            journal=journal,
            on_progress=on_progress,
        )
        search_s = time.perf_counter() - searching
    runs = {
        name: {query_id: ranking[: stages.list_k] for query_id, ranking in run.items()}
        for name, run in found.runs.items()
        if name in stages.lists
    }
    if not runs:
        raise InputError(f"none of the chosen stages runs with this index and these models: {', '.join(stages.lists)}")
    values, intervals = _measure(runs, judged, measuring)
    shown_k, seed, config = stages.shown_k, measuring.seed, pipeline.config
    reliabilities = (reliability(found.runs.get("reranked", {}), judged, k) for k in (shown_k, config.rerank_k))
    report = StageReport(
        config=config,
        list_k=stages.list_k,
        shown_k=shown_k,
        losses=trace_losses(found.runs, judged, held, config, shown_k),
        returned=returned_sets(found.runs, judged, config, shown_k, seed),
        timings_ms=found.timings_ms,
        n_searched=found.n_searched,
        search_s=search_s,
        verdict=verdict(found.runs, judged, seed),
        reliability=tuple(item for item in reliabilities if item is not None),
        stored_calibration=None if pipeline.reranker is None else stored_text(pipeline.reranker.blend),
        told_nothing=told_nothing(pipeline, found.runs.get("dense", {}), judged, held),
        with_copies=with_copies(pipeline, found.folded, judged, held, k=shown_k, seed=seed) if stages.folding else None,
    )
    return Evaluation(
        judged=judged,
        measures=tuple(measuring.measures),
        runs=runs,
        values=values,
        intervals=intervals,
        findings=findings,
        settings=settings | {"shown_k": shown_k, "seed": seed},
        measuring_s=time.perf_counter() - start - search_s,
        stages=report,
    )


def evaluate_runs(
    runs: Mapping[str, Run],
    claims: Sequence[Query] | None,
    qrels: Qrels,
    measuring: MeasureSettings = MeasureSettings(),
) -> Evaluation:
    """Measure runs of any systems, by name; without claims, on every claim that the qrels judge.

    Raises InputError if no claim has a relevant judgment, for a run without hits for any judged claim, and for `sets@k`
    without sets of evidence.
    """
    require_sets(measuring.measures, measuring.evidence_sets or {})
    start = time.perf_counter()
    judged = judged_claims(claims, qrels)
    findings = [finding for name, run in runs.items() for finding in run_findings(name, run, judged)]
    kept = {name: {query_id: run.get(query_id, []) for query_id in judged.query_ids} for name, run in runs.items()}
    values, intervals = _measure(kept, judged, measuring)
    return Evaluation(
        judged=judged,
        measures=tuple(measuring.measures),
        runs=kept,
        values=values,
        intervals=intervals,
        findings=(*judged.findings, *findings),
        settings={"seed": measuring.seed},
        measuring_s=time.perf_counter() - start,
    )


def _measure(
    runs: Mapping[str, Run], judged: JudgedClaims, measuring: MeasureSettings
) -> tuple[dict[str, dict[str, Values]], dict[str, dict[str, Interval]]]:
    plain = [measure for measure in measuring.measures if set_cutoff(measure) is None]
    values: dict[str, dict[str, Values]] = {}
    for name, run in runs.items():
        found = values_by_claim(run, judged.qrels, plain) if plain else {}
        for measure in measuring.measures:
            if (k := set_cutoff(measure)) is not None:
                found[measure] = set_values(run, judged.qrels, measuring.evidence_sets or {}, k)
        values[name] = {measure: found[measure] for measure in measuring.measures}
    # All at once: each resample draws the same claims for every list and measure.
    rows = np.stack([row for by_measure in values.values() for row in by_measure.values()])
    intervals = iter(mean_intervals(rows, measuring.seed))
    return values, {name: {measure: next(intervals) for measure in by_measure} for name, by_measure in values.items()}


def _journal(
    path: Path | None, settings: Mapping[str, Json], *, fresh: bool
) -> AbstractContextManager[Journal] | AbstractContextManager[None]:
    if path is None:
        return nullcontext()
    return Journal.open(path, without_places(settings), fresh=fresh)
