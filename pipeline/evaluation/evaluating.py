"""Measure every stage of a pipeline, or a run of any system, on judged claims."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from claimhound.data.disk.journal import Journal
from claimhound.data.errors import InputError
from claimhound.data.records import EvidenceSets, Json, Qrels, Query, Ranking, Run, ScoredDoc
from claimhound.pipeline.evaluation.calibration import Calibration, ToldNothing, calibrate, stored_text, told_nothing
from claimhound.pipeline.evaluation.evidence_sets import require_sets, set_values
from claimhound.pipeline.evaluation.judged import Finding, JudgedClaims, judged_claims, run_findings, unknown_documents
from claimhound.pipeline.evaluation.losses import Loss, trace_losses
from claimhound.pipeline.evaluation.measures import DEFAULT_MEASURES, Values, set_cutoff, values_by_claim
from claimhound.pipeline.evaluation.statistics import SIGNIFICANT, Interval, PairedTest, mean_intervals, paired_tests
from claimhound.pipeline.search.adaptive import adaptive_k
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.opening import describe, without_places
from claimhound.pipeline.search.results import StageRankings

LISTS = ("bm25", "dense", "fused", "reranked")
"""The stages' lists by their names in runs, tables and files."""
VERDICT_MEASURE = "nDCG@10"
_CLAIMS_AT_A_TIME = 16

Advance: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class Verdict:
    """Whether the reranker helps on these claims: the reranked list against the one `before` it, in nDCG@10.

    `word` is helps, hurts or unclear: the first two where p is below .05. `means` has the means of both lists.
    """

    word: str
    before: str
    means: dict[str, float]
    test: PairedTest

    @property
    def text(self) -> str:
        """The verdict in sentences."""
        what = {
            "helps": "The reranker helps on these claims",
            "hurts": "The reranker HURTS on these claims",
            "unclear": "On these claims the reranker changes nothing that can be told from chance",
        }[self.word]
        mean, low, high = self.test.difference
        interval = "" if math.isnan(low) else f" [{low:+.3f}, {high:+.3f}]"
        means = ", ".join(f"{mean:.3f} {name}" for name, mean in self.means.items())
        return (
            f"{what}: {VERDICT_MEASURE} {means}, difference {mean:+.3f}{interval}, p = {self.test.p:.4f} in a "
            f"randomisation test. Better on {self.test.won:,}, worse on {self.test.lost:,}, the same on "
            f"{self.test.tied:,}."
        )


@dataclass(frozen=True)
class ReturnedSet:
    """What a reader is shown as a set: how many pieces of evidence on average, and the means of its measures."""

    name: str
    mean_size: float
    precision: Interval
    recall: Interval
    f_score: Interval


@dataclass(frozen=True)
class WithCopies:
    """What the first k pieces hold where near-copies are one piece, as a reader is shown them.

    In `recall` a relevant document counts as found when it or one of its copies is among them. `mean_copies` is how
    many copies these pieces stand for.
    """

    k: int
    recall: Interval
    mean_copies: float


