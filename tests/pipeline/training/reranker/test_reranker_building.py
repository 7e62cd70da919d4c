"""From judged claims to a model folder, on a tiny encoder and a handful of documents in memory."""

from __future__ import annotations

import hashlib

import pytest

from claimhound.data.errors import InputError, ModelError
from claimhound.data.labelled_sets.mined_claims import read_mined_claims
from claimhound.data.labelled_sets.pair_sources import PairSource
from claimhound.data.records import Document, Query
from claimhound.indexes.memory import MemoryIndex
from claimhound.pipeline.models.cross_encoders import load_reranker
from claimhound.pipeline.models.encoders import load_encoder
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.training.negatives.job import mine_to_file
from claimhound.pipeline.training.negatives.mining import NegativeGuard
from claimhound.pipeline.training.reranker.building import build_reranker
from claimhound.pipeline.training.reranker.recipe import RerankerRecipe

pytestmark = pytest.mark.usefixtures("one_thread")

SUBJECTS = ("ice", "ocean", "volcano", "vaccine", "moon", "rocket", "coal", "bank", "empire", "virus")
CLAIMS = [Query(f"c{i}", f"the {subject} is more than {i} years") for i, subject in enumerate(SUBJECTS)]
DOCUMENTS = [
    Document(f"d{i}-{j}", f"{subject} {rest}")
    for i, subject in enumerate(SUBJECTS)
    for j, rest in enumerate(("data shows a change since 1900", "and the sun", "is not a city people study"))
]
QRELS = {f"c{i}": {f"d{i}-0": 1} for i in range(len(SUBJECTS))}
RECIPE = RerankerRecipe(batch_size=4, n_negatives=2, validation_share=0.3, precision="fp32", max_length=32)


@pytest.fixture(scope="module")
def pipeline(tiny_model_dir):
    encoder = load_encoder(str(tiny_model_dir), Compute("cpu"))
    vectors = encoder.encode([document.text for document in DOCUMENTS])
    return EvidencePipeline(MemoryIndex(DOCUMENTS, vectors), encoder, None)


@pytest.fixture(scope="module")
def built(pipeline, tiny_model_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    pairs_path = folder / "extra.jsonl"
    pairs_path.write_text(
        '{"query": "sea level", "text": "sea level rises", "label": 1}\n'
        '{"query": "THE MOON is more than 4 years", "text": "a bank", "label": 0}\n'
    )
    claims_path = folder / "claims.jsonl"
    claims_path.write_text("claims as they were read")
    result = build_reranker(
        pipeline,
        CLAIMS,
        QRELS,
        base_model=tiny_model_dir,
        output_dir=folder / "model",
        recipe=RECIPE,
        guard=NegativeGuard(max_cosine=1.0),  # random weights find everything similar
        pretraining=[PairSource("pairs", pairs_path)],
        excluded_claims=["The moon is more than 4 years!"],
        data_files={"claims": claims_path},
    )
    return folder / "model", result


def test_a_base_model_that_gets_another_head_is_told_before_the_work_begins(pipeline, tiny_nli_dir, tmp_path):
    said = []

    def stop(line):
        said.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_reranker(
            pipeline, CLAIMS, QRELS, base_model=tiny_nli_dir, output_dir=tmp_path / "m", recipe=RECIPE, on_stage=stop
        )
    assert said == [
        "base model: its head of 3 labels (contradiction, entailment, neutral) is replaced by a new one of one label"
    ]


def test_the_folder_serves_with_its_blend(built):
    folder, result = built
    reranker = load_reranker(str(folder), Compute("cpu"))
    assert reranker.blend == result.blend
    assert reranker.score([("the moon", "moon and the sun")]).logits.shape == (1,)


def test_claims_to_measure_on_are_left_out_of_training_and_pretraining_and_counted(built):
    _, result = built
    assert (result.n_excluded_claims, result.n_excluded_pairs) == (1, 1)
    assert result.training.n_pretraining_pairs == 1
    assert result.mining.n_queries == 6  # 10 claims, one left out, 30 % of nine held out


def test_both_lists_are_measured_on_the_held_out_claims(built):
    _, result = built
    assert set(result.held_out) == {"fused", "reranked"}
    assert 0 <= result.calibration_error <= 1


def test_the_card_names_data_with_hashes_settings_metrics_and_code(built):
    folder, _ = built
    card = (folder / "README.md").read_text()
    assert hashlib.sha256(b"claims as they were read").hexdigest() in card
    for wanted in ("extra.jsonl", "learning_rate", "average_precision", "nDCG@10", "claimhound", "30 documents"):
        assert wanted in card
    assert str(folder.parent) not in card


def test_a_base_model_that_cannot_be_trained_is_refused_before_anything_is_searched(pipeline, tmp_path):
    (tmp_path / "base").mkdir()
    with pytest.raises(ModelError, match=r"config\.json"):
        build_reranker(pipeline, CLAIMS, QRELS, base_model=tmp_path / "base", output_dir=tmp_path / "m", recipe=RECIPE)


def test_claims_that_no_judgment_names_are_an_error(pipeline, tiny_model_dir, tmp_path):
    with pytest.raises(InputError, match="relevant judgment"):
        build_reranker(
            pipeline, CLAIMS, {"x": {"d0-0": 1}}, base_model=tiny_model_dir, output_dir=tmp_path / "m", recipe=RECIPE
        )


def test_pairs_that_were_mined_before_are_learned_without_the_held_out_claims(pipeline, tiny_model_dir, tmp_path):
    path = tmp_path / "mined.jsonl"
    report = mine_to_file(pipeline, CLAIMS, QRELS, path, n_negatives=2, guard=NegativeGuard(max_cosine=1.0))
    assert report.n_positives == len(read_mined_claims(path)) == 10
    built = build_reranker(
        pipeline,
        CLAIMS,
        QRELS,
        base_model=tiny_model_dir,
        output_dir=tmp_path / "model",
        recipe=RECIPE,
        guard=NegativeGuard(max_cosine=1.0),
        data=[PairSource("mined", path)],
    )
    assert built.mining is None
    assert built.training.n_pairs == 7 * 3  # 30 % of ten claims are held out
    assert "mined: 21 training pairs" in (tmp_path / "model" / "README.md").read_text()
