"""Evidence of one side or of both, from everything that the reranker reads."""

from __future__ import annotations

import pytest
from pipeline_fakes import FakeReranker, FakeStance

from claimhound.data.records import Document
from claimhound.indexes.memory import MemoryIndex
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.evidence import EvidencePipeline

N, S, R = (0.1, 0.1, 0.8), (0.8, 0.1, 0.1), (0.1, 0.8, 0.1)
# By falling relevance: two mentions, two that refute, one that supports, one that refutes.
ROWS = {"sea a": N, "sea b": N, "sea c": R, "sea d": R, "sea e": S, "sea f": R}


def pipeline(*, rerank_k=100, stance=ROWS):
    documents = [Document(text[-1], text) for text in ROWS]
    logits = {text: 3.0 - number for number, text in enumerate(ROWS)}
    model = None if stance is None else FakeStance(stance)
    return EvidencePipeline(
        MemoryIndex(documents, None), None, FakeReranker(logits), PipelineConfig(rerank_k=rerank_k), model
    )


def found(sides, k=2, **options):
    (answer,) = pipeline(**options).find_evidence(["sea"], k, sides=sides)
    return [(hit.rank, hit.document.doc_id) for hit in answer.evidence], answer


def test_a_side_is_shown_with_the_ranks_of_the_whole_list():
    assert found(["REFUTES"])[0] == [(3, "c"), (4, "d")]
    assert found(["SUPPORTS"])[0] == [(5, "e")]
    assert found(["REFUTES"], 9)[0] == [(3, "c"), (4, "d"), (6, "f")]


def test_both_sides_have_k_pieces_each_in_the_order_of_the_list():
    assert found(["SUPPORTS", "REFUTES"])[0] == [(3, "c"), (4, "d"), (5, "e")]
    assert found(["REFUTES", "SUPPORTS"], 1)[0] == [(3, "c"), (5, "e")]


def test_pieces_that_the_reranker_does_not_read_are_not_asked():
    pieces, answer = found(["SUPPORTS"], rerank_k=4)
    assert pieces == []
    assert "No piece of evidence among the first 4 supports the claim." in answer.notes


def test_one_side_is_not_the_whole_evidence_so_nothing_is_said_of_the_claim():
    assert found([], 6)[1].summary.label == "REFUTES"
    assert found(["SUPPORTS", "REFUTES"], 1)[1].summary == ("NOT_ENOUGH_INFO", ("e",), ("c",))


def test_without_sides_nothing_changes():
    assert found([], 3)[0] == [(1, "a"), (2, "b"), (3, "c")]


@pytest.mark.parametrize("options", [{"stance": None}, {"adaptive": True}])
def test_sides_need_a_stance_model_and_a_fixed_k(options):
    stance = options.pop("stance", ROWS)
    with pytest.raises(ValueError, match="asking for sides needs a stance model"):
        pipeline(stance=stance).find_evidence(["sea"], 2, sides=["SUPPORTS"], **options)
