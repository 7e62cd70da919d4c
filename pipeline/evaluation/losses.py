"""Stage at which each relevant document was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from claimhound.data.records import Run
from claimhound.pipeline.evaluation.judged import JudgedClaims
from claimhound.pipeline.search.config import PipelineConfig

Fate: TypeAlias = Literal[
    "shown", "unknown", "not_found", "below_first_stage", "cut_by_fusion", "pushed_down", "not_lifted", "ranked_low"
]


@dataclass(frozen=True)
class Loss:
    """A relevant document and its fate; ranks count from 1, None if a list lacks it."""

    query_id: str
    doc_id: str
    grade: int
    fate: Fate
    ranks: Mapping[str, int | None]


def explain_fates(shown_k: int, config: PipelineConfig, list_k: int) -> dict[Fate, str]:
    """Return what each fate means, in the order of the stages."""
    return {
        "unknown": "not in the index",
        "not_found": f"found by neither BM25 nor the vectors in their first {list_k:,}",
        "below_first_stage": f"found, but by neither in the first {config.first_stage_k:,}, which are fused",
        "cut_by_fusion": f"a candidate, but fused below the first {config.rerank_k:,}, which are rescored",
        "pushed_down": f"fused into the first {shown_k}, pushed down by the reranker",
        "not_lifted": f"rescored, but not lifted into the first {shown_k}",
        "ranked_low": f"a candidate, but fused below the first {shown_k}",
        "shown": f"in the first {shown_k}, which a reader is shown",
    }


def trace_losses(
    runs: Mapping[str, Run], judged: JudgedClaims, held: set[str], config: PipelineConfig, shown_k: int
) -> list[Loss]:
    """Return the fate of each relevant document, claims in order and their documents in the order of the qrels.

    `runs` has the stages that ran, out of bm25, dense, fused and reranked; `held` the ids in the index.
    """
    places = {
        name: {query_id: {hit.doc_id: rank for rank, hit in enumerate(ranking, 1)} for query_id, ranking in run.items()}
        for name, run in runs.items()
    }
    losses: list[Loss] = []
    for claim, doc_id in judged.relevant():
        ranks = {name: found.get(claim.query_id, {}).get(doc_id) for name, found in places.items()}
        fate = _fate(ranks, doc_id in held, config, shown_k)
        losses.append(Loss(claim.query_id, doc_id, judged.qrels[claim.query_id][doc_id], fate, ranks))
    return losses


def count_fates(losses: list[Loss]) -> dict[Fate, int]:
    """Return the number of documents for each fate that occurs."""
    return dict(Counter(loss.fate for loss in losses))


def count_finders(losses: list[Loss], first_stage_k: int) -> dict[str, int]:
    """Count the relevant documents in the index that both searches, only one of them, or neither found.

    Found means ranked in the first `first_stage_k`, which are fused.
    """
    names = {(True, True): "both", (True, False): "bm25 alone", (False, True): "dense alone", (False, False): "neither"}
    counts = dict.fromkeys(names.values(), 0)
    for loss in losses:
        if loss.fate != "unknown":
            counts[
                names[_within(loss.ranks.get("bm25"), first_stage_k), _within(loss.ranks.get("dense"), first_stage_k)]
            ] += 1
    return counts


def _fate(ranks: Mapping[str, int | None], is_held: bool, config: PipelineConfig, shown_k: int) -> Fate:
    # Without vectors BM25's list is the fused list.
    fused = ranks["fused"] if "fused" in ranks else _first(ranks.get("bm25"), config.first_stage_k)
    reached: tuple[tuple[bool, Fate], ...] = (
        (not is_held, "unknown"),
        (_within(ranks.get("reranked", fused), shown_k), "shown"),
        (ranks.get("bm25") is None and ranks.get("dense") is None, "not_found"),
        (fused is None, "below_first_stage"),
        ("reranked" not in ranks, "ranked_low"),
        (not _within(fused, config.rerank_k), "cut_by_fusion"),
        (_within(fused, shown_k), "pushed_down"),
    )
    return next((fate for is_so, fate in reached if is_so), "not_lifted")


def _within(rank: int | None, k: int) -> bool:
    return rank is not None and rank <= k


def _first(rank: int | None, k: int) -> int | None:
    return rank if _within(rank, k) else None
