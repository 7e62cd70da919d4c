"""Candidates for negatives, and the cosines that the guards compare."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pipeline_fakes import IDENTITY, FakeEncoder

from claimhound.data.records import Document, Query
from claimhound.indexes.memory import MemoryIndex
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.training.negatives.candidates import find_candidates

# 3-4-5 triangles: the cosine of d1 and d2 is (3 * 4 + 4 * 3) / 25, that of the claim and d1 .6.
VECTORS = {"ice melts": (2.0, 0.0), "ice": (3.0, 4.0), "melts": (40.0, 30.0)}


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_the_guards_get_cosines_even_from_an_encoder_with_inner_products(similarity):
    documents = [Document("d1", "ice"), Document("d2", "melts")]
    encoder = FakeEncoder(VECTORS, replace(IDENTITY, similarity=similarity))
    index = MemoryIndex(documents, encoder.encode([document.text for document in documents]))
    found = find_candidates(
        EvidencePipeline(index, encoder, None), [Query("q", "ice melts")], {"q": {"d1": 1}}, pool_k=2
    )
    assert found.similarity is not None
    assert found.closeness is not None
    assert found.similarity("d1", "d2") == pytest.approx(0.96)
    assert (found.closeness("q", "d1"), found.closeness("q", "d2")) == pytest.approx((0.6, 0.8))
