"""Hard negatives: which passages may be one, and how many are drawn."""

from __future__ import annotations

import pytest

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.mined_claims import MinedPassage, training_pairs
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.data.records import Query, ScoredDoc
from claimhound.data.text.normal_text import normalize_text
from claimhound.pipeline.training.negatives.candidates import Candidates
from claimhound.pipeline.training.negatives.mining import (
    MiningSettings,
    NegativeGuard,
    mine_hard_negatives,
)

TEXTS = {
    "gold": "Arctic sea ice shrinks by thirteen percent each decade.",
    "copy": "Arctic sea-ice shrinks by thirteen percent, each decade",
    "near": "Arctic sea ice shrinks by about thirteen percent each decade now.",
    "part": "Sea ice shrinks by thirteen percent",
    "hard": "Antarctic sea ice grew slowly until 2015.",
    "easy": "The recipe calls for two cups of flour.",
    "void": "…",
}
QUERY = Query("c1", "Arctic ice is vanishing.")
RUN = {"c1": [ScoredDoc(doc_id, 1.0 - i / 10) for i, doc_id in enumerate(TEXTS)]}
QRELS = {"c1": {"gold": 1}}


def mine(qrels=QRELS, *, queries=(QUERY,), candidates=Candidates(RUN, TEXTS), **settings):  # noqa: B008 (frozen)
    mined, report = mine_hard_negatives(queries, qrels, candidates, MiningSettings(**settings))
    return training_pairs(mined), report


def test_copies_and_near_duplicates_of_judged_evidence_are_never_negatives_and_counted():
    pairs, report = mine(n_negatives=5)
    assert [pair.text for pair in pairs if pair.label == 1] == [TEXTS["gold"]]
    assert {pair.text for pair in pairs if pair.label == 0} == {TEXTS["hard"], TEXTS["easy"]}
    assert report.rejected == {"copy": 1, "near-duplicate": 2, "no words": 1}
    assert (report.n_positives, report.n_negatives) == (1, 2)


def test_the_guard_keeps_them_out():
    loose = NegativeGuard(max_jaccard=1.0, max_containment=1.0)
    pairs, report = mine(n_negatives=5, guard=loose)
    assert TEXTS["near"] in {pair.text for pair in pairs if pair.label == 0}
    assert report.rejected == {"copy": 1, "no words": 1}


def test_a_passage_too_similar_to_judged_evidence_is_not_a_negative():
    def similarity(doc_id, judged):
        return 0.95 if (doc_id, judged) == ("hard", "gold") else 0.1

    pairs, report = mine(candidates=Candidates(RUN, TEXTS, similarity=similarity))
    assert {pair.text for pair in pairs if pair.label == 0} == {TEXTS["easy"]}
    assert report.rejected["too similar"] == 1


def test_with_a_margin_a_passage_as_near_the_claim_as_its_nearest_evidence_is_not_a_negative():
    vectors = {"c1": (1.0, 0.0), "gold": (0.8, 0.6), "far gold": (0.0, 1.0), "hard": (0.6, 0.8), "easy": (0.28, 0.96)}
    texts = TEXTS | {"far gold": "Ships now sail the Northwest Passage."}

    def closeness(query_id, doc_id):
        (x, y), (u, v) = vectors[query_id], vectors[doc_id]
        return x * u + y * v

    def negatives(margin):
        mined, report = mine_hard_negatives(
            [QUERY],
            {"c1": {"gold": 1, "far gold": 1}},
            Candidates({"c1": RUN["c1"][4:6]}, texts, closeness=closeness),
            MiningSettings(guard=NegativeGuard(margin=margin)),
        )
        return {passage.doc_id for passage in mined[0].negatives}, report.rejected

    # The claim is 0.8 from its nearest evidence, 0.6 from "hard" and 0.28 from "easy".
    assert negatives(None) == ({"hard", "easy"}, {})
    assert negatives(0.1) == ({"hard", "easy"}, {})
    assert negatives(0.3) == ({"easy"}, {"as near the claim as its evidence": 1})
    assert negatives(0.6) == (set(), {"as near the claim as its evidence": 2})


