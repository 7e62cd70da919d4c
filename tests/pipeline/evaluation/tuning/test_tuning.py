"""Tuning: what is tried is what a search would do, and no fold has a say in what it measures."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from pipeline_fakes import FakeEncoder, FakeReranker

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.splits import claim_folds
from claimhound.data.records import Document, Query
from claimhound.indexes.memory import MemoryIndex
from claimhound.pipeline.evaluation.judged import judged_claims
from claimhound.pipeline.evaluation.measures import values_by_claim
from claimhound.pipeline.evaluation.tuning.choice import tune
from claimhound.pipeline.evaluation.tuning.cross_validation import best_setting, cross_validated
from claimhound.pipeline.evaluation.tuning.grid import changes, tuning_grid
from claimhound.pipeline.evaluation.tuning.setting_values import setting_values
from claimhound.pipeline.models.blending import Blend
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.evidence import EvidencePipeline

WORDS = "ice sea coal wind sun moss fern bog peat reef tide dune".split()  # noqa: SIM905


def at(degrees: float) -> tuple[float, float]:
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


def pipeline_of(vectors, documents, reranker=None, config=PipelineConfig()):  # noqa: B008
    encoder = FakeEncoder(vectors)
    index = MemoryIndex(documents, encoder.encode([document.text for document in documents]))
    return EvidencePipeline(index, encoder, reranker, config)


@pytest.fixture
def where_vectors_are_right():
    """Twelve claims, each with its evidence in its own direction, and its word in a text 75 degrees away.

    By rank the text with the word comes first: it stands in both lists. With a small weight of BM25 it does not.
    """
    vectors, documents = {}, []
    for number, word in enumerate(WORDS):
        vectors[f"{word}?"] = at(30 * number)
        vectors[f"evidence number {number}"] = at(30 * number)
        vectors[f"the word {word}"] = at(30 * number + 75)
        documents += [Document(f"e{number}", f"evidence number {number}"), Document(f"w{number}", f"the word {word}")]
    claims = [Query(f"q{number}", f"{word}?") for number, word in enumerate(WORDS)]
    by_rank = PipelineConfig(fusion="reciprocal-rank", bm25_weight=0.5)
    pipeline = pipeline_of(vectors, documents, config=by_rank)
    return pipeline, claims, {f"q{number}": {f"e{number}": 1} for number in range(12)}


@pytest.fixture
def mixed():
    """Forty documents and ten claims of a few words each, in random directions, judged at random."""
    generator = random.Random(3)
    texts = [f"{' '.join(generator.choices(WORDS, k=generator.randint(1, 6)))} {number}" for number in range(40)]
    claims = [Query(f"q{number}", f"{' '.join(generator.choices(WORDS, k=3))} claim {number}") for number in range(10)]
    vectors = {text: at(generator.uniform(0, 120)) for text in [*texts, *(claim.text for claim in claims)]}
    documents = [Document(f"d{number}", text) for number, text in enumerate(texts)]
    qrels = {
        claim.query_id: {f"d{number}": generator.randint(0, 2) for number in generator.sample(range(40), 12)}
        for claim in claims
    }
    logits, decides = ({text: generator.gauss(0, 1) for text in texts} for _ in range(2))
    reranker = FakeReranker(logits, decides=decides)
    weights = (("logit", 1.0), ("log_fused_rank", -0.7), ("bm25", 0.3), ("cosine", 0.5), ("decides", 0.9))
    reranker.blend = Blend(0.5, weights)
    return pipeline_of(vectors, documents, reranker), claims, qrels


SETTINGS = [
    PipelineConfig(first_stage_k=first_stage_k, rerank_k=rerank_k, fusion=fusion, rrf_k=rrf_k, bm25_weight=weight)
    for first_stage_k, rerank_k in ((3, 2), (8, 5), (30, 20))
    for fusion, rrf_k in (("reciprocal-rank", 60), ("reciprocal-rank", 0), ("min-max", 60))
    for weight in (0.2, 0.5, 0.8)
]


@pytest.mark.parametrize("measure", ["nDCG@10", "R@5", "AP"])
@pytest.mark.parametrize("with_reranker", [False, True])
def test_each_setting_s_value_agrees_with_a_search(mixed, measure, with_reranker):
    pipeline, claims, qrels = mixed
    reranker = pipeline.reranker if with_reranker else None
    tuned = EvidencePipeline(pipeline.index, pipeline.encoder, reranker)
    values, n_pairs = setting_values(tuned, judged_claims(claims, qrels), SETTINGS, measure)
    assert values.shape == (len(SETTINGS), len(claims))
    for row, setting in zip(values, SETTINGS, strict=True):
        searched = EvidencePipeline(pipeline.index, pipeline.encoder, reranker, setting)
        lists = searched.rank([claim.text for claim in claims])
        run = {claim.query_id: stages.final() for claim, stages in zip(claims, lists, strict=True)}
        assert row.tolist() == values_by_claim(run, qrels, [measure])[measure].tolist()
    assert len({tuple(row) for row in values.tolist()}) > 5
    assert (n_pairs > 0) is with_reranker


def test_no_pair_is_scored_twice(mixed):
    pipeline, claims, qrels = mixed
    _, n_pairs = setting_values(pipeline, judged_claims(claims, qrels), SETTINGS, "nDCG@10")
    scored = [pair for call in pipeline.reranker.calls for pair in call]
    assert len(scored) == len(set(scored)) == n_pairs


def test_the_grid_begins_with_the_default_and_goes_from_cheap_to_costly():
    for with_reranker, size in ((False, 140), (True, 420)):
        grid = tuning_grid(PipelineConfig(), with_reranker=with_reranker)
        assert grid[0] == PipelineConfig()
        assert len(grid) == len(set(grid)) == size
        costs = [(setting.rerank_k, setting.first_stage_k) for setting in grid[1:]]
        assert costs == sorted(costs)
    own = PipelineConfig(first_stage_k=70, rrf_k=5, min_cosine=0.3)
    grid = tuning_grid(own, with_reranker=False)
    assert len(grid) == 141
    assert {(setting.min_cosine, setting.rerank_k) for setting in grid} == {(0.3, 100)}


def test_the_highest_mean_wins_and_ties_go_to_the_first():
    settings = [PipelineConfig(rrf_k=rrf_k) for rrf_k in (60, 1, 2)]
    assert best_setting(np.array([[0.1, 0.2], [0.3, 0.4], [0.3, 0.5]]), settings) == 2
    # .3 + .3 and .1 + .5 differ in the last bit at most.
    assert best_setting(np.array([[0.1, 0.2], [0.3, 0.3], [0.1, 0.5]]), settings) == 1
    assert best_setting(np.array([[0.3, 0.3], [0.1, 0.5], [0.2, 0.4]]), settings) == 0
    with pytest.raises(ValueError, match="3 settings need as many rows of values, got 2"):
        best_setting(np.zeros((2, 2)), settings)


SMALL = [PipelineConfig(), PipelineConfig(rrf_k=1), PipelineConfig(rrf_k=2)]


def test_each_claim_is_measured_with_the_choice_of_the_other_folds():
    values = np.array([[0.5, 0.5, 0.5, 0.5], [0.9, 0.8, 0.1, 0.2], [0.0, 0.1, 0.9, 0.6]])
    folds = np.array([0, 0, 1, 1])
    # Without fold 0 the means are .5, .15, .75: the third, whose values in fold 0 are 0 and .1.
    # Without fold 1 they are .5, .85, .05: the second, whose values in fold 1 are .1 and .2.
    held_out, choices = cross_validated(values, folds, SMALL)
    assert choices == [2, 1]
    assert held_out.tolist() == [0.0, 0.1, 0.1, 0.2]
    # On all claims the default's .5 is as good as the second's; chance would have looked like gain within the folds.
    assert best_setting(values, SMALL) == 0


def test_a_fold_s_own_values_do_not_affect_its_choice():
    generator = np.random.default_rng(5)
    folds = np.arange(20) % 4
    for _ in range(20):
        values = generator.random((3, 20))
        _, choices = cross_validated(values, folds, SMALL)
        for fold in range(4):
            other = np.where(folds == fold, generator.random((3, 20)), values)
            assert cross_validated(other, folds, SMALL)[1][fold] == choices[fold]


def test_changing_one_fold_s_judgments_does_not_change_its_choice(mixed):
    pipeline, claims, qrels = mixed
    first = EvidencePipeline(pipeline.index, pipeline.encoder, None, PipelineConfig(first_stage_k=20))
    before = tune(first, claims, qrels, n_folds=2, seed=1)
    folds = claim_folds(claims, 2, seed=1)
    turned = 0
    for fold in (0, 1):
        # What was relevant is not, and the other way round.
        changed = {
            claim.query_id: {
                doc_id: (0 if grade else 1) if of == fold else grade for doc_id, grade in qrels[claim.query_id].items()
            }
            for claim, of in zip(claims, folds, strict=True)
        }
        after = tune(first, claims, changed, n_folds=2, seed=1)
        assert after.fold_choices[fold] == before.fold_choices[fold]
        assert after.held_out[folds == fold].tolist() != before.held_out[folds == fold].tolist()
        turned += after.fold_choices[1 - fold] != before.fold_choices[1 - fold]
    assert turned


def test_a_gain_on_held_out_claims_is_shown_and_chosen(where_vectors_are_right):
    pipeline, claims, qrels = where_vectors_are_right
    done = []
    tuning = tune(pipeline, claims, qrels, n_folds=3, on_progress=lambda *step: done.append(step))
    # By default the evidence is second everywhere: 1 / log2(3). Tuned it is first.
    assert tuning.default_values.tolist() == [pytest.approx(1 / math.log2(3))] * 12
    assert tuning.held_out.tolist() == [1.0] * 12
    assert tuning.best_mean == 1.0
    assert tuning.best.bm25_weight < 0.5
    assert tuning.test.p == pytest.approx(2 / 2**12)
    assert tuning.is_gain_shown
    assert tuning.chosen == tuning.best
    assert tuning.note.startswith("Tuning helps on these claims: nDCG@10 1.0000 on claims left out of the choice, 0.63")
    assert done == [("tune", number, 12) for number in range(1, 13)]


def test_without_a_gain_the_default_is_kept(where_vectors_are_right):
    pipeline, claims, qrels = where_vectors_are_right
    tuning = tune(pipeline, claims, qrels, measure="R@5", n_folds=3)
    assert (tuning.best, tuning.chosen, set(tuning.fold_choices)) == (pipeline.config,) * 2 + ({pipeline.config},)
    assert not tuning.is_gain_shown
    assert tuning.note.startswith(
        "Tuning gains nothing on claims left out of the choice, so the default settings are kept:"
    )
    assert tuning.note.endswith("Best on all claims: the default.")


def test_a_gain_on_too_few_claims_is_not_shown(where_vectors_are_right):
    pipeline, claims, qrels = where_vectors_are_right
    tuning = tune(pipeline, claims[:4], qrels, n_folds=2)
    # Four gains of four: p = 2 / 2**4.
    assert tuning.test.difference.mean > 0.3
    assert tuning.test.p == 0.125
    assert tuning.chosen == pipeline.config != tuning.best
    assert tuning.note.startswith("Tuning gains nothing significant, so the default settings are kept:")
    assert changes(tuning.best, pipeline.config) in tuning.note
    assert [(finding.kind, len(finding.items)) for finding in tuning.findings] == [("absent_claims", 8)]


def test_the_result_depends_on_the_seed_and_not_on_the_order_of_claims(mixed):
    pipeline, claims, qrels = mixed
    first, again, turned = (tune(pipeline, some, qrels, n_folds=2, seed=4) for some in (claims, claims, claims[::-1]))
    assert (first.best, first.fold_choices, first.test) == (again.best, again.fold_choices, again.test)
    assert (first.best, first.fold_choices) == (turned.best, turned.fold_choices)
    assert first.held_out.tolist() == again.held_out.tolist() == turned.held_out.tolist()[::-1]


def test_impossible_tunings_are_refused(where_vectors_are_right):
    pipeline, claims, qrels = where_vectors_are_right
    with pytest.raises(InputError, match="tuning goes by one measure, got 2: R@5 R@10"):
        tune(pipeline, claims, qrels, measure="R@5 R@10")
    with pytest.raises(InputError, match="'best' is not a measure"):
        tune(pipeline, claims, qrels, measure="best")
    with pytest.raises(InputError, match="2 distinct judged claims are too few for 5 folds"):
        tune(pipeline, claims[:2], qrels)
    with pytest.raises(ValueError, match="at least 2 folds, got 1"):
        tune(pipeline, claims, qrels, n_folds=1)
    with pytest.raises(ValueError, match="there is no encoder"):
        tune(EvidencePipeline(pipeline.index, None, None), claims, qrels)


def test_changes_from_the_default_are_named():
    assert changes(PipelineConfig(), PipelineConfig()) == "the default"
    assert changes(PipelineConfig(first_stage_k=50, rrf_k=10), PipelineConfig()) == "first_stage_k 50, rrf_k 10"
