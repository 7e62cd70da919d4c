"""Measures: by hand, by ir_measures over the files that were written, and on the bundled sample."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline_fakes import FakeEncoder, FakeReranker

from data.bundled import sample_dir
from data.claims import read_claims
from data.errors import InputError
from data.judgments import read_qrels, write_qrels
from data.records import Document, Query, ScoredDoc
from data.trec import read_run
from indexes.memory import MemoryIndex
from indexes.snapshot import IndexSnapshot
from pipeline.config import PipelineConfig
from pipeline.encoders import load_encoder
from pipeline.evaluation import MEASURES, evaluate, mean_measures, write_evaluation
from pipeline.evidence import EvidencePipeline
from pipeline.fusion import by_score
from pipeline.indexing import build_index


def ranking(*doc_ids):
    return [ScoredDoc(doc_id, float(len(doc_ids) - place)) for place, doc_id in enumerate(doc_ids)]


def test_measures_are_those_computed_by_hand():
    run = {"q1": ranking("a", "x", "b", "y"), "q2": ranking("x", "y", "z", "u", "v", "c")}
    qrels = {"q1": {"a": 1, "b": 1, "d": 1}, "q2": {"c": 1, "x": 0}}
    found = mean_measures(run, qrels)
    # q1 finds a and b of three among 5; q2 finds c at rank 6.
    assert found["R@1"] == pytest.approx((1 / 3 + 0) / 2)
    assert found["R@5"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["R@10"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["RR@10"] == pytest.approx((1 + 1 / 6) / 2)
    # DCG: q1 at ranks 1 and 3, of ideal 1, 2, 3; q2 at rank 6, of ideal 1.
    first = (1 + 1 / math.log2(4)) / (1 + 1 / math.log2(3) + 1 / math.log2(4))
    second = (1 / math.log2(7)) / 1
    assert found["nDCG@10"] == pytest.approx((first + second) / 2)


def test_grades_weigh_in_ndcg():
    found = mean_measures({"q": ranking("a", "b")}, {"q": {"a": 1, "b": 2}}, ["nDCG@10"])
    assert found["nDCG@10"] == pytest.approx((1 + 2 / math.log2(3)) / (2 + 1 / math.log2(3)))


def test_a_claim_without_hits_counts_as_nothing_found():
    assert mean_measures({"q1": ranking("a")}, {"q1": {"a": 1}, "q2": {"b": 1}}, ["R@5"]) == {"R@5": 0.5}
    assert mean_measures({"q1": []}, {"q1": {"a": 1}}, ["R@5"]) == {"R@5": 0.0}
    assert mean_measures({}, {"q1": {"a": 1}}, ["R@5"]) == {"R@5": 0.0}


def test_ties_stand_as_the_ranking_has_them():
    tied = {"q": [ScoredDoc("a", 1.0), ScoredDoc("b", 1.0)]}
    assert mean_measures(tied, {"q": {"a": 1}}, ["R@1"]) == {"R@1": 1.0}
    assert mean_measures(tied, {"q": {"b": 1}}, ["R@1"]) == {"R@1": 0.0}


doc_ids = st.sampled_from([f"d{n}" for n in range(12)])
hits = st.dictionaries(doc_ids, st.floats(0, 1), max_size=12).map(
    lambda found: by_score([ScoredDoc(doc_id, score) for doc_id, score in found.items()])
)


@given(
    st.dictionaries(st.sampled_from("abc"), hits),
    st.dictionaries(st.sampled_from("abc"), st.dictionaries(doc_ids, st.integers(1, 3), min_size=1), min_size=1),
)
def test_every_measure_lies_between_nothing_and_all(run, qrels):
    assert all(0 <= value <= 1 for value in mean_measures(run, qrels).values())


DOCUMENTS = [
    Document(f"d{n}", text)
    for n, text in enumerate(["ice melts", "ice is cold", "the sea rises", "bread rises", "yeast"])
]
CLAIMS = [
    Query("c1", "Ice melts"),
    Query("c2", "what rises"),
    Query("c3", "no judgment"),
    Query("c4", "judged not relevant"),
]
QRELS = {"c1": {"d0": 1, "d1": 1}, "c2": {"d2": 1, "gone": 1}, "c4": {"d0": 0}, "c9": {"d4": 1}}


@pytest.fixture
def pipeline():
    encoder = FakeEncoder(
        dict.fromkeys([document.text for document in DOCUMENTS], (0.0, 1.0)) | {"ice is cold": (1, 0)}
    )
    index = MemoryIndex(DOCUMENTS, encoder.encode([document.text for document in DOCUMENTS]))
    return EvidencePipeline(index, encoder, FakeReranker({"the sea rises": 2.0}))


def test_every_stage_is_measured_and_what_does_not_count_is_listed(pipeline):
    seen = []
    result = evaluate(pipeline, CLAIMS, QRELS, on_progress=lambda done, total: seen.append((done, total)))
    assert list(result.means) == ["bm25", "dense", "fused", "rerank"]
    assert (result.n_claims, result.unjudged, result.absent) == (2, ["c3", "c4"], ["c9"])
    assert result.unknown_documents == ["gone"]
    assert seen == [(2, 2)]
    # c1 by words: d0 and d1 of two. c2: d2 and d3 hold "rises", "gone" is nowhere: half at best.
    assert result.means["bm25"]["R@5"] == pytest.approx((1 + 0.5) / 2)
    # By meaning both claims find d1 alone.
    assert result.means["dense"]["R@5"] == pytest.approx((0.5 + 0) / 2)
    # The reranker puts d2 first for c2; c1's four zeros tie and d0 comes first.
    assert result.means["rerank"]["R@1"] == pytest.approx((0.5 + 0.5) / 2)
    assert result.means["rerank"]["RR@10"] == 1.0


def test_stages_that_do_not_run_are_not_measured(pipeline):
    result = evaluate(EvidencePipeline(pipeline.index, None, None), CLAIMS, QRELS)
    assert list(result.means) == ["bm25"]


def test_claims_and_judgments_that_share_nothing_are_an_error(pipeline):
    with pytest.raises(InputError, match="none of the 1 claims has a relevant judgment"):
        evaluate(pipeline, [Query("c3", "no judgment")], QRELS)
    with pytest.raises(InputError, match="none of the 0 claims"):
        evaluate(pipeline, [], QRELS)


def test_the_written_runs_score_the_same_in_ir_measures(pipeline, tmp_path):
    import ir_measures

    result = evaluate(pipeline, CLAIMS, QRELS)
    paths = write_evaluation(result, tmp_path / "out", {"k": 1})
    assert [path.name for path in paths] == ["bm25.trec", "dense.trec", "fused.trec", "rerank.trec", "evaluation.json"]
    write_qrels({claim: QRELS[claim] for claim in ("c1", "c2")}, tmp_path / "qrels.trec")
    for path in paths[:-1]:
        theirs = ir_measures.calc_aggregate(
            [ir_measures.parse_measure(name) for name in MEASURES],
            ir_measures.read_trec_qrels(str(tmp_path / "qrels.trec")),
            ir_measures.read_trec_run(str(path)),
        )
        assert {str(name): value for name, value in theirs.items()} == pytest.approx(result.means[path.stem])
        assert {claim: [hit.doc_id for hit in hits] for claim, hits in read_run(path).items()} == {
            claim: [hit.doc_id for hit in hits] for claim, hits in result.runs[path.stem].items()
        }
    record = json.loads(paths[-1].read_text())
    assert record["means"] == result.means
    assert (record["n_claims"], record["n_unjudged"], record["n_absent"], record["n_unknown_documents"]) == (2, 2, 1, 1)


def test_a_folder_that_cannot_be_written_is_an_error(pipeline, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_evaluation(evaluate(pipeline, CLAIMS, QRELS), tmp_path / "file", {})


@pytest.mark.slow
def test_the_first_stage_finds_the_sample_s_evidence(tmp_path):
    encoder = load_encoder(device="cpu")
    build_index([str(sample_dir() / "evidence.jsonl")], tmp_path / "index", encoder)
    pipeline = EvidencePipeline(IndexSnapshot.open(tmp_path / "index"), encoder, None, PipelineConfig())
    claims = list(read_claims(str(sample_dir() / "claims.jsonl")))
    result = evaluate(pipeline, claims, read_qrels(str(sample_dir() / "qrels.tsv")))
    assert (result.n_claims, result.unjudged, result.absent, result.unknown_documents) == (len(claims), [], [], [])
    # Measured: recall@10 .700 by words, .964 by meaning, .903 fused; nDCG@10 .608, .924 and .800.
    assert result.means["bm25"]["R@10"] > 0.69
    assert result.means["dense"]["R@10"] > 0.95
    assert result.means["fused"]["R@10"] > 0.89
    assert result.means["fused"]["nDCG@10"] > 0.79
    assert result.means["fused"]["R@100"] > 0.99