def test_a_passage_that_a_reranker_finds_relevant_is_not_a_negative():
    probabilities = {"hard": 0.51, "easy": 0.5}
    candidates = Candidates(RUN, TEXTS, probability=lambda _query_id, doc_id: probabilities[doc_id])
    pairs, report = mine(candidates=candidates)
    assert {pair.text for pair in pairs if pair.label == 0} == {TEXTS["easy"]}
    assert report.rejected["relevant to the reranker"] == 1


def test_a_drawn_negative_has_its_rank_and_a_judged_one_has_none():
    mined, _ = mine_hard_negatives([QUERY], {"c1": {"gold": 1, "near": 0}}, Candidates(RUN, TEXTS), MiningSettings())
    assert mined[0].positives == (MinedPassage("gold", TEXTS["gold"]),)
    assert set(mined[0].negatives) == {
        MinedPassage("near", TEXTS["near"]),
        MinedPassage("hard", TEXTS["hard"], 5),
        MinedPassage("easy", TEXTS["easy"], 6),
    }


@pytest.mark.parametrize("options", [{"n_negatives": 0}, {"first_rank": 0}, {"first_rank": 5, "pool_k": 4}], ids=str)
def test_impossible_settings_are_refused(options):
    with pytest.raises(InputError, match=next(iter(options))):
        MiningSettings(**options)


@pytest.mark.parametrize("limits", [{"max_cosine": 0}, {"max_p": 1.1}, {"margin": 2}], ids=str)
def test_a_guard_with_impossible_limits_is_refused(limits):
    with pytest.raises(InputError, match=next(iter(limits))):
        NegativeGuard(**limits)


def test_negatives_come_only_from_the_given_ranks():
    pairs, _ = mine(n_negatives=5, first_rank=6, pool_k=6)
    assert {pair.text for pair in pairs if pair.label == 0} == {TEXTS["easy"]}


def test_a_passage_judged_not_relevant_is_a_negative():
    pairs, report = mine({"c1": {"gold": 1, "near": 0}}, n_negatives=1)
    assert TrainingPair("c1", QUERY.text, TEXTS["near"], 0.0) in pairs
    assert report.n_positives == 1


def test_claims_without_judgments_are_counted_and_having_no_other_is_an_error():
    _, report = mine(queries=[QUERY, Query("c2", "Other.")])
    assert (report.n_queries, report.n_queries_without_judgments) == (2, 1)
    with pytest.raises(InputError, match="none of the 1 claims"):
        mine(queries=[Query("c2", "Other.")])


def test_judged_evidence_missing_from_the_corpus_is_counted():
    _, report = mine({"c1": {"gold": 1, "gone": 1}})
    assert report.n_judged_without_text == 1


def test_a_draw_depends_on_the_seed_and_not_on_other_claims():
    pool = {f"d{i}": f"Passage number {i} speaks of {i * 7} other things." for i in range(60)}
    texts = {**TEXTS, **pool}
    run = {query_id: [ScoredDoc(doc_id, 1.0) for doc_id in pool] for query_id in ("c0", "c1")}
    qrels = {"c0": {"gold": 1}, "c1": {"gold": 1}}
    loose = NegativeGuard(max_jaccard=1.0, max_containment=1.0)

    def draw(queries, seed):
        pairs, _ = mine(
            qrels, queries=queries, candidates=Candidates(run, texts), n_negatives=5, seed=seed, guard=loose
        )
        return [pair for pair in pairs if pair.query_id == "c1"]

    alone = draw([QUERY], 1)
    assert len(alone) == 6
    assert draw([Query("c0", "First."), QUERY], 1) == alone
    assert draw([QUERY], 2) != alone


def test_normalized_text_ignores_case_quotes_spacing_and_soft_hyphens():
    assert normalize_text("“Pro\u00adduces”  1.3\u00a0%") == normalize_text('"produces" 1.3') == "produces 1 3"