@dataclass(frozen=True)
class StageReport:
    """What only a pipeline can tell.

    `list_k` is how deep the lists of BM25 and the vectors were taken, `shown_k` how much a reader is taken to see.
    `timings_ms` is each stage's mean wall time for a claim, `search_s` the time of the searches of this process, of
    `n_searched` claims. `verdict` and `calibrations` are there where a reranker ran, `stored_calibration` (a sentence)
    and `told_nothing` where its folder says what was measured of it. `with_copies` is there where copies were folded.
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
    calibrations: tuple[Calibration, ...] = ()
    stored_calibration: str | None = None
    told_nothing: ToldNothing | None = None
    with_copies: WithCopies | None = None


@dataclass(frozen=True)
class Evaluation:
    """What was measured, by list and measure; a list is one of LISTS, or a run by its name.

    `values` are (n_claims,) in the order of `judged.claims`. `measuring_s` is the time of all that is not searching.
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
    measures: Sequence[str] = DEFAULT_MEASURES,
    lists: Sequence[str] = LISTS,
    list_k: int = 1000,
    shown_k: int = 5,
    seed: int = 0,
    folding: bool = True,
    journal_path: Path | None = None,
    fresh: bool = False,
    on_progress: Advance = lambda _done, _total: None,
    evidence_sets: EvidenceSets | None = None,
) -> Evaluation:
    """Measure every stage that the pipeline has on the claims that have judgments.

    All lists are measured down to rank `list_k`, to which BM25 and the vectors are asked; what is fused and rescored is
    what a search would, so those lists may end earlier. `lists` names those of LISTS to measure, in which each
    document stands by itself. With `folding` what a reader is shown, near-copies as one piece, is measured too. With
    `journal_path` what was found is kept there, and an evaluation that died goes on from it
    unless `fresh`.

    Raises InputError if no claim has a relevant judgment, if the index holds none of the relevant documents, and for a
    journal of another evaluation. `evidence_sets` is what `sets@k` measures; see `set_values`.
    """
    require_sets(measures, evidence_sets or {})
    start = time.perf_counter()
    judged = judged_claims(claims, qrels)
    held = set(pipeline.index.positions_of(sorted({doc_id for _, doc_id in judged.relevant()})))
    findings = judged.findings + unknown_documents(judged, held)
    settings = describe(pipeline) | {"list_k": list_k, "folding": folding, "claims_sha256": _digest(judged.claims)}
    with _journal(journal_path, settings, fresh) as journal:
        searching = time.perf_counter()
        found = _search(pipeline, judged, list_k, folding, journal, on_progress)
        search_s = time.perf_counter() - searching
    runs = {
        name: {query_id: ranking[:list_k] for query_id, ranking in run.items()}
        for name, run in found.runs.items()
        if name in lists
    }
    if not runs:
        raise InputError(f"of the stages that were asked for none runs here: {', '.join(lists)}")
    values, intervals = _measure(runs, judged, measures, seed, evidence_sets or {})
    reranked = found.runs.get("reranked", {})
    calibrations = (calibrate(reranked, judged, k) for k in (shown_k, pipeline.config.rerank_k))
    stages = StageReport(
        config=pipeline.config,
        list_k=list_k,
        shown_k=shown_k,
        losses=trace_losses(found.runs, judged, held, pipeline.config, shown_k),
        returned=_returned_sets(found.runs, judged, pipeline.config, shown_k, seed),
        timings_ms=found.timings_ms,
        n_searched=found.n_searched,
        search_s=search_s,
        verdict=_verdict(found.runs, judged, seed),
        calibrations=tuple(item for item in calibrations if item is not None),
        stored_calibration=None if pipeline.reranker is None else stored_text(pipeline.reranker.blend),
        told_nothing=told_nothing(pipeline, found.runs.get("dense", {}), judged, held),
        with_copies=_with_copies(pipeline, found, judged, held, shown_k, seed) if folding else None,
    )
    return Evaluation(
        judged=judged,
        measures=tuple(measures),
        runs=runs,
        values=values,
        intervals=intervals,
        findings=findings,
        settings=settings | {"shown_k": shown_k, "seed": seed},
        measuring_s=time.perf_counter() - start - search_s,
        stages=stages,
    )


def evaluate_runs(
    runs: Mapping[str, Run],
    claims: Sequence[Query] | None,
    qrels: Qrels,
    *,
    measures: Sequence[str] = DEFAULT_MEASURES,
    seed: int = 0,
    evidence_sets: EvidenceSets | None = None,
) -> Evaluation:
    """Measure the runs of any systems, by name; without claims on all that the qrels judge.

    `evidence_sets` is what `sets@k` measures; see `set_values`. Raises InputError if no claim has a relevant judgment,
    for a run without hits for any judged claim, and for `sets@k` without sets.
    """
    require_sets(measures, evidence_sets or {})
    start = time.perf_counter()
    judged = judged_claims(claims, qrels)
    findings = [finding for name, run in runs.items() for finding in run_findings(name, run, judged)]
    kept = {name: {query_id: run.get(query_id, []) for query_id in judged.query_ids} for name, run in runs.items()}
    values, intervals = _measure(kept, judged, measures, seed, evidence_sets or {})
    return Evaluation(
        judged=judged,
        measures=tuple(measures),
        runs=kept,
        values=values,
        intervals=intervals,
        findings=(*judged.findings, *findings),
        settings={"seed": seed},
        measuring_s=time.perf_counter() - start,
    )


def _measure(
    runs: Mapping[str, Run], judged: JudgedClaims, measures: Sequence[str], seed: int, sets: EvidenceSets
) -> tuple[dict[str, dict[str, Values]], dict[str, dict[str, Interval]]]:
    plain = [measure for measure in measures if set_cutoff(measure) is None]
    values: dict[str, dict[str, Values]] = {}
    for name, run in runs.items():
        found = values_by_claim(run, judged.qrels, plain) if plain else {}
        for measure in measures:
            if (k := set_cutoff(measure)) is not None:
                found[measure] = set_values(run, judged.qrels, sets, k)
        values[name] = {measure: found[measure] for measure in measures}
    # All at once: each resample draws the same claims for every list and measure.
    rows = np.stack([row for by_measure in values.values() for row in by_measure.values()])
    intervals = iter(mean_intervals(rows, seed))
    return values, {name: {measure: next(intervals) for measure in by_measure} for name, by_measure in values.items()}


def _verdict(runs: Mapping[str, Run], judged: JudgedClaims, seed: int) -> Verdict | None:
    if "reranked" not in runs:
        return None
    before = "fused" if "fused" in runs else "bm25"
    rows = {
        name: values_by_claim(runs[name], judged.qrels, [VERDICT_MEASURE])[VERDICT_MEASURE]
        for name in (before, "reranked")
    }
    (test,) = paired_tests(rows[before][None], rows["reranked"][None], seed)
    word = "unclear" if test.p >= SIGNIFICANT else "helps" if test.difference.mean > 0 else "hurts"
    return Verdict(word, before, {name: float(row.mean()) for name, row in rows.items()}, test)


