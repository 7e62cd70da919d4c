"""The benchmark over other fields, on toy folders in the shapes of the public data sets."""

from __future__ import annotations

import json
import lzma
import math
from dataclasses import replace

import numpy as np
import pytest
from pipeline_fakes import IDENTITY, FakeEncoder, FakeReranker

from claimhound.data.records import Document, Query, ScoredDoc
from tests.benchmarks import fields

PAPERS = [
    {"doc_id": 7, "title": "Sea level.", "abstract": ["The sea rises, e.g. by 2. It is warm.", "Ice melts."]},
    {"doc_id": 12, "title": "Wind power.", "abstract": ["Wind energy is power.", "Coal is not.", "Gas is."]},
]
SCIENCE_CLAIMS = [
    {"id": 1, "claim": "ice melts", "evidence": {"7": [{"sentences": [1], "label": "SUPPORT"}]}, "cited_doc_ids": [7]},
    {"id": 2, "claim": "the moon", "evidence": {}, "cited_doc_ids": [12]},
    {
        "id": 3,
        "claim": "coal is power",
        "evidence": {"12": [{"sentences": [0, 1], "label": "CONTRADICT"}, {"sentences": [1], "label": "CONTRADICT"}]},
        "cited_doc_ids": [7, 12],
    },
]
GAMES = [
    {
        "id": "a",
        "text": "the rocket orbits mars",
        "label": "REFUTES",
        "gold_evidence": [{"text": "The rocket is in orbit of the moon.", "section_header": "x"}],
        "retrieved_evidence": [{"text": "Mars is cold. ", "section_header": "y"}, {"text": "The moon landing."}],
    },
    {
        "id": "b",
        "text": "the moon landing was in 1969",
        "label": "SUPPORTS",
        "gold_evidence": [{"text": "The moon landing."}, {"text": "It was the year 1969."}],
        "retrieved_evidence": [{"text": "The rocket is in orbit of the moon."}, {"text": "A war of the empire."}],
    },
]
CHECKED = [
    {"ver_claim_ids": "v-1", "ver_claim_texts": "Vaccines cause autism."},
    {"ver_claim_ids": "v-2", "ver_claim_texts": "A volcano causes warming."},
]
TWEETS = 't-1\t"they say ""vaccines"" cause it, at 5 per cent"\nt-2\tvolcanoes warm the earth\nt-3\tno year\n'


def write_packed(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.compress(text.encode()) if path.suffix == ".xz" else text.encode())


def lines(records):
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("datasets")
    for name in ("scifact", "healthver"):
        write_packed(root / name / "corpus.jsonl.xz", lines(PAPERS))
        write_packed(root / name / "claims_dev.jsonl", lines(SCIENCE_CLAIMS))
    write_packed(root / "fool_me_twice" / "dev.jsonl.xz", lines(GAMES))
    tweets = root / "checkthat2022_2a"
    write_packed(tweets / "verified_claims.jsonl.xz", lines(CHECKED))
    write_packed(tweets / "CT2022-Task2A-EN-Train-Dev_Queries.tsv.xz", TWEETS)
    write_packed(tweets / "CT2022-Task2A-EN-Train_QRELs.tsv", "t-1\t0\tv-1\t1\n")
    write_packed(tweets / "CT2022-Task2A-EN-Dev_QRELs.tsv", "t-2\t0\tv-2\t1\n")
    return root


def test_a_document_is_title_and_abstract_and_cited_ones_without_evidence_are_not_relevant(folder):
    field = fields.scifact_abstracts(folder)
    assert field.documents[1] == Document("12", "Wind power. Wind energy is power. Coal is not. Gas is.")
    assert field.qrels == {"1": {"7": 1}, "2": {"12": 0}, "3": {"12": 1, "7": 0}}


def test_sentences_are_those_of_the_data_set_even_with_stops_inside(folder):
    field = fields.rationale_sentences(folder, "healthver")
    texts = {document.doc_id: document.text for document in field.documents}
    assert list(texts) == ["7#0", "7#1", "12#0", "12#1", "12#2"]
    assert texts["7#0"] == "The sea rises, e.g. by 2. It is warm."
    assert field.qrels == {"1": {"7#1": 1}, "3": {"12#0": 1, "12#1": 1}}


