"""Stance as the last stage of a search, with fakes that give each text a stance."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pipeline_fakes import FakeReranker, FakeStance

from claimhound.data.records import Document
from claimhound.indexes.memory import MemoryIndex
from claimhound.pipeline.models.blending import Blend
from claimhound.pipeline.models.summary_rule import UNMEASURED, SummaryRule, relevance_sha256
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.opening import describe, open_pipeline
from claimhound.pipeline.serving.compute import Compute

DOCUMENTS = [Document("up", "the sea rises"), Document("down", "the sea falls"), Document("salt", "the sea is salt")]
STANCE = {"the sea rises": (0.9, 0.05, 0.05), "the sea falls": (0.1, 0.8, 0.1)}
RELEVANT = {document.text: 3.0 for document in DOCUMENTS}


def pipeline(stance, *, logits=RELEVANT, **settings):
    return EvidencePipeline(
        MemoryIndex(DOCUMENTS, None), None, FakeReranker(logits), PipelineConfig(**settings), stance
    )


def test_only_the_returned_evidence_is_classified_in_one_call():
    model = FakeStance(STANCE)
    answers = pipeline(model).find_evidence(["sea rises", "sea falls"], 2)
    assert model.calls == [[(answer.claim, hit.document.text) for answer in answers for hit in answer.evidence]]
    assert len(model.calls[0]) == 4


def test_each_piece_has_its_stance_and_the_claim_a_summary():
    (answer,) = pipeline(FakeStance(STANCE)).find_evidence(["the sea rises"], 3)
    stances = {hit.document.doc_id: hit.stance.label for hit in answer.evidence}
    assert stances == {"up": "SUPPORTS", "down": "REFUTES", "salt": "NOT_ENOUGH_INFO"}
    assert answer.summary == ("DISPUTED", ("up",), ("down",))
    assert answer.models["stance"] == "fake-stance"
    assert list(answer.timings_ms)[-1] == "stance"


def test_a_claim_gets_the_same_answer_alone_and_in_a_batch():
    both = pipeline(FakeStance(STANCE)).find_evidence(["the sea rises", "salt"], 2)
    for answer in both:
        (alone,) = pipeline(FakeStance(STANCE)).find_evidence([answer.claim], 2)
        assert (alone.evidence, alone.summary) == (answer.evidence, answer.summary)


def test_the_settings_decide_which_evidence_counts():
    (answer,) = pipeline(FakeStance(STANCE), min_stance=0.85).find_evidence(["the sea rises"], 3)
    assert answer.summary == ("SUPPORTS", ("up",), ())
    # The sigmoid of -4 is .018: found, and not relevant.
    (answer,) = pipeline(FakeStance(STANCE), logits=dict.fromkeys(RELEVANT, -4.0)).find_evidence(["the sea rises"], 3)
    assert answer.summary == ("NOT_ENOUGH_INFO", (), ())


def test_measured_thresholds_apply_with_the_reranker_that_they_were_measured_with():
    # The sigmoid of 3 is .953: .857 for and .762 against.
    scale = relevance_sha256(FakeReranker.weights_sha256, Blend())
    rule = SummaryRule("maximum", 0.86, 0.76, relevance_sha256=scale)
    own = pipeline(FakeStance(STANCE, summary=rule))
    assert own.summary_rule == rule
    assert own.find_evidence(["the sea rises"], 3)[0].summary.label == "NOT_ENOUGH_INFO"
    assert describe(own)["stance"]["summary"]["supports"] == 0.86
    other = pipeline(FakeStance(STANCE, summary=replace(rule, relevance_sha256="another")))
    assert other.summary_rule == UNMEASURED
    assert other.find_evidence(["the sea rises"], 3)[0].summary.label == "DISPUTED"
    assert pipeline(FakeStance(STANCE)).summary_rule == UNMEASURED


def test_a_newly_calibrated_reranker_has_another_scale():
    weights = FakeReranker.weights_sha256
    scales = {relevance_sha256(weights, Blend()), relevance_sha256(weights, Blend(0.5)), relevance_sha256("x", Blend())}
    assert len(scales) == 3


def test_without_a_stance_model_there_is_no_stance():
    (answer,) = pipeline(None).find_evidence(["the sea rises"], 3)
    assert answer.summary is None
    assert {hit.stance for hit in answer.evidence} == {None}
    assert answer.models["stance"] is None
    assert "stance" not in answer.timings_ms


def test_a_claim_without_evidence_has_not_enough_info():
    (answer,) = pipeline(FakeStance(STANCE)).find_evidence(["volcano"], 3)
    assert (answer.evidence, answer.summary.label) == ((), "NOT_ENOUGH_INFO")


def test_a_pair_that_the_stance_model_cut_is_flagged_and_noted():
    model = FakeStance(STANCE, truncated=["the sea falls"])
    (answer,) = pipeline(model).find_evidence(["the sea rises"], 3)
    assert {hit.document.doc_id for hit in answer.evidence if hit.stance.truncated} == {"down"}
    assert any("the stance model" in note for note in answer.notes)


@pytest.mark.parametrize("named", [True, False])
def test_a_pipeline_opens_with_the_named_stance_model_or_without_one(tmp_path, tiny_model_dir, tiny_stance_dir, named):
    (tmp_path / "corpus.txt").write_text("the sea level rises\n")
    found = open_pipeline(
        None,
        corpus=str(tmp_path / "corpus.txt"),
        with_encoder=False,
        with_reranker=False,
        stance=str(tiny_stance_dir) if named else None,
        with_stance=named,
        compute=Compute("cpu"),
    )
    (answer,) = found.find_evidence(["the sea"], 1)
    assert (answer.summary is not None) == named
    assert ("stance" in describe(found)) == named