def _returned_sets(
    runs: Mapping[str, Run], judged: JudgedClaims, config: PipelineConfig, shown_k: int, seed: int
) -> tuple[ReturnedSet, ...]:
    """Return what `search -k` and, by a reranker's probabilities, `search --adaptive-k` would show."""
    final = runs.get("reranked") or runs.get("fused") or runs["bm25"]
    sets = {f"first {shown_k}": {query_id: ranking[:shown_k] for query_id, ranking in final.items()}}
    if "reranked" in runs:
        sets[f"adaptive, at most {shown_k}"] = {
            query_id: ranking[: adaptive_k([hit.score for hit in ranking], shown_k, config.adaptive_share)]
            for query_id, ranking in final.items()
        }
    return tuple(_returned_set(name, run, judged, seed) for name, run in sets.items())


def _returned_set(name: str, run: Run, judged: JudgedClaims, seed: int) -> ReturnedSet:
    values = values_by_claim(run, judged.qrels, ("SetP", "SetR", "SetF"))
    mean_size = float(np.mean([len(run.get(query_id, [])) for query_id in judged.query_ids]))
    return ReturnedSet(name, mean_size, *mean_intervals(np.stack(list(values.values())), seed))


def _with_copies(
    pipeline: EvidencePipeline, found: _Found, judged: JudgedClaims, held: set[str], k: int, seed: int
) -> WithCopies:
    recalls: list[float] = []
    n_copies: list[int] = []
    for claim in judged.claims:
        shown = found.folded[claim.query_id][:k]
        relevant = [doc_id for doc_id, grade in judged.qrels[claim.query_id].items() if grade > 0]
        there = [doc_id for doc_id in relevant if doc_id in held]
        copies = pipeline.copies_among([*(doc_id for doc_id, _ in shown), *there])
        seen = {copies.get(doc_id, doc_id) for doc_id, _ in shown}
        recalls.append(sum(copies.get(doc_id, doc_id) in seen for doc_id in there) / len(relevant))
        n_copies.append(sum(n for _, n in shown))
    (recall,) = mean_intervals(np.array([recalls]), seed)
    return WithCopies(k, recall, float(np.mean(n_copies)))


@dataclass(frozen=True)
class _Found:
    """`folded` has for each claim the pieces that a reader is shown, each with how many copies it stands for."""

    runs: dict[str, Run]
    folded: dict[str, list[tuple[str, int]]]
    timings_ms: dict[str, float]
    n_searched: int


def _search(
    pipeline: EvidencePipeline,
    judged: JudgedClaims,
    list_k: int,
    folding: bool,
    journal: Journal | None,
    on_progress: Advance,
) -> _Found:
    """Search what the journal does not have yet."""
    entries: list[Any] = list(journal.entries) if journal is not None else []
    todo = judged.claims[len(entries) :]
    on_progress(len(entries), len(judged.claims))
    for start in range(0, len(todo), _CLAIMS_AT_A_TIME):
        batch = todo[start : start + _CLAIMS_AT_A_TIME]
        found = pipeline.rank([claim.text for claim in batch], list_k=list_k, with_folded=folding)
        new = [_entry(claim, stages, list_k) for claim, stages in zip(batch, found, strict=True)]
        if journal is not None:
            journal.append(new)
        entries += new
        on_progress(len(entries), len(judged.claims))
    runs: dict[str, Run] = {}
    folded = {entry["claim"]: [(doc_id, n) for doc_id, n in entry["folded"]] for entry in entries}
    for entry in entries:
        for name, hits in entry["lists"].items():
            runs.setdefault(name, {})[entry["claim"]] = [ScoredDoc(doc_id, score) for doc_id, score in hits]
    timings = {
        name: float(np.mean([entry["timings_ms"][name] for entry in entries])) for name in entries[0]["timings_ms"]
    }
    return _Found(runs, folded, timings, len(todo))


def _entry(claim: Query, stages: StageRankings, list_k: int) -> dict[str, Json]:
    folded = stages.folded
    rankings = dict(zip(LISTS, (stages.bm25, stages.dense, stages.fused, stages.rerank), strict=True))
    return {
        "claim": claim.query_id,
        "timings_ms": dict(stages.timings_ms),
        "lists": {name: _as_json(ranking) for name, ranking in rankings.items() if ranking is not None},
        "folded": []
        if folded is None
        else [[hit.doc_id, len(folded.copies.get(hit.doc_id, ()))] for hit in folded.final()[:list_k]],
    }


def _as_json(ranking: Ranking) -> list[Json]:
    return [[hit.doc_id, float(hit.score)] for hit in ranking]


def _journal(path: Path | None, settings: Mapping[str, Json], fresh: bool) -> Any:
    if path is None:
        return nullcontext()
    return Journal.open(path, without_places(settings), fresh=fresh)


def _digest(claims: Sequence[Query]) -> str:
    texts = json.dumps([[claim.query_id, claim.text] for claim in claims])
    return hashlib.sha256(texts.encode()).hexdigest()
