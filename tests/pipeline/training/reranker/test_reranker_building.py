"""From judged claims to a reranker, on a tiny encoder and a handful of documents in memory."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from tiny_training import EXACT, run_of

from claimhound.data.errors import InputError, ModelError
from claimhound.data.labelled_sets.mined_claims import read_mined_claims
from claimhound.data.labelled_sets.pair_sources import PairSource
from claimhound.data.records import Document, Query
from claimhound.indexes.memory import MemoryIndex
from claimhound.pipeline.models.cross_encoders import load_reranker
from claimhound.pipeline.models.encoders import load_encoder
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.training.negatives.job import mine_to_file
from claimhound.pipeline.training.negatives.mining import MiningSettings, NegativeGuard
from claimhound.pipeline.training.reranker.building import build_reranker
from claimhound.pipeline.training.reranker.recipe import RerankerRecipe
from claimhound.pipeline.training.training_data import PairSources

pytestmark = pytest.mark.usefixtures("one_thread")

SUBJECTS = ("ice", "ocean", "volcano", "vaccine", "moon", "rocket", "coal", "bank", "empire", "virus")
CLAIMS = [Query(f"c{i}", f"the {subject} is more than {i} years") for i, subject in enumerate(SUBJECTS)]
DOCUMENTS = [
    Document(f"d{i}-{j}", f"{subject} {rest}")
    for i, subject in enumerate(SUBJECTS)
    for j, rest in enumerate(("data shows a change since 1900", "and the sun", "is not a city people study"))
]
QRELS = {f"c{i}": {f"d{i}-0": 1} for i in range(len(SUBJECTS))}
LOOSE = NegativeGuard(max_cosine=1.0)  # random weights find everything similar
RECIPE = RerankerRecipe(batch_size=4, n_negatives=2, validation_share=0.3, precision="fp32", max_length=32)


@pytest.fixture(scope="module")
def pipeline(tiny_model_dir):
    encoder = load_encoder(str(tiny_model_dir), EXACT)
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
        run_of(tiny_model_dir, folder / "model", RECIPE),
        pipeline,
        CLAIMS,
        QRELS,
        sources=PairSources(
            pretraining=[PairSource("pairs", pairs_path)], excluded_claims=["The moon is more than 4 years!"]
        ),
        guard=LOOSE,
        data_files={"claims": claims_path},
    )
    return folder / "model", result


def test_a_replaced_head_is_announced_before_the_work_begins(pipeline, tiny_nli_dir, tmp_path):
    said = []

    def stop(line):
        said.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_reranker(
            run_of(tiny_nli_dir, tmp_path / "m", RECIPE, compute=replace(EXACT, notify=stop)), pipeline, CLAIMS, QRELS
        )
    assert said == [
        "base model: its head of 3 labels (contradiction, entailment, neutral) is replaced by a new one with one label"
    ]


def test_the_folder_serves_with_its_blend(built):
    folder, result = built
    reranker = load_reranker(str(folder), EXACT)
    assert reranker.blend == result.blend
    assert reranker.score([("the moon", "moon and the sun")]).logits.shape == (1,)


def test_claims_to_measure_on_are_left_out_of_training_and_pretraining(built):
    _, result = built
    assert result.training.n_pretraining_pairs == 1
    assert result.mining.n_queries == 6  # 10 claims, one left out, 30% of nine held out


def test_both_lists_are_measured_on_the_held_out_claims(built):
    _, result = built
    assert set(result.held_out) == {"fused", "reranked"}
    assert 0 <= result.calibration_error <= 1


def test_the_card_names_data_with_checksums_settings_metrics_and_code(built):
    folder, result = built
    card = (folder / "README.md").read_text()
    assert hashlib.sha256(b"claims as they were read").hexdigest() in card
    mining, held_out, blend = result.mining, result.held_out, result.blend
    for wanted in (
        "---\nlibrary_name: sentence-transformers\npipeline_tag: text-ranking\n",
        "- negatives from: 30 documents, encoder ",
        "- code: claimhound",
        "| extra.jsonl | ",
        f"Of 6 training claims 0 had no judgment. {mining.n_positives} judged passages, {mining.n_negatives} neg",
        "Rejected candidates for negatives: {",
        "One label, learned by binary cross-entropy on each pair, AdamW",
        "| learning_rate | 5e-05 |",
        f"| average_precision | {result.training.metrics['average_precision']:.4f} |",
        "| list | R@5 | R@10 | R@100 | nDCG@10 |\n| --- | --- | --- | --- | --- |\n| fused | ",
        f"\n| reranked | {held_out['reranked']['R@5']:.4f} | ",
        f"Expected calibration error of the probability: {result.calibration_error:.4f}, each claim by a fit to the o",
        f"Blend: intercept {blend.intercept:.4f}, logit {dict(blend.weights)['logit']:.4f}, log_fused_rank ",
    ):
        assert wanted in card
    assert card.startswith("---\n")
    assert "\n\n\n" not in card
    assert str(folder.parent) not in card


def test_a_base_model_that_cannot_be_trained_is_refused_before_anything_is_searched(tmp_path):
    (tmp_path / "base").mkdir()
    with pytest.raises(ModelError, match=r"config\.json"):
        build_reranker(run_of(tmp_path / "base", tmp_path / "m", RECIPE), None, CLAIMS, QRELS)


def test_claims_without_judgments_are_an_error(pipeline, tiny_model_dir, tmp_path):
    with pytest.raises(InputError, match="relevant judgment"):
        build_reranker(run_of(tiny_model_dir, tmp_path / "m", RECIPE), pipeline, CLAIMS, {"x": {"d0-0": 1}})


def test_pairs_that_were_mined_before_are_learned_without_the_held_out_claims(pipeline, tiny_model_dir, tmp_path):
    path = tmp_path / "mined.jsonl"
    report = mine_to_file(pipeline, CLAIMS, QRELS, path, MiningSettings(n_negatives=2, guard=LOOSE))
    assert report.n_positives == len(read_mined_claims(path)) == 10
    run = run_of(tiny_model_dir, tmp_path / "model", RECIPE)
    built = build_reranker(run, pipeline, CLAIMS, QRELS, sources=PairSources([PairSource("mined", path)]), guard=LOOSE)
    assert built.mining is None
    assert built.training.n_pairs == 7 * 3  # 30% of ten claims are held out
    assert "mined: 21 training pairs" in (tmp_path / "model" / "README.md").read_text()