def test_evidence_texts_that_claims_share_are_one_document(folder):
    field = fields.fool_me_twice(folder)
    assert [document.text for document in field.documents] == [
        "The rocket is in orbit of the moon.",
        "Mars is cold.",
        "The moon landing.",
        "It was the year 1969.",
        "A war of the empire.",
    ]
    assert field.qrels == {"a": {"text-0": 1}, "b": {"text-2": 1, "text-3": 1}}
    assert field.claims[0] == Query("a", "the rocket orbits mars")


def test_tweets_are_read_without_a_header_and_with_quotes(folder):
    field = fields.checkthat(folder)
    assert field.claims[0] == Query("t-1", 'they say "vaccines" cause it, at 5 per cent')
    assert field.claims[1] == Query("t-2", "volcanoes warm the earth")
    assert field.documents[0] == Document("v-1", "Vaccines cause autism.")
    assert field.qrels == {"t-1": {"v-1": 1}, "t-2": {"v-2": 1}}
    assert fields.checkthat(folder, dev_only=True).qrels == {"t-2": {"v-2": 1}}


def ranked(*doc_ids):
    return [ScoredDoc(doc_id, -float(rank)) for rank, doc_id in enumerate(doc_ids)]


def test_the_reranker_is_compared_with_the_better_of_the_baseline_s_lists():
    field = fields.Field([], [Query(str(n), "c") for n in range(4)], {str(n): {"x": 1} for n in range(4)})
    first, second = ranked("x", "y"), ranked("y", "x")  # nDCG 1 and 1 / log2(3)
    runs = {
        fields.BASELINE_DENSE: {str(n): first for n in range(4)},
        fields.BASELINE_FUSED: {str(n): second for n in range(4)},
        fields.OUR_FUSED: {"0": first} | {str(n): second for n in range(1, 4)},
        fields.OUR_RERANKED: {"0": second} | {str(n): first for n in range(1, 4)},
    }
    found = fields.standing(runs, field)
    apart = 1 - 1 / math.log2(3)
    assert found.better == fields.BASELINE_DENSE
    assert found.fused.difference.mean == pytest.approx(apart / 4)
    assert found.reranked.difference.mean == pytest.approx(-apart / 4)  # -.092
    assert (found.reranked.won, found.reranked.lost, found.reranked.tied) == (0, 1, 3)
    assert found.intervals[fields.OUR_RERANKED].mean == pytest.approx(1 - apart / 4)
    assert found.losses() == ["reranked"]
    assert fields.standing(runs | {fields.OUR_RERANKED: runs[fields.BASELINE_DENSE]}, field).losses() == []


class StoppedReranker(FakeReranker):
    def score(self, pairs):
        if self.calls:
            raise KeyboardInterrupt
        return super().score(pairs)


def test_an_interrupted_run_resumes(tmp_path):
    documents = [Document(f"d{n}", f"ice sheet {n}") for n in range(20)]
    claims = [Query(f"c{n}", f"melting of ice sheet {n}") for n in range(20)]
    field = fields.Field(documents, claims, {f"c{n}": {f"d{n}": 1} for n in range(20)})
    first, second = FakeEncoder(), FakeEncoder()
    with pytest.raises(KeyboardInterrupt):
        fields.measure("toy", field, fields.Models(first, StoppedReranker(), first), tmp_path, [])
    reranker, journals = FakeReranker(), []
    fields.measure("toy", field, fields.Models(second, reranker, second), tmp_path, journals)
    assert second.calls == []  # the index is there
    assert [{claim for claim, _ in call} for call in reranker.calls] == [{claim.text for claim in claims[16:]}]
    assert len(journals) == 2
    assert all(path.exists() for path in journals)


def figures(folder, tmp_path, *options):
    output = tmp_path / "figures.json"
    fields.main([str(folder), "--work", str(tmp_path / "work"), "--output", str(output), *map(str, options)])
    return json.loads(output.read_text())["fields"]


