from itertools import islice
from pathlib import Path

import pytest

from claimhound.data.labelled_sets.judgments import read_qrels
from claimhound.data.labelled_sets.trec import read_run, tied_queries
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.claims import read_claims
from claimhound.data.readers.documents import read_documents
from claimhound.data.records import Document
from claimhound.data.text.sentences import split_document

pytestmark = pytest.mark.shared

DATA_SETS = Path(__file__).resolve().parents[3] / "shared" / "datasets"
if not DATA_SETS.is_dir():
    pytest.skip("the real data sets are not at ../shared/datasets", allow_module_level=True)


def test_the_climate_corpus_begins_as_expected() -> None:
    documents = list(islice(read_documents([DATA_SETS / "climate"]), 1000))
    assert documents[0] == Document("p0000000", "This is an information asymmetry.", source="wikipedia")
    assert [document.doc_id for document in documents] == [f"p{n:07}" for n in range(1000)]


def test_the_climate_claims_are_judged_as_the_readme_says() -> None:
    claims = list(read_claims(DATA_SETS / "climate" / "queries-dev.jsonl"))
    qrels = read_qrels(DATA_SETS / "climate" / "qrels-dev.tsv")
    assert (len(claims), sum(map(len, qrels.values()))) == (154, 491)
    assert {claim.query_id for claim in claims} == set(qrels)
    assert claims[0].fields == {"label": "SUPPORTS"}


def test_the_files_of_the_course_are_read_as_mappings() -> None:
    documents = list(read_documents([DATA_SETS / "comp90042" / "evidence_subset.json.xz"]))
    claims = list(read_claims(DATA_SETS / "comp90042" / "train-claims.json.xz"))
    qrels = read_qrels(DATA_SETS / "comp90042" / "train-claims.json.xz")
    assert (len(documents), len(claims), sum(map(len, qrels.values()))) == (19691, 1228, 4122)
    assert {doc_id for grades in qrels.values() for doc_id in grades} <= {document.doc_id for document in documents}


def test_scifact_abstracts_are_joined_and_can_be_split_again() -> None:
    documents = list(read_documents([DATA_SETS / "scifact"]))
    claims = list(read_claims(DATA_SETS / "scifact" / "claims_dev.jsonl"))
    assert (len(documents), len(claims), claims[0].query_id) == (5183, 300, "1")
    assert documents[0].doc_id == "4983"
    assert documents[0].title is not None
    assert documents[0].title.startswith("Microstructural development")
    assert documents[0].fields == {"structured": False}
    sentences = list(split_document(documents[0]))
    assert all(documents[0].text[s.span[0] : s.span[1]] == s.text for s in sentences if s.span)
    assert len(sentences) > 3


@pytest.mark.parametrize(
    ("name", "n_claims", "n_relevant", "n_sentences"),
    [
        ("scifact/claims_dev.jsonl", 300, 209, 366),
        ("healthver/claims_dev.jsonl", 230, 508, 965),
        ("citation_integrity/claims_dev.jsonl", 316, 292, 292),
    ],
)
def test_scientific_claims_judge_abstracts_and_sentences_of_their_corpus(
    name: str, n_claims: int, n_relevant: int, n_sentences: int
) -> None:
    path = DATA_SETS / name
    claims = {claim.query_id for claim in read_claims(path)}
    qrels = read_qrels(path)
    assert len(claims) == n_claims
    assert set(qrels) <= claims
    assert sum(grade for grades in qrels.values() for grade in grades.values()) == n_relevant
    # Some papers of citation_integrity have no abstract.
    corpus = {document.doc_id for document in read_documents([path.parent], on_error="skip")}
    assert {doc_id for grades in qrels.values() for doc_id in grades} <= corpus
    sentences = read_qrels(path, level="sentence")
    assert sum(map(len, sentences.values())) == n_sentences
    for query_id, grades in sentences.items():
        relevant = {doc_id for doc_id, grade in qrels[query_id].items() if grade}
        assert {doc_id.rpartition("#")[0] for doc_id in grades} == relevant


def test_climate_fever_gives_the_judgments_of_the_benchmark_made_from_it() -> None:
    path = DATA_SETS / "climate_fever" / "split-dev-154.jsonl.xz"
    claims = list(read_claims(path))
    qrels = read_qrels(path)
    assert (len(claims), len(qrels), sum(map(len, qrels.values()))) == (154, 154, 770)
    assert [claim.query_id for claim in claims] == list(qrels)
    course = read_qrels(DATA_SETS / "comp90042" / "dev-claims.json")
    found = {f"claim-{query_id}": sum(grades.values()) for query_id, grades in qrels.items()}
    assert sum(found.values()) == sum(map(len, course.values())) == 491
    assert found == {query_id: len(grades) for query_id, grades in course.items()}


def test_the_prediction_of_the_course_is_a_run() -> None:
    run = read_run(DATA_SETS / "comp90042" / "dev-claims-baseline.json")
    assert set(run) == set(read_qrels(DATA_SETS / "comp90042" / "dev-claims.json"))
    assert {len(ranking) for ranking in run.values()} == {6}
    assert tied_queries(run) == []


def test_every_file_of_claims_can_be_read() -> None:
    counts = {
        "climate_fever/split-train-1228.jsonl.xz": 1228,
        "comp90042/dev-claims.json": 154,
        "scifact/claims_train.jsonl": 809,
        "healthver/claims_train.jsonl.xz": 1393,
        "citation_integrity/claims_train.jsonl.xz": 2138,
    }
    assert {name: sum(1 for _ in read_claims(DATA_SETS / name)) for name in counts} == counts
    assert sum(sum(grades.values()) for grades in read_qrels(DATA_SETS / next(iter(counts))).values()) == 4122


def test_tables_are_read_unchanged() -> None:
    rte = list(read_claims(DATA_SETS / "rte" / "dev.tsv", ReadOptions(id_field="index", text_field="sentence2")))
    assert (len(rte), rte[0].text) == (277, "Christopher Reeve had an accident.")
    healthver = list(read_claims(DATA_SETS / "healthver" / "healthver_dev.csv.xz"))
    assert len(healthver) == 1917
    creak = list(read_claims(DATA_SETS / "creak" / "dev.json.xz", ReadOptions(id_field="ex_id", text_field="sentence")))
    assert creak[0].text == "Eating soup means eating only solids."
    tweets = read_qrels(DATA_SETS / "checkthat2022_2a" / "CT2022-Task2A-EN-Train_QRELs.tsv")
    assert tweets["tweet-sno-0"] == {"vclaim-sno-hero-wombats-australia-fires": 1}
