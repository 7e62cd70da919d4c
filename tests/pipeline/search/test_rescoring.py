"""The reranked list: texts that read the same have one probability, regardless of their ids."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.records import ScoredDoc
from claimhound.pipeline.models.blending import Blend
from claimhound.pipeline.search.rescoring import hit_scores, rescored

FUSED = [ScoredDoc(doc_id, 1 - place / 10) for place, doc_id in enumerate("abcde")]
BLEND = Blend(weights=(("logit", 1.0), ("log_fused_rank", -1.0), ("bm25", 0.5), ("cosine", 2.0)))
BM25 = [ScoredDoc("a", 4.0), ScoredDoc("d", 3.0)]
DENSE = [ScoredDoc("b", 0.8), ScoredDoc("d", 0.6)]


def test_hits_that_read_the_same_share_their_best_rank_and_scores():
    logits = np.array([0.1, 0.2, 0.3, 0.4])
    found = hit_scores(FUSED, logits, BM25, DENSE, {"b": "b", "d": "b"})
    assert found.fused_rank.tolist() == [1, 2, 3, 2]
    assert found.bm25.tolist()[::3] == [4.0, 3.0]
    assert found.bm25[1] == 3.0
    assert math.isnan(found.bm25[2])
    assert found.cosine[1] == found.cosine[3] == 0.8
    assert found.logit.tolist() == [0.1, 0.4, 0.3, 0.4]
    assert logits.tolist() == [0.1, 0.2, 0.3, 0.4]
    plain = hit_scores(FUSED, logits, BM25, DENSE)
    assert plain.fused_rank.tolist() == [1, 2, 3, 4]
    assert plain.cosine[3] == 0.6


def test_evidence_that_decides_outranks_evidence_that_only_mentions():
    blend = Blend(weights=(("logit", 1.0), ("decides", 2.0)))
    logits, decides = np.array([1.0, 0.5, 0.0]), np.array([-1.0, 1.0, 0.5])
    ranked = rescored(FUSED, logits, blend, [], None, decides=decides)
    # 1 - 2 = -1, 0.5 + 2 = 2.5, 0 + 1 = 1
    assert [hit.doc_id for hit in ranked] == ["b", "c", "a", "d", "e"]
    assert ranked[0].score == 1 / (1 + math.exp(-2.5))
    assert [hit.doc_id for hit in rescored(FUSED, logits, blend, [], None)] == list("abcde")
    found = hit_scores(FUSED, logits, [], None, {"a": "a", "c": "a"}, decides)
    assert found.decides.tolist() == [0.5, 1.0, 0.5]
    assert decides.tolist() == [-1.0, 1.0, 0.5]


def test_a_hit_that_reads_like_a_rescored_one_has_its_probability_and_the_rest_follow():
    ranked = rescored(FUSED, np.array([0.0, 1.0]), Blend(), [], None, {"b": "b", "e": "b", "c": "c", "d": "c"})
    top = 1 / (1 + math.exp(-1.0))
    assert ranked == [
        ScoredDoc("b", top),
        ScoredDoc("e", top),
        ScoredDoc("a", 0.5),
        ScoredDoc("c", -1.0),
        ScoredDoc("d", -2.0),
    ]


@given(
    st.dictionaries(st.sampled_from("abcde"), st.sampled_from("xy")),
    st.lists(st.floats(-3, 3), min_size=5, max_size=5),
    st.integers(0, 5),
)
def test_ties_break_by_id_and_no_hit_is_lost(alike, logits, n_read):
    ranked = rescored(FUSED, np.array(logits[:n_read]), BLEND, BM25, DENSE, alike)
    assert sorted(hit.doc_id for hit in ranked) == list("abcde")
    assert ranked == sorted(ranked, key=lambda hit: (-hit.score, hit.doc_id))
    read = [hit for hit in ranked if hit.score >= 0]
    for name in set(alike.values()):
        assert len({hit.score for hit in read if alike.get(hit.doc_id) == name}) <= 1
