"""A claim's path through a small real index: the input of each stage, and the answer."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipeline_fakes import IDENTITY, FakeEncoder, FakeReranker

from claimhound.data.errors import EncoderMismatchError, InputError
from claimhound.data.records import Document, ScoredDoc
from claimhound.data.text.text_form import read_form
from claimhound.indexes.conditions import Conditions
from claimhound.indexes.memory import MemoryIndex
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.indexes.writer import IndexWriter
from claimhound.pipeline.models.blending import Blend
from claimhound.pipeline.models.relevance import RelevanceThreshold
from claimhound.pipeline.search.answer_json import as_json
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.fusion import by_score
from claimhound.pipeline.search.results import STAGES, StageScore

CLAIM = "glaciers shrink"
# Two dimensions: cosine with the claim (1, 0) is the first number.
VECTORS = {
    CLAIM: (1.0, 0.0),
    "Glaciers shrink every summer.": (0.6, 0.8),
    "Most glaciers lose mass.": (0.8, 0.6),
    "Ice on land is melting.": (0.96, 0.28),
    "Bread needs yeast.": (0.1, math.sqrt(0.99)),
    "Shrink wrap is plastic.": (0.0, 1.0),
}
DOCUMENTS = [
    Document("g1", "Glaciers shrink every summer.", title="Ice", date="2001", fields={"kind": "report"}),
    Document("g2", "Most glaciers lose mass.", title="Ice", date="2010-05"),
    Document("g3", "Ice on land is melting.", title="Ice", date="2020-01-31"),
    Document("b1", "Bread needs yeast.", title="Food", date="1990"),
    Document("p1", "Shrink wrap is plastic.", title="Food"),
]

# What the models read of each text.
FORMS = {document.text: read_form(document) for document in DOCUMENTS}


def as_read(by_text):
    return {FORMS[text]: value for text, value in by_text.items()}


def index_of(folder, documents, encoder):
    with IndexWriter.create(folder, encoder.identity) as writer:
        if documents:
            writer.add(documents, encoder.encode([document.text for document in documents]))
        writer.commit()
    return IndexSnapshot.open(folder)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return index_of(tmp_path_factory.mktemp("evidence") / "index", DOCUMENTS, FakeEncoder(VECTORS))


@pytest.fixture
def encoder():
    return FakeEncoder(VECTORS)


def ids(ranking):
    return [hit.doc_id for hit in ranking]


def test_each_stage_gets_the_output_of_the_previous_one(index, encoder):
    reranker = FakeReranker(as_read({"Ice on land is melting.": 2.0, "Glaciers shrink every summer.": 1.0}))
    config = PipelineConfig(fusion="reciprocal-rank", bm25_weight=0.5)
    (stages,) = EvidencePipeline(index, encoder, reranker, config).rank([CLAIM])
    assert encoder.query_calls == [[CLAIM]]
    # By words: g1 has both; p1 and g2 have one, p1 in a shorter text.
    assert ids(stages.bm25) == ["g1", "p1", "g2"]
    # By meaning: cosines .96, .8, .6; b1 and p1 are below .2.
    assert stages.dense == [
        ScoredDoc("g3", pytest.approx(0.96, abs=1e-3)),
        ScoredDoc("g2", pytest.approx(0.8, abs=1e-3)),
        ScoredDoc("g1", pytest.approx(0.6, abs=1e-3)),
    ]
    assert stages.fused == [
        ScoredDoc("g1", pytest.approx(1 / 61 + 1 / 63)),
        ScoredDoc("g2", pytest.approx(1 / 63 + 1 / 62)),
        ScoredDoc("g3", pytest.approx(1 / 61)),
        ScoredDoc("p1", pytest.approx(1 / 62)),
    ]
    # The reranker reads claim and evidence in this order, in the order of the fused list.
    text = {document.doc_id: read_form(document) for document in DOCUMENTS}
    assert reranker.calls == [[(CLAIM, text[doc_id]) for doc_id in ids(stages.fused)]]
    # sigmoid(2) = .881, sigmoid(1) = .731, sigmoid(0) = .5 twice: by doc_id.
    assert stages.rerank == [
        ScoredDoc("g3", pytest.approx(0.880797, abs=1e-6)),
        ScoredDoc("g1", pytest.approx(0.731059, abs=1e-6)),
        ScoredDoc("g2", 0.5),
        ScoredDoc("p1", 0.5),
    ]


def test_a_blend_may_weigh_whether_a_hit_decides_the_claim(index, encoder):
    logits = as_read({"Ice on land is melting.": 2.0, "Glaciers shrink every summer.": 1.0})
    decides = as_read({"Ice on land is melting.": -1.0, "Glaciers shrink every summer.": 1.5})
    reranker = FakeReranker(logits, decides=decides)
    pipeline = EvidencePipeline(index, encoder, reranker)
    plain, (answer,) = pipeline.rank([CLAIM]), pipeline.find_evidence([CLAIM], 2)
    assert [hit.document.doc_id for hit in answer.evidence] == ["g3", "g1"]
    assert (reranker.decides_calls, plain[0].decides) == ([], ())
    (asked,) = pipeline.rank([CLAIM], with_decides=True)
    assert asked.rerank == plain[0].rerank
    of_hit = {"g3": -1.0, "g1": 1.5}
    assert asked.decides == tuple(of_hit.get(hit.doc_id, 0.0) for hit in asked.fused)
    reranker.blend = Blend(weights=(("logit", 1.0), ("decides", 1.0)))
    (answer,) = pipeline.find_evidence([CLAIM], 2)
    # 1 + 1.5 = 2.5, 2 - 1 = 1
    assert [(hit.document.doc_id, hit.score) for hit in answer.evidence] == [
        ("g1", pytest.approx(1 / (1 + math.exp(-2.5)))),
        ("g3", pytest.approx(1 / (1 + math.exp(-1.0)))),
    ]
    assert reranker.decides_calls == [reranker.calls[-1]] * 2


def test_an_adaptive_k_leaves_out_hits_far_less_probable_than_the_best(index, encoder):
    # sigmoid(2) = .881, two fifths of it .352; sigmoid(0) = .5, sigmoid(-1) = .269.
    texts = {"Ice on land is melting.": 2.0, "Glaciers shrink every summer.": -1.0, "Most glaciers lose mass.": -1.0}
    pipeline = EvidencePipeline(index, encoder, FakeReranker(as_read(texts)))
    (whole,) = pipeline.find_evidence([CLAIM], 4)
    assert [hit.document.doc_id for hit in whole.evidence] == ["g3", "p1", "g1", "g2"]
    (fewer,) = pipeline.find_evidence([CLAIM], 4, adaptive=True)
    assert fewer.evidence == whole.evidence[:2]
    (one,) = pipeline.find_evidence([CLAIM], 1, adaptive=True)
    assert one.evidence == whole.evidence[:1]
    (all_of_them,) = EvidencePipeline(
        index, encoder, pipeline.reranker, PipelineConfig(adaptive_share=0.3)
    ).find_evidence([CLAIM], 4, adaptive=True)
    assert all_of_them.evidence == whole.evidence
    (nothing,) = EvidencePipeline(index, None, FakeReranker()).find_evidence(["zebras"], adaptive=True)
    assert nothing.evidence == ()
    with pytest.raises(ValueError, match="needs the probabilities of a reranker"):
        EvidencePipeline(index, encoder, None).find_evidence([CLAIM], adaptive=True)


def test_deeper_lists_change_no_probability(index, encoder):
    reranker = FakeReranker()
    reranker.blend = Blend(weights=(("logit", 1.0), ("no_bm25", -1.0), ("cosine", 2.0)))
    pipeline = EvidencePipeline(index, encoder, reranker, PipelineConfig(first_stage_k=2))
    (stages,) = pipeline.rank([CLAIM])
    (deeper,) = pipeline.rank([CLAIM], list_k=5)
    # The third of each list is among the first two of the other.
    assert (ids(stages.bm25), ids(deeper.bm25)) == (["g1", "p1"], ["g1", "p1", "g2"])
    assert (ids(stages.dense), ids(deeper.dense)) == (["g3", "g2"], ["g3", "g2", "g1"])
    assert (deeper.fused, deeper.rerank) == (stages.fused, stages.rerank)


def test_evidence_has_its_document_and_its_rank_at_every_stage(index, encoder):
    reranker = FakeReranker({"Ice on land is melting.": 2.0}, truncated=["Ice on land is melting."])
    (answer,) = EvidencePipeline(index, encoder, reranker).find_evidence([CLAIM], 2)
    best = answer.evidence[0]
    assert best.document == DOCUMENTS[2]
    assert (best.rank, best.truncated, set(best.stages)) == (1, True, set(STAGES))
    assert best.stages["bm25"] is None
    assert best.stages["dense"] == StageScore(1, pytest.approx(0.96, abs=1e-3))
    assert best.stages["rerank"] == StageScore(1, best.score)
    assert [hit.rank for hit in answer.evidence] == [1, 2]
    assert answer.notes == ("Claim and evidence were too long together for the reranker and were cut where marked.",)
    assert answer.index == {"path": str(index.path), "generation": 1, "n_docs": 5}
    assert answer.models == {"encoder": "fake-encoder", "reranker": "fake-reranker", "stance": None}
    assert list(answer.timings_ms) == ["encode", "bm25", "dense", "fuse", "fetch", "rerank"]
    assert answer.has_probabilities
    assert json.loads(as_json(answer))["evidence"][0]["stages"]["fused"]["rank"] == best.stages["fused"].rank


def test_the_answer_is_the_fused_list_without_a_reranker_and_bm25_s_without_an_encoder(index, encoder):
    (fused,) = EvidencePipeline(index, encoder, None).find_evidence([CLAIM], 10)
    (stages,) = EvidencePipeline(index, encoder, None).rank([CLAIM])
    assert [ScoredDoc(hit.document.doc_id, hit.score) for hit in fused.evidence] == stages.fused
    assert stages.rerank is None
    assert not fused.has_probabilities
    (plain,) = EvidencePipeline(index, None, None).rank([CLAIM])
    assert (plain.dense, plain.fused, plain.rerank, plain.final()) == (None, None, None, plain.bm25)
    (rescored,) = EvidencePipeline(index, None, FakeReranker(as_read({"Shrink wrap is plastic.": 3.0}))).rank([CLAIM])
    assert rescored.fused is None
    assert ids(rescored.rerank) == ["p1", "g1", "g2"]


def test_hits_that_are_not_rescored_follow_in_the_fused_order(index, encoder):
    reranker = FakeReranker(dict.fromkeys(VECTORS, -3.0))
    pipeline = EvidencePipeline(index, encoder, reranker, PipelineConfig(rerank_k=2))
    (stages,) = pipeline.rank([CLAIM])
    assert len(reranker.calls[0]) == 2
    assert sorted(ids(stages.rerank[:2])) == sorted(ids(stages.fused[:2]))
    assert ids(stages.rerank[2:]) == ids(stages.fused[2:])
    assert stages.rerank == by_score(stages.rerank)


def test_all_requested_hits_are_rescored(index, encoder):
    reranker = FakeReranker()
    config = PipelineConfig(first_stage_k=1, rerank_k=1)
    (answer,) = EvidencePipeline(index, encoder, reranker, config).find_evidence([CLAIM], 3)
    assert [hit.score for hit in answer.evidence] == [0.5, 0.5, 0.5]
    assert all(hit.stages["rerank"] is not None for hit in answer.evidence)


def test_k_beyond_the_corpus_returns_all_documents(index, encoder):
    (answer,) = EvidencePipeline(index, encoder, FakeReranker()).find_evidence([CLAIM], 1000)
    assert len(answer.evidence) == 4


def test_probabilities_are_ordered_like_extreme_logits(tmp_path):
    documents = [Document(f"d{n:02}", f"glaciers {n}") for n in range(40)]
    logits = {document.text: -20.0 + n for n, document in enumerate(documents)}
    pipeline = EvidencePipeline(index_of(tmp_path / "i", documents, FakeEncoder()), None, FakeReranker(logits))
    (stages,) = pipeline.rank(["glaciers"])
    assert ids(stages.rerank) == [document.doc_id for document in reversed(documents)]


def test_min_max_fusion_weighs_scores(index, encoder):
    config = PipelineConfig(fusion="min-max", bm25_weight=0.0)
    (stages,) = EvidencePipeline(index, encoder, None, config).rank([CLAIM])
    # By meaning alone: .96 becomes 1, .6 becomes 0, .8 lies at .2 / .36.
    assert ids(stages.fused)[:2] == ["g3", "g2"]
    assert stages.fused[1].score == pytest.approx(0.2 / 0.36, abs=1e-2)


def test_conditions_apply_to_both_searches(index, encoder):
    pipeline = EvidencePipeline(index, encoder, FakeReranker())
    (early,) = pipeline.rank([CLAIM], conditions=Conditions(before="2015"))
    assert set(ids(early.bm25)) == {"g1", "g2"}
    assert set(ids(early.dense)) == {"g1", "g2"}
    (food,) = pipeline.rank([CLAIM], conditions=Conditions(where=(("title", "Food"),)))
    assert (ids(food.bm25), food.dense) == (["p1"], [])
    (both,) = pipeline.find_evidence([CLAIM], conditions=Conditions("2015", (("kind", "report"),)))
    assert [hit.document.doc_id for hit in both.evidence] == ["g1"]
    assert both.notes == ("Not counted as before 2015: 1 document without a date.",)


@pytest.mark.parametrize(
    ("conditions", "notes"),
    [
        (
            Conditions("1500"),
            ["Not counted as before 1500: 1 document without a date.", "No document is dated before 1500."],
        ),
        (Conditions(where=(("knd", "report"),)), ["No document has a field 'knd'; did you mean 'kind'?"]),
        (Conditions(where=(("nosuch", "x"),)), ["No document has a field 'nosuch'."]),
        (
            Conditions(where=(("text", "x"), ("doc_id", "g1"))),
            [
                f"'{name}' is no condition: documents are chosen by title, source, url, date, parent_id and the "
                "further fields of their records."
                for name in ("text", "doc_id")
            ],
        ),
    ],
)
def test_a_condition_that_no_document_can_meet_is_named(index, encoder, conditions, notes):
    (answer,) = EvidencePipeline(index, encoder, None).find_evidence([CLAIM], conditions=conditions)
    assert (answer.evidence, list(answer.notes)) == ((), notes)


def test_a_note_counts_documents_that_may_not_be_older_than_the_day(tmp_path, encoder):
    dates = ["2019-03-01", "2020", "2020-07", "2020-07-03", None]
    documents = [Document(f"d{n}", f"glaciers {n}", date=date) for n, date in enumerate(dates)]
    pipeline = EvidencePipeline(index_of(tmp_path / "i", documents, encoder), None, None)

    def notes(day):
        return pipeline.find_evidence(["glaciers"], conditions=Conditions(day))[0].notes

    undated = "1 document without a date"
    assert notes("2020-07-05") == (
        f"Not counted as before 2020-07-05: {undated} and 2 documents dated 2020 or 2020-07 alone, which may be no "
        "older.",
    )
    assert notes("2020-07") == (
        f"Not counted as before 2020-07: {undated} and 1 document dated 2020 alone, which may be no older.",
    )
    assert notes("2020") == (f"Not counted as before 2020: {undated}.",)


def test_without_dates_no_document_is_before_a_day(tmp_path, encoder):
    pipeline = EvidencePipeline(index_of(tmp_path / "i", [Document("d", "glaciers")], encoder), None, None)
    (answer,) = pipeline.find_evidence(["glaciers"], conditions=Conditions("2020"))
    assert answer.notes == ("No document is dated, so none is before 2020.",)


def test_context_gives_the_neighbours_of_the_same_text(index, encoder):
    pipeline = EvidencePipeline(index, encoder, None)
    (answer,) = pipeline.find_evidence([CLAIM], 10, context=1)
    around = {hit.document.doc_id: (hit.before, hit.after) for hit in answer.evidence}
    assert [document.doc_id for document in around["g2"][0] + around["g2"][1]] == ["g1", "g3"]
    assert around["g3"] == ((DOCUMENTS[1],), ())
    assert all((hit.before, hit.after) == ((), ()) for hit in pipeline.find_evidence([CLAIM], 10)[0].evidence)


RISE = "The harbour gauge shows that the sea rose by 8 inches in a century"
DENIAL = "The harbour gauge does not show that the sea rose by 80 inches"
MARKS = ["", ".", " (AP)", " — Reuters", ", agencies reported", " [wire]", "!", " (updated)"]
COPIES = [
    Document(f"wire-{n}", f"{RISE}{mark}", source=f"Paper {n}", date=f"2020-01-0{n + 1}")
    for n, mark in enumerate(MARKS)
]


@pytest.fixture(scope="module")
def wires(tmp_path_factory):
    documents = [*COPIES, Document("audit", DENIAL), Document("z", "The sea is salt.")]
    return index_of(tmp_path_factory.mktemp("wires") / "index", documents, FakeEncoder())


def test_near_copies_are_one_piece_of_evidence_that_names_the_others(wires):
    reranker = FakeReranker({document.text: 2.0 for document in COPIES} | {DENIAL: 1.0})
    (answer,) = EvidencePipeline(wires, FakeEncoder(), reranker).find_evidence([RISE], 2)
    assert [hit.document.doc_id for hit in answer.evidence] == ["wire-0", "audit"]
    first, second = answer.evidence
    # The same words: by score the shorter come first, ties by doc_id.
    assert {copy.doc_id for copy in first.copies} == {document.doc_id for document in COPIES[1:]}
    assert first.n_copies == 7
    assert first.copies[0] == COPIES[1]
    assert (second.copies, second.n_copies) == ((), 0)
    # A corpus with only one copy gives the same probabilities.
    assert [hit.score for hit in answer.evidence] == pytest.approx([1 / (1 + math.exp(-2)), 1 / (1 + math.exp(-1))])
    (as_found,) = EvidencePipeline(wires, FakeEncoder(), reranker).find_evidence([RISE], 20, folding=False)
    assert len(as_found.evidence) == 10
    assert all(hit.n_copies == 0 for hit in as_found.evidence)


def test_copies_do_not_count_as_candidates(wires):
    reranker = FakeReranker({DENIAL: 1.0})
    config = PipelineConfig(first_stage_k=2, rerank_k=2)
    for encoder in (FakeEncoder(), None):
        pipeline = EvidencePipeline(wires, encoder, reranker, config)
        (answer,) = pipeline.find_evidence([RISE], 2)
        assert [hit.document.doc_id for hit in answer.evidence] == ["audit", "wire-0"]
    (as_found,) = pipeline.find_evidence([RISE], 2, folding=False)
    assert "audit" not in [hit.document.doc_id for hit in as_found.evidence]


def test_copies_are_folded_after_the_conditions(wires):
    pipeline = EvidencePipeline(wires, FakeEncoder(), None)
    (answer,) = pipeline.find_evidence([RISE], conditions=Conditions(where=(("source", "Paper 3"),)))
    assert [(hit.document.doc_id, hit.n_copies) for hit in answer.evidence] == [("wire-3", 0)]


def test_texts_that_read_the_same_have_the_same_probability_and_are_ordered_by_id(tmp_path):
    documents = [Document(f"same-{n}", "glaciers shrink fast") for n in range(9)]
    documents.append(Document("other", "glaciers shrink slowly"))
    reranker = FakeReranker({"glaciers shrink fast": 1.0, "glaciers shrink slowly": 0.9})
    reranker.blend = Blend(weights=(("logit", 1.0), ("log_fused_rank", -1.0)))
    index = index_of(tmp_path / "i", documents, FakeEncoder())
    for config in (PipelineConfig(), PipelineConfig(rerank_k=3)):
        pipeline = EvidencePipeline(index, FakeEncoder(), reranker, config)
        (stages,) = pipeline.rank([CLAIM])
        same = [hit for hit in stages.rerank if hit.doc_id != "other"]
        assert same == [ScoredDoc(f"same-{n}", same[0].score) for n in range(9)]
        assert 0 < same[0].score < 1
        (shown,) = pipeline.find_evidence([CLAIM], 9, folding=False)
        assert {hit.score for hit in shown.evidence if hit.document.doc_id != "other"} == {same[0].score}
    # Each text is read once.
    assert all(len(call) == len(set(call)) for call in reranker.calls)


def test_rankings_come_with_and_without_folding(wires):
    pipeline = EvidencePipeline(wires, FakeEncoder(), FakeReranker({DENIAL: 1.0}))
    (plain,) = pipeline.rank([RISE])
    (both,) = pipeline.rank([RISE], list_k=5, with_folded=True)
    assert (both.fused, both.rerank, both.bm25) == (plain.fused, plain.rerank, plain.bm25)
    assert ids(both.folded.final())[:2] == ["audit", "wire-0"]
    (answer,) = pipeline.find_evidence([RISE], 3)
    assert [ScoredDoc(hit.document.doc_id, hit.score) for hit in answer.evidence] == both.folded.final()[:3]
    assert len(both.folded.copies["wire-0"]) == 7


def test_of_very_many_copies_some_are_named_and_all_found_are_counted(tmp_path):
    documents = [Document(f"d{n:04}", "glaciers shrink") for n in range(700)]
    documents.append(Document("other", "glaciers shrink not at all"))
    pipeline = EvidencePipeline(index_of(tmp_path / "i", documents, FakeEncoder()), None, None)
    (answer,) = pipeline.find_evidence([CLAIM])
    assert [(hit.document.doc_id, hit.n_copies, len(hit.copies)) for hit in answer.evidence] == [
        ("d0000", 699, 100),
        ("other", 0, 0),
    ]


NOTHING = Conditions(before="1500")
NO_WORD = "no document holds a word of the claim"
NOT_SEARCHABLE = "the claim holds no word that can be searched for"
NOT_NEAR = "no document is near the claim in meaning"
NOT_READABLE = "the encoder does not know the claim's words or script"
NONE_THAT_MEETS = "no document that meets the conditions"


@pytest.mark.parametrize(
    ("claim", "conditions", "with_encoder", "note"),
    [
        (CLAIM, Conditions(), True, None),
        (CLAIM, Conditions(), False, None),
        ("zebras", Conditions(), True, f"No evidence found: {NO_WORD}, and {NOT_NEAR}."),
        ("zebras", Conditions(), False, f"No evidence found: {NO_WORD}."),
        ("the of and", Conditions(), False, f"No evidence found: {NOT_SEARCHABLE}."),
        (
            CLAIM,
            Conditions(where=(("title", "Sea"),)),
            True,
            f"No evidence found: {NONE_THAT_MEETS} holds a word of the claim, "
            f"and {NONE_THAT_MEETS} is near the claim in meaning.",
        ),
        ("зебры", Conditions(), True, f"No evidence found: {NO_WORD}, and {NOT_READABLE}."),
        ("?!", Conditions(), True, f"No evidence found: {NOT_SEARCHABLE}, and {NOT_READABLE}."),
        ("ледник", Conditions(), True, f"Found by meaning alone: {NO_WORD}."),
        ("the of and", Conditions(), True, f"Found by meaning alone: {NOT_SEARCHABLE}."),
        ("yeast", Conditions(), True, f"Found by words alone: {NOT_NEAR}."),
        ("glaciers зебры", Conditions(), True, f"Found by words alone: {NOT_READABLE}."),
        ("glaciers зебры", Conditions(), False, None),
    ],
)
def test_notes_explain_the_result(index, claim, conditions, with_encoder, note):
    far = {
        "zebras": (-1.0, 0.0),
        "yeast": (-1.0, 0.0),
        "?!": (-1.0, 0.0),
        "the of and": (1.0, 0.0),
        "ледник": (1.0, 0.0),
    }
    encoder = FakeEncoder(VECTORS | far, unreadable=["зебры", "?!", "glaciers зебры"]) if with_encoder else None
    (answer,) = EvidencePipeline(index, encoder, None).find_evidence([claim], conditions=conditions)
    assert answer.notes == (() if note is None else (note,))
    assert bool(answer.evidence) is not (note or "").startswith("No evidence")


def test_a_note_says_that_an_index_is_empty(tmp_path, encoder):
    pipeline = EvidencePipeline(index_of(tmp_path / "empty", [], encoder), encoder, FakeReranker())
    (answer,) = pipeline.find_evidence([CLAIM])
    assert (answer.evidence, answer.notes) == ((), ("The corpus is empty: there is no evidence to find.",))
    (answer,) = EvidencePipeline(MemoryIndex([], np.zeros((0, 2), np.float32)), encoder, None).find_evidence([CLAIM])
    assert answer.notes == ("The corpus is empty: there is no evidence to find.",)


def test_a_claim_that_the_encoder_cannot_read_is_not_searched_by_meaning(index):
    encoder = FakeEncoder(VECTORS, unreadable=[CLAIM])
    (stages,) = EvidencePipeline(index, encoder, None).rank([CLAIM])
    assert stages.dense == []
    assert [hit.doc_id for hit in stages.fused] == [hit.doc_id for hit in stages.bm25]
    assert (stages.fused[0].score, stages.fused[-1].score) == (1, 0)  # min-max with BM25 alone


def test_a_zero_vector_is_near_nothing(index):
    encoder = FakeEncoder(VECTORS | {"glaciers": (0.0, 0.0)})
    (stages,) = EvidencePipeline(index, encoder, None, PipelineConfig(min_cosine=-1.0)).rank(["glaciers"])
    assert stages.dense == []


def test_a_few_documents_in_memory_are_searched_like_an_index(index, encoder):
    memory = MemoryIndex(DOCUMENTS, encoder.encode([document.text for document in DOCUMENTS]))
    (found,) = EvidencePipeline(memory, encoder, FakeReranker()).rank([CLAIM])
    (expected,) = EvidencePipeline(index, encoder, FakeReranker()).rank([CLAIM])
    assert ids(found.dense) == ids(expected.dense)
    assert set(ids(found.rerank)) == set(ids(expected.rerank))
    (answer,) = EvidencePipeline(memory, None, None).find_evidence([CLAIM])
    assert answer.index == {"path": None, "generation": None, "n_docs": 5}
    with pytest.raises(ValueError, match="neither conditions nor context"):
        EvidencePipeline(memory, encoder, None).find_evidence([CLAIM], conditions=NOTHING)
    with pytest.raises(ValueError, match="neither conditions nor context"):
        EvidencePipeline(memory, encoder, None).find_evidence([CLAIM], context=1)


def test_without_claims_there_are_no_answers(index, encoder):
    reranker = FakeReranker()
    assert EvidencePipeline(index, encoder, reranker).find_evidence([]) == []
    assert EvidencePipeline(index, encoder, reranker).rank([]) == []
    assert EvidencePipeline(index, None, None).find_evidence([]) == []


@pytest.mark.parametrize("claim", ["", "  \n"])
def test_an_empty_claim_is_rejected_by_its_number(index, claim):
    with pytest.raises(InputError, match=r"^the claim is empty"):
        EvidencePipeline(index, None, None).find_evidence([claim])
    with pytest.raises(InputError, match=r"^claim 2 is empty"):
        EvidencePipeline(index, None, None).find_evidence([CLAIM, claim])


def test_invalid_claims_and_numbers_are_rejected(index):
    pipeline = EvidencePipeline(index, None, None)
    with pytest.raises(InputError, match="contains bytes that are not UTF-8"):
        pipeline.find_evidence(["sea \udcff"])
    with pytest.raises(TypeError, match="not one string"):
        pipeline.find_evidence(CLAIM)
    for k, context in ((0, 0), (-1, 0), (1, -1)):
        with pytest.raises(ValueError, match=f"got {k} and {context}"):
            pipeline.find_evidence([CLAIM], k, context=context)


@pytest.mark.parametrize(
    "setting",
    [
        {"first_stage_k": 0},
        {"rerank_k": 0},
        {"rrf_k": -1},
        {"bm25_weight": 1.1},
        {"min_cosine": 1.1},
        {"probe_share": 0.0},
        {"adaptive_share": 0.0},
        {"fusion": "mean"},
    ],
)
def test_settings_out_of_range_are_rejected(setting):
    with pytest.raises(ValueError, match=str(next(iter(setting.values())))):
        PipelineConfig(**setting)


WORDS = ["glaciers", "shrink", "bread", "yeast", "ice", "land", "mass"]
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    claims=st.lists(texts, min_size=1, max_size=6),
    angles=st.dictionaries(texts, st.floats(-3.0, 3.0), max_size=6),
    logits=st.dictionaries(st.sampled_from([document.text for document in DOCUMENTS]), st.integers(-3, 3)),
    first_stage_k=st.integers(1, 6),
    rerank_k=st.integers(1, 6),
    k=st.integers(1, 6),
)
def test_rankings_are_sorted_and_unique_reranking_loses_nothing_and_batches_change_nothing(
    index, claims, angles, logits, first_stage_k, rerank_k, k
):
    vectors = VECTORS | {text: (math.cos(angle), math.sin(angle)) for text, angle in angles.items()}
    config = PipelineConfig(first_stage_k=first_stage_k, rerank_k=rerank_k)
    pipeline = EvidencePipeline(index, FakeEncoder(vectors), FakeReranker(logits), config)
    together = pipeline.rank(claims)
    answers = pipeline.find_evidence(claims, k)
    for claim, stages, answer in zip(claims, together, answers, strict=True):
        for name in STAGES:
            ranking = getattr(stages, name)
            assert ranking == by_score(ranking)
            assert len(set(ids(ranking))) == len(ranking)
        assert len(stages.bm25) <= first_stage_k
        assert len(stages.dense) <= first_stage_k
        assert sorted(ids(stages.rerank)) == sorted(ids(stages.fused))
        assert set(ids(stages.fused)) == {*ids(stages.bm25), *ids(stages.dense)}
        assert pipeline.rank([claim]) == [stages]
        (alone,) = pipeline.find_evidence([claim], k)
        assert (alone.evidence, alone.notes) == (answer.evidence, answer.notes)
        assert len(answer.evidence) <= k


def test_real_models_give_the_same_answer_alone_and_in_a_batch(tmp_path, tiny_encoder, tiny_reranker):
    words = ["sea level", "ice sheet", "vaccines", "measles", "the moon", "coal and gas", "inflation", "wind power"]
    verbs = ["rises", "melts", "is less than 10 per cent", "was not in the study", "warms the ocean " * 15]
    documents = [
        Document(f"d{n}", f"{word} {verb}") for n, (word, verb) in enumerate((w, v) for w in words for v in verbs)
    ]
    pipeline = EvidencePipeline(index_of(tmp_path / "i", documents, tiny_encoder), tiny_encoder, tiny_reranker)
    claims = [f"{word} {verb} by {n}" for n in (1, 2) for word in words for verb in verbs[:3]]
    together = pipeline.find_evidence(claims, 5)
    for claim, answer in zip(claims, together, strict=True):
        (alone,) = pipeline.find_evidence([claim], 5)
        assert alone.evidence == answer.evidence
    assert len({answer.evidence[0].document.doc_id for answer in together}) > 1
    json.loads(as_json(together[0]))


def test_an_encoder_other_than_the_index_s_is_rejected(index):
    other = replace(IDENTITY, name="other-encoder", weights_sha256="0" * 64)
    with pytest.raises(EncoderMismatchError, match=r"fake-encoder.*other-encoder"):
        EvidencePipeline(index, FakeEncoder(identity=other), None)
    EvidencePipeline(index, FakeEncoder(identity=replace(IDENTITY, name="the same elsewhere")), None)


# Inner products with the claim (2, 0): 24, 3, 0.2, 0 and -8. As cosines the last three would be .01, 0 and -1.
LENGTHS = {
    CLAIM: (2.0, 0.0),
    "Glaciers shrink every summer.": (12.0, 5.0),
    "Most glaciers lose mass.": (1.5, 90.0),
    "Ice on land is melting.": (0.1, 10.0),
    "Bread needs yeast.": (0.0, 7.0),
    "Shrink wrap is plastic.": (-4.0, 0.0),
}


def test_with_inner_products_a_vector_s_length_counts_and_cosine_thresholds_are_off(tmp_path):
    encoder = FakeEncoder(LENGTHS, replace(IDENTITY, similarity="dot"))
    threshold = RelevanceThreshold(0.9, 5, IDENTITY.weights_sha256, 100, 0.1, 100, 0.1)
    reranker = FakeReranker()
    reranker.blend = Blend(relevance=threshold)
    in_memory = MemoryIndex(DOCUMENTS, encoder.encode([document.text for document in DOCUMENTS]))
    for held in (index_of(tmp_path / "index", DOCUMENTS, encoder), in_memory):
        pipeline = EvidencePipeline(held, encoder, reranker)
        (stages,) = pipeline.rank([CLAIM])
        assert [hit.doc_id for hit in stages.dense] == ["g1", "g2", "g3", "b1", "p1"]
        assert [hit.score for hit in stages.dense] == pytest.approx([24, 3, 0.2, 0, -8], abs=1e-3)
        # By fusion each list is scaled to [0, 1]: g1 is first in both.
        assert stages.fused[0] == ScoredDoc("g1", pytest.approx(1.0))
        assert pipeline.has_nothing_relevant(CLAIM, stages) is None


def test_inner_products_and_cosines_make_different_encoders(index):
    with pytest.raises(EncoderMismatchError):
        EvidencePipeline(index, FakeEncoder(LENGTHS, replace(IDENTITY, similarity="dot")), None)
