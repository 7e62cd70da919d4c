"""Fusion: arithmetic by hand, and properties of all rankings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.records import ScoredDoc
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.fusion import by_score, fuse_stages, min_max_fusion, reciprocal_rank_fusion


def ranking(**scores: float) -> list[ScoredDoc]:
    return by_score([ScoredDoc(doc_id, score) for doc_id, score in scores.items()])


BM25 = ranking(a=17.0, b=12.0, c=7.0)
DENSE = ranking(c=0.9, d=0.8, a=0.5)


def test_reciprocal_rank_fusion_adds_one_over_sixty_plus_rank():
    fused = reciprocal_rank_fusion([BM25, DENSE], k=10)
    assert fused == [
        ScoredDoc("a", pytest.approx(1 / 61 + 1 / 63)),  # first by BM25, third by vectors
        ScoredDoc("c", pytest.approx(1 / 63 + 1 / 61)),  # the same sum: after a, by doc_id
        ScoredDoc("b", pytest.approx(1 / 62)),
        ScoredDoc("d", pytest.approx(1 / 62)),
    ]
    assert fused[0].score == fused[1].score
    assert fused[2].score == fused[3].score


def test_a_smaller_rrf_k_favours_the_first_ranks():
    # a: 1/1 + 1/3; c: 1/3 + 1/1; b, d: 1/2.
    assert [hit.score for hit in reciprocal_rank_fusion([BM25, DENSE], k=10, rrf_k=0)] == pytest.approx(
        [4 / 3, 4 / 3, 1 / 2, 1 / 2]
    )


def test_weights_multiply_each_ranking_s_share_of_reciprocal_rank_fusion():
    # BM25 counts .5, vectors 1.5. c: .5/63 + 1.5/61; a: .5/61 + 1.5/63; d: 1.5/62; b: .5/62.
    fused = reciprocal_rank_fusion([BM25, DENSE], 10, weights=[0.5, 1.5])
    assert fused == [
        ScoredDoc("c", pytest.approx(0.0325267, abs=1e-7)),
        ScoredDoc("a", pytest.approx(0.0320062, abs=1e-7)),
        ScoredDoc("d", pytest.approx(0.0241935, abs=1e-7)),
        ScoredDoc("b", pytest.approx(0.0080645, abs=1e-7)),
    ]
    with pytest.raises(ValueError, match="2 rankings need as many weights, got 1"):
        reciprocal_rank_fusion([BM25, DENSE], 10, weights=[1.0])


def test_stages_are_fused_by_the_settings():
    by_rank = PipelineConfig(fusion="reciprocal-rank", bm25_weight=0.5)
    assert fuse_stages(BM25, DENSE, by_rank) == reciprocal_rank_fusion([BM25, DENSE], 10)
    assert fuse_stages(BM25, DENSE, replace(by_rank, rrf_k=5, bm25_weight=0.25)) == reciprocal_rank_fusion(
        [BM25, DENSE], 10, 5, [0.5, 1.5]
    )
    min_max = PipelineConfig(fusion="min-max", bm25_weight=0.25)
    assert fuse_stages(BM25, DENSE, min_max) == min_max_fusion([BM25, DENSE], [0.25, 0.75], 10)
    assert fuse_stages(BM25, None, min_max) == BM25


@pytest.mark.parametrize("fusion", ["reciprocal-rank", "min-max"])
@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_if_one_search_found_nothing_the_result_has_the_other_s_order_for_any_weight(fusion, weight):
    config = PipelineConfig(fusion=fusion, bm25_weight=weight)
    assert [hit.doc_id for hit in fuse_stages(BM25, [], config)] == ["a", "b", "c"]
    assert [hit.doc_id for hit in fuse_stages([], DENSE, config)] == ["c", "d", "a"]


def test_min_max_fusion_scales_each_ranking_to_zero_and_one():
    # BM25: a 1, b .5, c 0; vectors: c 1, d .75, a 0; weights .25 and .75.
    fused = min_max_fusion([BM25, DENSE], [0.25, 0.75], k=10)
    assert fused == [
        ScoredDoc("c", pytest.approx(0.75)),
        ScoredDoc("d", pytest.approx(0.5625)),
        ScoredDoc("a", pytest.approx(0.25)),
        ScoredDoc("b", pytest.approx(0.125)),
    ]


def test_min_max_fusion_gives_equal_scores_one_and_needs_a_weight_for_each_ranking():
    assert min_max_fusion([ranking(a=3.0, b=3.0), []], [0.5, 0.5], k=10) == [ScoredDoc("a", 0.5), ScoredDoc("b", 0.5)]
    with pytest.raises(ValueError, match="2 rankings need as many weights, got 1"):
        min_max_fusion([BM25, DENSE], [1.0], k=10)


def test_fusion_of_empty_rankings_is_empty():
    assert reciprocal_rank_fusion([], k=10) == []
    assert reciprocal_rank_fusion([[], []], k=10) == []
    assert min_max_fusion([[], []], [0.5, 0.5], k=10) == []
    assert reciprocal_rank_fusion([BM25], k=0) == []


scores = st.floats(-1e6, 1e6, allow_nan=False) | st.integers(0, 3).map(float)
rankings = st.dictionaries(st.sampled_from("abcdefghij"), scores, max_size=8).map(
    lambda found: by_score([ScoredDoc(doc_id, score) for doc_id, score in found.items()])
)
systems = st.lists(st.tuples(rankings, st.sampled_from([0.1, 0.2, 0.3, 0.7])), min_size=1, max_size=4)


@given(systems, st.integers(1, 12), st.randoms(use_true_random=False))
def test_fusion_is_the_same_in_any_order_of_systems_to_the_last_bit(found, k, random):
    shuffled = random.sample(found, len(found))
    for fuse in (
        lambda some: reciprocal_rank_fusion([ranking for ranking, _ in some], k),
        lambda some: reciprocal_rank_fusion([ranking for ranking, _ in some], k, 60, [weight for _, weight in some]),
        lambda some: min_max_fusion([ranking for ranking, _ in some], [weight for _, weight in some], k),
    ):
        assert fuse(found) == fuse(shuffled)


@given(systems, st.integers(0, 12))
def test_a_fused_ranking_is_sorted_unique_at_most_k_and_has_only_hits_of_its_inputs(found, k):
    there = {hit.doc_id for ranking, _ in found for hit in ranking}
    for fused in (
        reciprocal_rank_fusion([ranking for ranking, _ in found], k),
        min_max_fusion([ranking for ranking, _ in found], [weight for _, weight in found], k),
    ):
        assert fused == by_score(fused)
        assert len({hit.doc_id for hit in fused}) == len(fused) == min(k, len(there))
        assert {hit.doc_id for hit in fused} <= there


@given(rankings, rankings, st.integers(0, 100))
def test_equal_weights_give_the_unweighted_result_to_the_last_bit(bm25, dense, rrf_k):
    unweighted = reciprocal_rank_fusion([bm25, dense], 20, rrf_k)
    assert (
        fuse_stages(bm25, dense, PipelineConfig(fusion="reciprocal-rank", rrf_k=rrf_k, bm25_weight=0.5)) == unweighted
    )
    halved = reciprocal_rank_fusion([bm25, dense], 20, rrf_k, [0.5, 0.5])
    assert [hit.doc_id for hit in halved] == [hit.doc_id for hit in unweighted]
    assert [2 * hit.score for hit in halved] == [hit.score for hit in unweighted]
