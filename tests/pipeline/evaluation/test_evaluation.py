"""Evaluations of a pipeline and of runs: what counts, what is reported, and what other tools make of the files."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from itertools import product

import pytest
from pipeline_fakes import FakeEncoder, FakeReranker

from claimhound.data.bundled import sample_dir
from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.judgments import read_qrels
from claimhound.data.labelled_sets.trec import read_run
from claimhound.data.readers.claims import read_claims
from claimhound.data.records import Document, Query, ScoredDoc
from claimhound.indexes.memory import MemoryIndex
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.evaluation.evaluating import MeasureSettings, StageSettings, evaluate, evaluate_runs
from claimhound.pipeline.evaluation.evidence_sets import set_values
from claimhound.pipeline.evaluation.losses import count_fates, count_finders
from claimhound.pipeline.evaluation.measures import DEFAULT_MEASURES
from claimhound.pipeline.evaluation.reporting.output_folder import JOURNAL_NAME, write_evaluation
from claimhound.pipeline.evaluation.reporting.run_figures import as_record, as_text
from claimhound.pipeline.indexing.building import build_index
from claimhound.pipeline.models.encoders import load_encoder
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.serving.compute import Compute

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
QRELS = {"c1": {"d0": 1, "d1": 1}, "c2": {"d2": 1, "d4": -2, "gone": 1}, "c4": {"d0": 0}, "c9": {"d4": 1}}


def ranking(*doc_ids):
    return [ScoredDoc(doc_id, float(len(doc_ids) - place)) for place, doc_id in enumerate(doc_ids)]


def findings_of(evaluation):
    return {finding.kind: finding.items for finding in evaluation.findings}


@pytest.fixture
def pipeline():
    encoder = FakeEncoder(
        dict.fromkeys([document.text for document in DOCUMENTS], (0.0, 1.0)) | {"ice is cold": (1, 0)}
    )
    index = MemoryIndex(DOCUMENTS, encoder.encode([document.text for document in DOCUMENTS]))
    return EvidencePipeline(index, encoder, FakeReranker({"the sea rises": 2.0}))


def test_every_stage_is_measured_and_mismatches_are_listed(pipeline):
    seen = []
    result = evaluate(pipeline, CLAIMS, QRELS, on_progress=lambda *progress: seen.append(progress))
    assert list(result.means) == ["bm25", "dense", "fused", "reranked"]
    assert result.judged.query_ids == ("c1", "c2")
    assert findings_of(result) == {
        "unjudged_claims": ("c3",),
        "absent_claims": ("c9",),
        "fruitless_claims": ("c4",),
        "negative_grades": ("c2/d4",),
        "unknown_documents": ("gone",),
    }
    assert seen == [("evaluate", 0, 2), ("evaluate", 2, 2)]
    # c1 by words: d0 and d1 of two. c2: d2 and d3 hold "rises", "gone" is nowhere: half at best.
    assert result.means["bm25"]["R@5"] == pytest.approx((1 + 0.5) / 2)
    # By meaning both claims find d1 alone.
    assert result.means["dense"]["R@5"] == pytest.approx((0.5 + 0) / 2)
    # The reranker puts d2 first for c2; c1's four zeros tie and d0 comes first.
    assert result.means["reranked"]["R@1"] == pytest.approx((0.5 + 0.5) / 2)
    assert result.values["reranked"]["RR@10"].tolist() == [1, 1]


def test_only_requested_stages_that_run_are_measured(pipeline):
    assert list(evaluate(EvidencePipeline(pipeline.index, None, None), CLAIMS, QRELS).means) == ["bm25"]
    result = evaluate(pipeline, CLAIMS, QRELS, stages=StageSettings(["fused", "bm25"]))
    assert list(result.means) == ["bm25", "fused"]
    with pytest.raises(InputError, match="none of the chosen stages runs with this index and these models: dense"):
        evaluate(EvidencePipeline(pipeline.index, None, None), CLAIMS, QRELS, stages=StageSettings(["dense"]))


def test_claims_and_judgments_without_common_ids_are_an_error(pipeline):
    with pytest.raises(InputError, match="none of the 1 claims has a relevant judgment"):
        evaluate(pipeline, [Query("c3", "no judgment")], QRELS)
    with pytest.raises(InputError, match="none of the 0 claims"):
        evaluate(pipeline, [], QRELS)
    with pytest.raises(InputError, match="none of the 4 claims has a relevant judgment"):
        evaluate(pipeline, CLAIMS, {"c4": {"d0": 0}})


def test_an_index_without_relevant_documents_is_an_error_before_the_search(pipeline):
    with pytest.raises(InputError, match=r"the index holds none of the 2 relevant documents \(elsewhere, gone, …\)"):
        evaluate(pipeline, CLAIMS, {"c1": {"gone": 1}, "c2": {"elsewhere": 1, "d0": 0}})
    assert pipeline.reranker.calls == []


def test_deep_lists_do_not_change_the_fused_and_reranked_lists(pipeline):
    narrow = EvidencePipeline(pipeline.index, pipeline.encoder, pipeline.reranker, PipelineConfig(first_stage_k=1))
    (claim,) = narrow.rank(["Ice melts"], list_k=5)
    (plain,) = narrow.rank(["Ice melts"])
    assert [hit.doc_id for hit in claim.bm25] == ["d0", "d1"]
    assert [hit.doc_id for hit in plain.bm25] == ["d0"]
    assert (claim.fused, claim.rerank) == (plain.fused, plain.rerank)
    assert [hit.doc_id for hit in claim.fused] == ["d1", "d0"]  # d1 by meaning, which weighs more, d0 by words
    with pytest.raises(ValueError, match="list_k must be at least 1"):
        narrow.rank(["Ice melts"], list_k=0)
    result = evaluate(narrow, CLAIMS, QRELS, stages=StageSettings(list_k=1))
    assert all(len(hits) <= 1 for run in result.runs.values() for hits in run.values())


def test_each_relevant_document_has_a_fate(pipeline):
    result = evaluate(pipeline, CLAIMS, QRELS, stages=StageSettings(shown_k=1))
    fates = {(loss.query_id, loss.doc_id): loss.fate for loss in result.stages.losses}
    # c1: d1, which both find, is fused first; the reranker's tie puts d0 before it. c2: d2 is lifted to the top, and
    # "gone" is not in the index.
    assert fates == {
        ("c1", "d0"): "shown",
        ("c1", "d1"): "pushed_down",
        ("c2", "d2"): "shown",
        ("c2", "gone"): "unknown",
    }
    assert count_fates(result.stages.losses) == {"shown": 2, "pushed_down": 1, "unknown": 1}
    # Both find d1 for c1; d0 and d2 are found by words alone.
    assert count_finders(result.stages.losses, 100) == {"both": 1, "bm25 alone": 2, "dense alone": 0, "neither": 0}


def test_returned_sets_have_a_fixed_and_an_adaptive_size(pipeline):
    first, adaptive = evaluate(pipeline, CLAIMS, QRELS, stages=StageSettings(shown_k=2)).stages.returned
    # c1 shows d0, d1 (both relevant), c2 shows d2 and another (P 1/2, R 1/2).
    assert first.f_score.mean == pytest.approx((1 + 0.5) / 2)
    assert first.mean_size == 2
    # sigmoid(0) = .5 is more than .4 of sigmoid(2) = .88: all stay.
    assert adaptive.mean_size == first.mean_size
    strict = EvidencePipeline(
        pipeline.index, pipeline.encoder, pipeline.reranker, replace(pipeline.config, adaptive_share=0.6)
    )
    _, adaptive = evaluate(strict, CLAIMS, QRELS, stages=StageSettings(shown_k=2)).stages.returned
    # Now c2 shows d2 alone: P 1, R 1/2, F 2/3.
    assert adaptive.f_score.mean == pytest.approx((1 + 2 / 3) / 2)


def many_claims(n, relevant="answer"):
    """Claims whose words find the document topic before the document answer, one of which is relevant."""
    letters = ["".join(pair) for pair in product("bcdfghjkl", "mnpqrstvx")]
    documents = [Document(f"answer{i}", f"answerx{letters[i]}") for i in range(n)]
    documents += [Document(f"topic{i}", f"topicx{letters[i]} topicx{letters[i]}") for i in range(n)]
    claims = [Query(f"c{i}", f"topicx{letters[i]} answerx{letters[i]} topicx{letters[i]}") for i in range(n)]
    return MemoryIndex(documents), claims, {f"c{i}": {f"{relevant}{i}": 1} for i in range(n)}


@pytest.mark.parametrize(
    ("relevant", "lifted", "word"),
    [("answer", "answer", "helps"), ("topic", "answer", "hurts"), ("topic", "topic", "unclear")],
)
def test_the_verdict_says_whether_the_reranker_helps(relevant, lifted, word):
    index, claims, qrels = many_claims(12, relevant)
    texts = [document.text for document in index.documents([f"{lifted}{i}" for i in range(12)])]
    result = evaluate(EvidencePipeline(index, None, FakeReranker(dict.fromkeys(texts, 1.0))), claims, qrels)
    assert all(hits[0].doc_id.startswith("topic") for hits in result.runs["bm25"].values())
    verdict = result.stages.verdict
    assert (verdict.word, verdict.before) == (word, "bm25")
    assert {"helps": "helps", "hurts": "HURTS", "unclear": "no significant difference"}[word] in verdict.text
    # Where all twelve claims go one way, 2 of 4,096 sign flips are as extreme.
    assert verdict.test.p == pytest.approx({"unclear": 1}.get(word, 2 / 4096), rel=0.05)
    assert (verdict.test.won, verdict.test.lost) == {"helps": (12, 0), "hurts": (0, 12), "unclear": (0, 0)}[word]


def test_an_evaluation_without_a_reranker_has_no_verdict(pipeline):
    result = evaluate(EvidencePipeline(pipeline.index, pipeline.encoder, None), CLAIMS, QRELS)
    assert result.stages.verdict is None
    assert result.stages.reliability == ()
    assert [item.name for item in result.stages.returned] == ["first 5"]


class Stopping(FakeReranker):
    """Fails after some calls, as a job does that is killed."""

    def __init__(self, n_calls):
        super().__init__()
        self.n_calls = n_calls

    def score(self, pairs):
        if len(self.calls) == self.n_calls:
            raise KeyboardInterrupt
        return super().score(pairs)


def test_an_interrupted_evaluation_resumes_with_the_same_result(tmp_path):
    index, claims, qrels = many_claims(40)
    journal = tmp_path / "journal"
    with pytest.raises(KeyboardInterrupt):
        evaluate(EvidencePipeline(index, None, Stopping(2)), claims, qrels, journal_path=journal)
    rest = Stopping(100)
    resumed = evaluate(EvidencePipeline(index, None, rest), claims, qrels, journal_path=journal)
    assert len(rest.calls) == 1  # 16 and 16 were done, 8 were left
    assert resumed.stages.n_searched == 8
    whole = evaluate(EvidencePipeline(index, None, Stopping(100)), claims, qrels)
    assert (resumed.runs, resumed.intervals, resumed.stages.losses) == (
        whole.runs,
        whole.intervals,
        whole.stages.losses,
    )
    with pytest.raises(InputError, match=r"other settings \(config.rerank_k was 100, is 7\)"):
        evaluate(EvidencePipeline(index, None, rest, PipelineConfig(rerank_k=7)), claims, qrels, journal_path=journal)
    with pytest.raises(InputError, match="claims_sha256 was"):
        evaluate(EvidencePipeline(index, None, rest), claims[1:], qrels, journal_path=journal)
    again = evaluate(EvidencePipeline(index, None, rest), claims, qrels, journal_path=journal, fresh=True)
    assert again.stages.n_searched == 40


def test_ir_measures_confirms_the_figures_from_the_written_files(pipeline, tmp_path):
    import ir_measures

    result = evaluate(pipeline, CLAIMS, QRELS)
    paths = write_evaluation(result, tmp_path / "out", pipeline.index)
    assert [path.name for path in paths] == [
        "qrels.trec", "bm25.trec", "dense.trec", "fused.trec", "reranked.trec", "claims.csv", "evaluation.json",
        "losses.csv", "report.html",
    ]  # fmt: skip
    for name, run in result.runs.items():
        theirs = ir_measures.calc_aggregate(
            [ir_measures.parse_measure(measure) for measure in DEFAULT_MEASURES],
            ir_measures.read_trec_qrels(str(tmp_path / "out" / "qrels.trec")),
            ir_measures.read_trec_run(str(tmp_path / "out" / f"{name}.trec")),
        )
        assert {str(measure): value for measure, value in theirs.items()} == pytest.approx(result.means[name])
        read = read_run(tmp_path / "out" / f"{name}.trec")
        assert {claim: [hit.doc_id for hit in hits] for claim, hits in read.items()} == {
            claim: [hit.doc_id for hit in hits] for claim, hits in run.items() if hits
        }
        ours = evaluate_runs({name: read}, CLAIMS, QRELS)
        assert ours.intervals[name] == result.intervals[name]


def test_the_folder_has_values_fates_and_settings(pipeline, tmp_path):
    result = evaluate(pipeline, CLAIMS, QRELS)
    (tmp_path / JOURNAL_NAME).touch()
    write_evaluation(result, tmp_path, pipeline.index)
    assert not (tmp_path / JOURNAL_NAME).exists()
    with (tmp_path / "claims.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["claim_id"] for row in rows] == ["c1", "c2"]
    assert rows[0]["claim"] == "Ice melts"
    for name, row in result.values.items():
        for measure, values in row.items():
            written = [float(line[f"{name} {measure}"]) for line in rows]
            assert written == pytest.approx(values.tolist(), abs=1e-6)
    with (tmp_path / "losses.csv").open(newline="") as file:
        losses = {(row["claim_id"], row["doc_id"]): row for row in csv.DictReader(file)}
    assert losses["c2", "d2"]["text"] == "the sea rises"
    assert losses["c2", "d2"]["reranked rank"] == "1"
    assert losses["c2", "gone"] | {"claim": ""} == {
        "claim_id": "c2", "claim": "", "doc_id": "gone", "text": "", "grade": "1", "fate": "unknown",
        "bm25 rank": "", "dense rank": "", "fused rank": "", "reranked rank": "",
    }  # fmt: skip
    record = json.loads((tmp_path / "evaluation.json").read_text())
    assert record["n_claims"] == 2
    assert {name: {m: item["mean"] for m, item in row.items()} for name, row in record["measures"].items()} == (
        result.means
    )
    assert record["settings"]["config"]["rerank_k"] == 100
    assert record["settings"]["reranker"]["weights_sha256"] == "e" * 64
    assert record["settings"]["encoder"]["weights_sha256"] == "f" * 64


def test_an_unwritable_folder_is_an_error(pipeline, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write_evaluation(evaluate(pipeline, CLAIMS, QRELS), tmp_path / "file")


def test_runs_of_any_system_are_measured_and_mismatches_are_listed():
    runs = {"mine": {"c1": ranking("d0", "x"), "c7": ranking("d0")}, "theirs": {"c1": [], "c2": ranking("y", "d2")}}
    result = evaluate_runs(runs, None, QRELS, MeasureSettings(["RR@10"]))
    assert result.judged.query_ids == ("c1", "c2", "c9")
    assert result.values["mine"]["RR@10"].tolist() == [1, 0, 0]
    assert result.values["theirs"]["RR@10"].tolist() == [0, 0.5, 0]
    kinds = [(finding.kind, finding.items) for finding in result.findings]
    assert ("claims_without_hits", ("c2", "c9")) in kinds
    assert ("claims_without_hits", ("c1", "c9")) in kinds
    assert ("spare_claims", ("c7",)) in kinds
    assert result.stages is None
    only = evaluate_runs({"mine": runs["mine"]}, [Query("c1", "Ice melts")], QRELS, MeasureSettings(["RR@10"]))
    assert only.values["mine"]["RR@10"].tolist() == [1]
    assert findings_of(only)["absent_claims"] == ("c2", "c4", "c9")


def test_a_run_without_hits_for_judged_claims_is_an_error():
    with pytest.raises(InputError, match="mine: has no hits for any of the 3 judged claims"):
        evaluate_runs({"mine": {"c7": ranking("d0"), "c1": []}}, None, QRELS)


def test_calibrated_probabilities_have_no_calibration_error(pipeline):
    # p is sigmoid(0) = .5 for d0 and d1 of c1, of which both are relevant: off by .5.
    index, two = MemoryIndex(DOCUMENTS[:2]), StageSettings(shown_k=2)
    result = evaluate(EvidencePipeline(index, None, FakeReranker()), CLAIMS[:1], {"c1": {"d0": 1}}, stages=two)
    found = result.stages.reliability[0]
    assert (found.n_hits, found.mean_probability, found.share_relevant) == (2, 0.5, 0.5)
    assert found.error == 0
    both = evaluate(EvidencePipeline(index, None, FakeReranker()), CLAIMS[:1], {"c1": {"d0": 1, "d1": 1}}, stages=two)
    assert both.stages.reliability[0].error == pytest.approx(0.5)


@pytest.mark.slow
def test_the_first_stage_finds_the_sample_s_evidence(tmp_path):
    encoder = load_encoder(compute=Compute("cpu"))
    build_index([str(sample_dir() / "evidence.jsonl")], tmp_path / "index", encoder)
    pipeline = EvidencePipeline(IndexSnapshot.open(tmp_path / "index"), encoder, None, PipelineConfig())
    claims = list(read_claims(str(sample_dir() / "claims.jsonl")))
    measuring = MeasureSettings(["R@10", "R@100", "nDCG@10"])
    result = evaluate(pipeline, claims, read_qrels(str(sample_dir() / "qrels.tsv")), measuring=measuring)
    assert (len(result.judged.claims), result.findings) == (len(claims), ())
    # Measured: recall@10 .700 by words, .970 by meaning, .956 fused; nDCG@10 .608, .931 and .862.
    assert result.means["bm25"]["R@10"] > 0.69
    assert result.means["dense"]["R@10"] > 0.96
    assert result.means["fused"]["R@10"] > 0.94
    assert result.means["fused"]["nDCG@10"] > 0.85
    assert result.means["fused"]["R@100"] > 0.97


def test_a_document_counts_as_found_if_a_copy_of_it_is_shown():
    report = "The survey found that the sea rose by 8 inches in a century"
    documents = [
        Document("wire-0", report),
        Document("wire-1", f"{report} (AP)"),
        Document("wire-2", f"{report}, agencies reported"),
        Document("audit", "An audit of the sea survey found 3 inches."),
    ]
    pipeline = EvidencePipeline(MemoryIndex(documents), None, None)
    claims = [Query("c", report)]
    qrels = {"c": {"wire-2": 1, "audit": 1, "gone": 1}}
    result = evaluate(pipeline, claims, qrels, stages=StageSettings(shown_k=2))
    # Each by itself: the first two are copies, one of which is not judged, and neither is relevant by its id.
    assert [hit.doc_id for hit in result.runs["bm25"]["c"]] == ["wire-0", "wire-1", "wire-2", "audit"]
    assert result.stages.returned[0].recall.mean == 0
    assert (result.stages.with_copies.k, result.stages.with_copies.mean_copies) == (2, 2.0)
    assert result.stages.with_copies.recall.mean == pytest.approx(2 / 3)
    record = as_record(result)
    assert record["with_copies"]["recall"]["mean"] == pytest.approx(2 / 3)
    assert "With copies folded, first 2: recall .667" in as_text(result, width=200)
    plain = evaluate(pipeline, claims, qrels, stages=StageSettings(shown_k=2, folding=False))
    assert plain.stages.with_copies is None
    assert as_record(plain)["with_copies"] is None
    assert plain.runs == result.runs
    assert "copies" not in as_text(plain, width=200)


def test_sets_at_k_needs_one_whole_set_among_the_first_k():
    qrels = {"c1": {"a": 1, "b": 1, "c": 1}, "c2": {"a": 1, "b": 1}, "c3": {"a": 1, "b": 0}}
    sets = {"c1": [frozenset("ab"), frozenset("c")], "c2": [frozenset("ab")]}
    run = {"c1": ranking("x", "c"), "c2": ranking("a", "x", "b"), "c3": ranking("b", "a")}
    for k, expected in {1: [0, 0, 0], 2: [1, 0, 1], 3: [1, 1, 1]}.items():
        assert set_values(run, qrels, sets, k).tolist() == expected
    result = evaluate_runs({"mine": run}, None, qrels, MeasureSettings(["sets@2", "R@2"], sets))
    assert list(result.means["mine"]) == ["sets@2", "R@2"]
    assert result.means["mine"]["sets@2"] == pytest.approx(2 / 3)
    with pytest.raises(InputError, match=r"^sets@2: these judgments have no sets of evidence"):
        evaluate_runs({"mine": run}, None, qrels, MeasureSettings(["sets@2"]))
