"""The bundled sample and models."""

from claimhound.data.bundled import BUNDLED_MODELS, sample_dir
from claimhound.data.labelled_sets.judgments import read_qrels
from claimhound.data.readers.claims import read_claims
from claimhound.data.readers.documents import read_documents


def test_the_sample_judges_its_own_claims_and_documents() -> None:
    documents = {document.doc_id for document in read_documents([sample_dir() / "evidence.jsonl"])}
    claims = {claim.query_id for claim in read_claims(sample_dir() / "claims.jsonl")}
    qrels = read_qrels(sample_dir() / "qrels.tsv")
    assert set(qrels) <= claims
    assert {doc_id for grades in qrels.values() for doc_id in grades} <= documents


def test_each_bundled_model_has_a_folder_with_a_card_and_together_they_are_small() -> None:
    models = sample_dir().parent / "models"
    assert {role: bundled.folder for role, bundled in BUNDLED_MODELS.items()} == {
        "encoder": models / "encoder",
        "reranker": models / "cross_encoder",
        "stance": models / "cross_encoder",
    }
    folders = {bundled.folder for bundled in BUNDLED_MODELS.values()}
    for folder in folders:
        card = (folder / "README.md").read_text(encoding="utf-8")
        assert "sha256" in card
        assert "make -C data/models" in card
        assert "## Limits" in card
    sizes = [path.stat().st_size for folder in folders for path in folder.rglob("*")]
    assert sum(sizes) <= 100_000_000
