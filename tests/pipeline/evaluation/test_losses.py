"""The fate of a relevant document, rank by rank."""

from __future__ import annotations

import pytest

from claimhound.data.records import Query, ScoredDoc
from claimhound.pipeline.evaluation.judged import judged_claims
from claimhound.pipeline.evaluation.losses import explain_fates, trace_losses
from claimhound.pipeline.search.config import PipelineConfig

CONFIG = PipelineConfig(first_stage_k=4, rerank_k=3)


def run_with(rank):
    """A run in which the document "it" has this rank, or is nowhere."""
    doc_ids = [f"other{n}" for n in range(10)]
    if rank is not None:
        doc_ids.insert(rank - 1, "it")
    return {"c": [ScoredDoc(doc_id, -float(place)) for place, doc_id in enumerate(doc_ids)]}


@pytest.mark.parametrize(
    ("ranks", "fate"),
    [
        ({"bm25": None, "dense": None, "fused": None, "reranked": None}, "not_found"),
        ({"bm25": 5, "dense": None, "fused": None, "reranked": None}, "below_first_stage"),
        ({"bm25": 5, "dense": 9, "fused": None, "reranked": None}, "below_first_stage"),
        ({"bm25": 4, "dense": None, "fused": 4, "reranked": 4}, "cut_by_fusion"),
        ({"bm25": 1, "dense": 1, "fused": 1, "reranked": 3}, "pushed_down"),
        ({"bm25": 1, "dense": 1, "fused": 2, "reranked": 3}, "pushed_down"),
        ({"bm25": 1, "dense": 4, "fused": 3, "reranked": 3}, "not_lifted"),
        ({"bm25": 1, "dense": 4, "fused": 3, "reranked": 2}, "shown"),
        ({"bm25": 1, "dense": 4, "fused": 3}, "ranked_low"),
        ({"bm25": 1, "dense": 4, "fused": 2}, "shown"),
        # Without the vectors the list of BM25 is what goes on.
        ({"bm25": 2}, "shown"),
        ({"bm25": 3}, "ranked_low"),
        ({"bm25": 5}, "below_first_stage"),
        ({"bm25": None}, "not_found"),
        ({"bm25": 4, "reranked": 4}, "cut_by_fusion"),
        ({"bm25": 3, "reranked": 1}, "shown"),
        ({"bm25": 1, "reranked": 3}, "pushed_down"),
    ],
)
def test_a_document_is_lost_at_the_first_stage_that_drops_it(ranks, fate):
    judged = judged_claims([Query("c", "claim")], {"c": {"it": 2, "not": 0}})
    runs = {name: run_with(rank) for name, rank in ranks.items()}
    (loss,) = trace_losses(runs, judged, {"it"}, CONFIG, shown_k=2)
    assert (loss.fate, loss.grade, dict(loss.ranks)) == (fate, 2, ranks)
    assert fate in explain_fates(2, CONFIG, 10)


def test_a_document_missing_from_the_index_is_unknown():
    judged = judged_claims([Query("c", "claim")], {"c": {"it": 1}})
    (loss,) = trace_losses({"bm25": run_with(None)}, judged, set(), CONFIG, shown_k=2)
    assert loss.fate == "unknown"
