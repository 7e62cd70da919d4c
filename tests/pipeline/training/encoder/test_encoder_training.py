"""Contrastive training on a tiny BERT: the folder serves, the loss falls, settings take effect."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from tiny_training import EXACT, Steps, run_of, weights

from claimhound.data.errors import InputError, ModelError
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.pipeline.models.encoders import encoder_identity, load_encoder
from claimhound.pipeline.training.encoder.recipe import EncoderRecipe
from claimhound.pipeline.training.encoder.training import load_base_encoder, train_encoder

pytestmark = pytest.mark.usefixtures("one_thread")

SUBJECTS = ("ice", "ocean", "volcano", "vaccine", "moon", "rocket", "coal", "bank", "empire", "virus", "sun", "war")
RESTS = ("data shows a change since 1900", "is not a city people study")
# A claim's passage shares no word with it and has to be learned; its negative shares the subject.
PAIRS = [
    TrainingPair(subject, f"the {subject} rises", text, label)
    for subject, near in zip(SUBJECTS, (*SUBJECTS[1:], SUBJECTS[0]), strict=True)
    for text, label in ((f"{near} {RESTS[0]}", 1.0), (f"{near} {RESTS[1]}", 1.0), (f"{subject} {RESTS[0]} melts", 0.0))
]
RECIPE = EncoderRecipe(
    epochs=1, batch_size=4, mini_batch_size=2, learning_rate=1e-3, n_negatives=1, checkpoint_steps=2, precision="fp32"
)
STEADY = replace(RECIPE, dropout=0.0)


@pytest.fixture(scope="module")
def trained(tiny_model_dir, tmp_path_factory):
    output = tmp_path_factory.mktemp("trained") / "model"
    return output, train_encoder(run_of(tiny_model_dir, output, RECIPE), [PAIRS], validation_pairs=PAIRS[:9])


def test_the_folder_serves_as_sentence_transformers_computes_it(trained):
    from sentence_transformers import SentenceTransformer

    output, _ = trained
    identity = encoder_identity(str(output))
    assert (identity.pooling, identity.dim, identity.max_length) == ("mean", 32, 64)
    texts = ["the ice rises", "ocean data shows a change"]
    plain = SentenceTransformer(str(output), device="cpu").float().encode(texts)
    np.testing.assert_allclose(np.linalg.norm(plain, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(load_encoder(str(output), EXACT).encode(texts), plain, atol=1e-4)
    assert {array.dtype for array in weights(output).values()} == {np.dtype("float16")}
    assert not (output / "checkpoints").exists()


def test_the_report_counts_and_measures_before_and_after(trained):
    _, report = trained
    assert (report.n_entries, report.n_pretraining_entries, report.resumed_from_step) == (24, 0, None)
    assert (report.n_validation_claims, report.n_validation_passages) == (3, 9)
    assert set(report.metrics) == set(report.base_metrics) >= {"recall@1", "recall@100", "mrr@10", "ndcg@10"}
    assert report.metrics["recall@100"] == 1


@pytest.mark.parametrize("mini_batch_size", [4, 12], ids=["cached gradients", "whole batches"])
def test_training_lowers_the_loss_and_brings_evidence_nearer(tiny_model_dir, tmp_path, mini_batch_size):
    recipe = replace(RECIPE, epochs=20, batch_size=12, mini_batch_size=mini_batch_size, learning_rate=5e-3, dropout=0.0)
    steps = Steps()
    run = run_of(tiny_model_dir, tmp_path / "m", replace(recipe, checkpoint_steps=1000), on_progress=steps)
    report = train_encoder(run, [PAIRS], validation_pairs=PAIRS)
    assert steps.losses()[-1] < steps.losses()[0] / 2
    assert report.metrics["ndcg@10"] > report.base_metrics["ndcg@10"] + 0.2


@pytest.fixture(scope="module")
def steady(tiny_model_dir, tmp_path_factory):
    """The weights of a training without dropout."""
    output = tmp_path_factory.mktemp("steady") / "m"
    train_encoder(run_of(tiny_model_dir, output, replace(STEADY, mini_batch_size=4)), [PAIRS])
    return weights(output)


def test_a_share_of_the_base_model_is_mixed_into_the_weights(trained, tiny_model_dir, tmp_path):
    train_encoder(run_of(tiny_model_dir, tmp_path / "m", replace(RECIPE, base_share=0.25)), [PAIRS])
    learned, base = weights(trained[0]), weights(tiny_model_dir)
    tolerance = {"rtol": 1e-3, "atol": 1e-5}  # of float16
    n_moved = 0
    for name, array in weights(tmp_path / "m").items():
        found, unmixed = array.astype("f4"), learned[name].astype("f4")
        np.testing.assert_allclose(found, 0.75 * unmixed + 0.25 * base[name].astype("f4"), **tolerance)
        n_moved += not np.allclose(found, unmixed, **tolerance)
    assert n_moved > 5


def test_cached_gradients_change_only_the_memory_use(steady, tiny_model_dir, tmp_path):
    train_encoder(run_of(tiny_model_dir, tmp_path / "m", replace(STEADY, mini_batch_size=2)), [PAIRS])
    for name, array in weights(tmp_path / "m").items():
        np.testing.assert_allclose(array.astype("f4"), steady[name].astype("f4"), atol=2e-3)


def test_frozen_word_vectors_do_not_change(tiny_model_dir, tmp_path):
    train_encoder(run_of(tiny_model_dir, tmp_path / "m", replace(RECIPE, freeze_embeddings=True)), [PAIRS])
    name = "embeddings.word_embeddings.weight"
    np.testing.assert_array_equal(weights(tmp_path / "m")[name], weights(tiny_model_dir)[name].astype(np.float16))


def test_bfloat16_is_used_on_request(tiny_model_dir, tmp_path):
    report = train_encoder(run_of(tiny_model_dir, tmp_path / "m", replace(RECIPE, precision="bf16")), [PAIRS])
    assert 0 < report.losses["training"] < 5


def test_a_base_model_without_tokenizer_or_with_another_pooling_is_refused(tiny_model_dir, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(tiny_model_dir / name, bare / name)
    with pytest.raises(ModelError, match="tokenizer"):
        load_base_encoder(str(bare), "cpu")
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    other = tmp_path / "other"
    transformer = Transformer(str(tiny_model_dir))
    SentenceTransformer(modules=[transformer, Pooling(32, "max")], device="cpu").save_pretrained(str(other))
    with pytest.raises(ModelError, match="cannot be trained further here: it pools by max"):
        load_base_encoder(str(other), "cpu")


def test_a_model_s_own_prompts_are_used_in_training_and_kept(steady, tiny_model_dir, tmp_path):
    from sentence_transformers import SentenceTransformer

    base = tmp_path / "base"
    prompts = {"query": "people: ", "document": "data: "}
    SentenceTransformer(str(tiny_model_dir), device="cpu", prompts=prompts).save_pretrained(str(base))
    train_encoder(run_of(base, tmp_path / "with", replace(STEADY, mini_batch_size=4)), [PAIRS])
    name = "embeddings.word_embeddings.weight"
    assert not np.array_equal(weights(tmp_path / "with")[name], steady[name])
    assert json.loads((tmp_path / "with" / "config_sentence_transformers.json").read_text())["prompts"] == prompts


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("batch_size", 1), ("mini_batch_size", 0), ("n_negatives", -1), ("temperature", 0), ("temperature", 2.0),
        ("max_length", 3), ("base_share", 1.0), ("pretraining_learning_rate", 0),
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(setting, value):
    with pytest.raises(InputError, match=setting):
        EncoderRecipe(**{setting: value})
