"""Where each relevant document was lost on its way through the stages."""

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
    """One relevant document and what became of it; ranks count from 1, None where a list lacks it."""

    query_id: str
    doc_id: str
    grade: int
    fate: Fate
    ranks: Mapping[str, int | None]


def explain_fates(shown_k: int, config: PipelineConfig, list_k: int) -> dict[Fate, str]:
    """Return what each fate means, in the order in which a document can meet them."""
    return {
        "unknown": "not in the index",
        "not_found": f"found neither by BM25 nor by the vectors in their first {list_k:,}",
        "below_first_stage": f"found, but by neither among the first {config.first_stage_k:,} that go on",
        "cut_by_fusion": f"among the candidates, but fused below the first {config.rerank_k:,} that are rescored",
        "pushed_down": f"fused among the first {shown_k}, pushed down by the reranker",
        "not_lifted": f"rescored, but not lifted among the first {shown_k}",
        "ranked_low": f"among the candidates, but fused below the first {shown_k}",
        "shown": f"among the first {shown_k} that a reader is shown",
    }


def trace_losses(
    runs: Mapping[str, Run], judged: JudgedClaims, held: set[str], config: PipelineConfig, shown_k: int
) -> list[Loss]:
    """Return the fate of each relevant document, claims in order, their documents in the order of the qrels.

    `runs` has those of bm25, dense, fused and reranked that ran, `held` the ids that the index holds.
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
    """Return how many documents met each fate; fates that none met are left out."""
    return dict(Counter(loss.fate for loss in losses))


def count_finders(losses: list[Loss], first_stage_k: int) -> dict[str, int]:
    """Return how many relevant documents of the index BM25 alone, the vectors alone, both and neither put forward.

    Put forward means ranked among the `first_stage_k` that go on.
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
    # Without the vectors the list of BM25 is the fused one.
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
