"""Claims on which a corpus has nothing: the threshold, the answer, and the error rates."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
from pipeline_fakes import IDENTITY, FakeEncoder, FakeReranker

from claimhound.data.records import Document, Query
from claimhound.indexes.memory import MemoryIndex
from claimhound.pipeline.evaluation.evaluating import evaluate
from claimhound.pipeline.evaluation.reporting import run_figures
from claimhound.pipeline.models.blending import Blend, BlendMeasures, CalibrationError
from claimhound.pipeline.models.relevance import COSINE_PER_TENFOLD, RelevanceThreshold, best_cosine, choose_cosine
from claimhound.pipeline.search.answer_json import as_record
from claimhound.pipeline.search.evidence import EvidencePipeline

DOCUMENTS = [Document("a", "The ice melts."), Document("b", "Wind power is clean.")]
NEAR, FAR = "Does ice melt?", "The bishop sings to lamps."
# The vectors of the documents point along x. Cosines: 0.8 and 0.5.
VECTORS = {NEAR: [0.8, 0.6], FAR: [0.5, math.sqrt(0.75)]}
THRESHOLD = RelevanceThreshold(0.7, 2, IDENTITY.weights_sha256, 100, 0.04, 200, 0.075)


def pipeline(threshold=THRESHOLD, encoder=None, logits=None, measured=None):
    encoder = encoder or FakeEncoder(VECTORS)
    reranker = FakeReranker(logits)
    reranker.blend = Blend(measured=measured, relevance=threshold)
    index = MemoryIndex(DOCUMENTS, encoder.encode([document.text for document in DOCUMENTS]))
    return EvidencePipeline(index, encoder, reranker)


def test_an_answer_below_the_threshold_is_flagged_and_keeps_its_evidence():
    near, far = pipeline().find_evidence([NEAR, FAR])
    assert near.nothing_relevant is False
    assert not any("nothing relevant" in note for note in near.notes)
    assert far.nothing_relevant is True
    assert len(far.evidence) == 2
    assert far.notes[0] == (
        "Probably nothing relevant: what lies nearest to the claim has cosine 0.50, and in a corpus of this size 0.70 "
        "is the least to expect. Where that was measured, 4 % of the claims with evidence fell below, and 8 % of "
        "senseless claims did not."
    )
    assert as_record(far)["nothing_relevant"] is True


def test_a_cosine_at_the_threshold_is_near_enough():
    cosine = best_cosine(pipeline().rank([FAR])[0].dense)
    at, above = (replace(THRESHOLD, cosine=value) for value in (cosine, math.nextafter(cosine, 1)))
    assert pipeline(at).find_evidence([FAR])[0].nothing_relevant is False
    assert pipeline(above).find_evidence([FAR])[0].nothing_relevant is True


@pytest.mark.parametrize(
    "given",
    [
        {"threshold": None},
        {"threshold": replace(THRESHOLD, encoder_sha256="0" * 64)},
        {"encoder": FakeEncoder(VECTORS, unreadable=[FAR])},
    ],
    ids=["no threshold", "another encoder", "a claim that it cannot read"],
)
def test_the_flag_is_null_if_it_cannot_be_known(given):
    answer = pipeline(**given).find_evidence([FAR])[0]
    assert answer.nothing_relevant is None
    assert not any("Probably" in note for note in answer.notes)


def test_the_threshold_rises_with_the_size_of_the_index():
    threshold = replace(THRESHOLD, cosine=0.5, n_docs=1000)
    assert threshold.cosine_at(1000) == 0.5
    assert threshold.cosine_at(100_000) == pytest.approx(0.5 + 2 * COSINE_PER_TENFOLD)
    assert threshold.cosine_at(10) == pytest.approx(0.5 - 2 * COSINE_PER_TENFOLD)


def test_the_threshold_catches_most_and_misjudges_few():
    with_relevant = np.array([0.5, 0.7, 0.8, 0.9])
    # If no claim with evidence may fall below: one of three lies below 0.5. If one of four may: two lie below 0.7.
    without = np.array([0.4, 0.6, 0.75])
    assert choose_cosine(with_relevant, without, most_told=0.0) == pytest.approx(0.45)
    assert choose_cosine(with_relevant, without, most_told=0.25) == pytest.approx(0.65)


def test_inseparable_claims_get_no_threshold():
    assert choose_cosine(np.array([0.3, 0.4]), np.array([0.6, 0.7]), most_told=0.5) is None
    assert choose_cosine(np.array([0.5]), np.array([0.5])) is None


def test_a_threshold_survives_a_round_trip():
    record = json.loads(json.dumps(asdict(THRESHOLD)))
    assert RelevanceThreshold.from_record(record) == THRESHOLD
    with pytest.raises(ValueError, match=r"told_nothing must be in \[0, 1\], got 4"):
        RelevanceThreshold.from_record(record | {"told_nothing": 4.0})
    with pytest.raises(TypeError, match=r"cosine must be a number, not '0\.5'"):
        RelevanceThreshold.from_record(record | {"cosine": "0.5"})


def test_real_claims_without_evidence_are_counted_apart_from_nonsense():
    assert replace(THRESHOLD, n_without=20, without_shown=0.35).errors_text == (
        "4 % of the claims with evidence fell below, 35 % of the claims on which there was nothing did not, and 8 % of "
        "senseless claims did not"
    )


def test_evidence_of_low_probability_is_left_out_with_a_note():
    # sigmoid(2) = 0.88, sigmoid(-2) = 0.12
    searched = pipeline(logits={"The ice melts.": 2.0, "Wind power is clean.": -2.0})
    assert [hit.document.doc_id for hit in searched.find_evidence([NEAR], min_score=0.5)[0].evidence] == ["a"]
    nothing = searched.find_evidence([NEAR], min_score=0.9)[0]
    assert nothing.evidence == ()
    assert nothing.notes == ("No evidence of probability 0.9 or more: the best has 0.88.",)


def test_min_score_needs_a_reranker():
    searched = pipeline()
    without = EvidencePipeline(searched.index, searched.encoder, None)
    with pytest.raises(ValueError, match="needs the probabilities of a reranker"):
        without.find_evidence([NEAR], min_score=0.5)


def test_an_evaluation_counts_flagged_claims_and_shows_the_stored_shares():
    measured = BlendMeasures(40, 4000, 5, (CalibrationError(5, 0.031, 0.02, 0.05),), 0.01, 0.06, 0.26)
    claims = [Query("1", NEAR), Query("2", FAR), Query("3", FAR + " Again.")]
    encoder = FakeEncoder(VECTORS | {claims[2].text: VECTORS[FAR]})
    qrels = {"1": {"a": 1}, "2": {"b": 1}, "3": {"gone": 1}}
    found = evaluate(pipeline(encoder=encoder, measured=measured), claims, qrels)
    record = run_figures.as_record(found)
    assert record["told_nothing"] == {"cosine": 0.7, "n_claims": 3, "n_told": 2, "n_with": 2, "n_wrongly": 1}
    assert record["settings"]["reranker"]["blend"]["measured"]["n_claims"] == 40
    text = " ".join(run_figures.as_text(found).split())
    assert '"Probably nothing relevant" is said of 2 of 3 claims' in text
    assert "fitted on 40 claims, and by 5-fold cross-validation an expected calibration error of 0.031 of the" in text


def test_an_evaluation_without_a_threshold_does_not_mention_it():
    found = evaluate(pipeline(None), [Query("1", NEAR)], {"1": {"a": 1}})
    assert run_figures.as_record(found)["told_nothing"] is None
    assert "Probably" not in run_figures.as_text(found)
