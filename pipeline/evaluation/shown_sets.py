"""Measures of the evidence shown, as a set."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from claimhound.data.records import Run
from claimhound.pipeline.evaluation.judged import JudgedClaims
from claimhound.pipeline.evaluation.measures import values_by_claim
from claimhound.pipeline.evaluation.stage_runs import FoldedHits
from claimhound.pipeline.evaluation.statistics import Interval, mean_intervals
from claimhound.pipeline.search.adaptive import adaptive_k
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.evidence import EvidencePipeline


@dataclass(frozen=True)
class ReturnedSet:
    """The evidence shown, as a set: its mean size and the means of its measures."""

    name: str
    mean_size: float
    precision: Interval
    recall: Interval
    f_score: Interval


@dataclass(frozen=True)
class WithCopies:
    """The first k pieces of evidence with near-copies folded into one piece, as a reader sees them.

    In `recall` a relevant document counts as found if it or one of its copies is among them. `mean_copies` is the mean
    number of copies that these pieces stand for.
    """

    k: int
    recall: Interval
    mean_copies: float


def returned_sets(
    runs: Mapping[str, Run], judged: JudgedClaims, config: PipelineConfig, shown_k: int, seed: int
) -> tuple[ReturnedSet, ...]:
    """Measure what `search -k` would show and, if there is a reranker, what `search --adaptive-k` would show."""
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


def with_copies(
    pipeline: EvidencePipeline,
    folded: Mapping[str, FoldedHits],
    judged: JudgedClaims,
    held: Collection[str],
    *,
    k: int,
    seed: int,
) -> WithCopies:
    """Measure the first k pieces of each claim's `folded` hits; `held` are the relevant documents in the index."""
    recalls: list[float] = []
    n_copies: list[int] = []
    for claim in judged.claims:
        shown = folded[claim.query_id][:k]
        relevant = [doc_id for doc_id, grade in judged.qrels[claim.query_id].items() if grade > 0]
        there = [doc_id for doc_id in relevant if doc_id in held]
        copies = pipeline.copies_among([*(doc_id for doc_id, _ in shown), *there])
        seen = {copies.get(doc_id, doc_id) for doc_id, _ in shown}
        recalls.append(sum(copies.get(doc_id, doc_id) in seen for doc_id in there) / len(relevant))
        n_copies.append(sum(n for _, n in shown))
    (recall,) = mean_intervals(np.array([recalls]), seed)
    return WithCopies(k, recall, float(np.mean(n_copies)))
