from data.bundled import bundled_reranker_dir, sample_dir
from data.claims import read_claims
from data.documents import read_documents
from data.judgments import read_qrels


def test_the_sample_is_whole() -> None:
    documents = {document.doc_id for document in read_documents([sample_dir() / "evidence.jsonl"])}
    claims = {claim.query_id for claim in read_claims(sample_dir() / "claims.jsonl")}
    qrels = read_qrels(sample_dir() / "qrels.tsv")
    assert set(qrels) <= claims
    assert {doc_id for grades in qrels.values() for doc_id in grades} <= documents


def test_the_models_lie_beside_the_sample() -> None:
    assert bundled_reranker_dir() == sample_dir().parent / "models" / "reranker"
