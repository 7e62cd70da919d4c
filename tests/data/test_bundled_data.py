from claimhound.data.bundled import bundled_encoder_dir, bundled_reranker_dir, bundled_stance_dir, sample_dir
from claimhound.data.labelled_sets.judgments import read_qrels
from claimhound.data.readers.claims import read_claims
from claimhound.data.readers.documents import read_documents


def test_the_sample_is_whole() -> None:
    documents = {document.doc_id for document in read_documents([sample_dir() / "evidence.jsonl"])}
    claims = {claim.query_id for claim in read_claims(sample_dir() / "claims.jsonl")}
    qrels = read_qrels(sample_dir() / "qrels.tsv")
    assert set(qrels) <= claims
    assert {doc_id for grades in qrels.values() for doc_id in grades} <= documents


def test_the_models_lie_beside_the_sample_each_with_its_card_and_together_small() -> None:
    models = sample_dir().parent / "models"
    folders = [bundled_encoder_dir(), bundled_reranker_dir(), bundled_stance_dir()]
    assert folders == [models / name for name in ("encoder", "reranker", "stance")]
    for folder in folders:
        card = (folder / "README.md").read_text(encoding="utf-8")
        assert "sha256" in card
        assert "make -C data/models" in card
        assert "## Limits" in card
    assert sum(path.stat().st_size for folder in folders for path in folder.rglob("*")) <= 140_000_000
