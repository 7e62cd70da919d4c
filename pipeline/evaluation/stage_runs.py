"""Searches of all judged claims, with the list of each stage; a journal lets an interrupted evaluation resume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from claimhound.data.disk.journal import Journal
from claimhound.data.progress import Progress, batches
from claimhound.data.records import Json, Query, Ranking, Run, ScoredDoc
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.results import StageRankings

LISTS = ("bm25", "dense", "fused", "reranked")
"""Names of the stages' lists in runs, tables and files."""
_CLAIMS_AT_A_TIME = 16

FoldedHits: TypeAlias = list[tuple[str, int]]
"""The pieces of evidence that a reader is shown, as (document id, number of copies that it stands for)."""


@dataclass(frozen=True)
class StageRuns:
    """The run of each stage that ran, and the folded hits of each claim.

    `timings_ms` is each stage's mean wall time for a claim; `n_searched` claims were searched by this process.
    """

    runs: dict[str, Run]
    folded: dict[str, FoldedHits]
    timings_ms: dict[str, float]
    n_searched: int


def search_stages(
    pipeline: EvidencePipeline,
    claims: Sequence[Query],
    *,
    list_k: int,
    folding: bool,
    journal: Journal | None,
    on_progress: Progress,
) -> StageRuns:
    """Search the claims that the journal does not hold yet, and return the lists of all of them."""
    entries: list[Any] = list(journal.entries) if journal is not None else []
    n_before = len(entries)
    on_progress("evaluate", n_before, len(claims))
    for batch in batches(claims[n_before:], _CLAIMS_AT_A_TIME, "evaluate", on_progress, done=n_before):
        found = pipeline.rank([claim.text for claim in batch], list_k=list_k, with_folded=folding)
        new = [_entry(claim, stages, list_k) for claim, stages in zip(batch, found, strict=True)]
        if journal is not None:
            journal.append(new)
        entries += new
    runs: dict[str, Run] = {}
    folded = {entry["claim"]: [(doc_id, n) for doc_id, n in entry["folded"]] for entry in entries}
    for entry in entries:
        for name, hits in entry["lists"].items():
            runs.setdefault(name, {})[entry["claim"]] = [ScoredDoc(doc_id, score) for doc_id, score in hits]
    timings = {
        name: float(np.mean([entry["timings_ms"][name] for entry in entries])) for name in entries[0]["timings_ms"]
    }
    return StageRuns(runs, folded, timings, len(claims) - n_before)


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