def index_times(tmp_path):
    return {path.name: path.stat().st_mtime_ns for path in (tmp_path / "work").iterdir()}


@pytest.fixture
def ours(tiny_model_dir, tiny_reranker_dir):
    return "--encoder", tiny_model_dir, "--reranker", tiny_reranker_dir


def test_every_field_is_measured_and_indexes_are_reused(folder, tmp_path, ours, tiny_model_dir, capsys):
    options = (*ours, "--baseline-encoder", tiny_model_dir)
    first = figures(folder, tmp_path, *options)
    assert [(row["field"], row["n_claims"], row["n_documents"]) for row in first] == [
        ("healthver-sentences", 2, 5),
        ("scifact-abstracts", 2, 2),
        ("scifact-sentences", 2, 5),
        ("fool-me-twice", 2, 5),
        ("checkthat", 2, 2),
    ]
    printed = capsys.readouterr().out
    assert all(row["field"] in printed for row in first)
    # The encoder is its own baseline.
    assert all(row["fused"]["difference"]["mean"] == 0 and row["fused"]["p"] == 1 for row in first)
    built = index_times(tmp_path)
    # Both encoders share an index, and so do fields of the same texts; nothing else is left.
    assert len(built) == 4
    assert figures(folder, tmp_path, *options) == first
    assert index_times(tmp_path) == built


def test_each_list_comes_from_its_own_encoder_and_stage(tmp_path):
    claims = [Query("by words y", "some coal"), Query("by words x", "some ice"), Query("by meaning alone", "it melts")]
    field = fields.Field(
        [Document("x", "ice"), Document("y", "coal"), Document("z", "gas")],
        claims,
        {claim.query_id: {"x": 1} for claim in claims},
    )
    # Claims point along the x axis: for ours x is the nearest document, for the other encoder y; z is far for both.
    right = FakeEncoder({"ice": (1, 0), "coal": (3, 4), "gas": (1, 3)})
    wrong = FakeEncoder({"ice": (3, 4), "coal": (1, 0), "gas": (1, 3)}, identity=replace(IDENTITY, pooling="cls"))
    found = fields.measure("toy", field, fields.Models(right, FakeReranker({"ice": 5.0}), wrong), tmp_path, [])
    second = 1 / math.log2(3)
    # What words and vectors find comes before what vectors alone find.
    assert {name: interval.mean for name, interval in found.standing.intervals.items()} == pytest.approx(
        {
            "baseline dense": second,
            "baseline fused": (second + 1 + second) / 3,
            "our fused": (second + 1 + 1) / 3,
            "our reranked": 1,
        }
    )
    assert len(list(tmp_path.glob("index-*"))) == 2


def test_dense_search_ranks_by_the_full_product(folder, tmp_path, ours, tiny_encoder, tiny_model_dir):
    field = fields.fool_me_twice(folder)
    (row,) = figures(folder, tmp_path, *ours, "--baseline-encoder", tiny_model_dir, "--only", "fool-me-twice")
    vectors = tiny_encoder.encode([document.text for document in field.documents])
    asked = tiny_encoder.encode([claim.text for claim in field.claims], as_query=True)
    values = []
    for claim, scores in zip(field.claims, asked @ vectors.T, strict=True):
        assert scores.min() > 0.2  # below that the product finds nothing near
        grades = field.qrels[claim.query_id]
        gains = [grades.get(field.documents[place].doc_id, 0) for place in np.argsort(-scores)]
        discounts = 1 / np.log2(np.arange(len(gains)) + 2)
        values.append((gains @ discounts) / (np.sort(gains)[::-1] @ discounts))
    assert row["means"][fields.BASELINE_DENSE]["mean"] == pytest.approx(np.mean(values))


def test_a_missing_data_set_is_a_one_line_error(folder, tmp_path):
    with pytest.raises(SystemExit, match=r"scifact: is a folder without claims_dev\.jsonl"):
        fields.main([str(tmp_path), "--only", "scifact-abstracts"])
