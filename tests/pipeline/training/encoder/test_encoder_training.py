"""Contrastive training on a tiny BERT: what comes out indexes, a cut-off run ends like an uncut one."""

from __future__ import annotations

import json
import resource
import shutil
from dataclasses import replace

import numpy as np
import pytest

from claimhound.data.errors import InputError, ModelError
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.pipeline.models.encoders import encoder_identity, load_encoder
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.training.encoder.recipe import EncoderRecipe
from claimhound.pipeline.training.encoder.training import load_base_encoder, train_encoder

pytestmark = pytest.mark.usefixtures("one_thread")

SUBJECTS = ("ice", "ocean", "volcano", "vaccine", "moon", "rocket", "coal", "bank", "empire", "virus", "sun", "war")
RESTS = ("data shows a change since 1900", "is not a city people study")
# A claim's passage shares no word with it, so that it has to be learned; its negative shares the subject.
PAIRS = [
    TrainingPair(subject, f"the {subject} rises", text, label)
    for subject, near in zip(SUBJECTS, (*SUBJECTS[1:], SUBJECTS[0]), strict=True)
    for text, label in ((f"{near} {RESTS[0]}", 1.0), (f"{near} {RESTS[1]}", 1.0), (f"{subject} {RESTS[0]} melts", 0.0))
]
RECIPE = EncoderRecipe(
    epochs=1, batch_size=4, mini_batch_size=2, learning_rate=1e-3, n_negatives=1, checkpoint_steps=2, precision="fp32"
)


def weights(model_dir):
    from safetensors.numpy import load_file

    return load_file(model_dir / "model.safetensors")


@pytest.fixture(scope="module")
def trained(tiny_model_dir, tmp_path_factory):
    output = tmp_path_factory.mktemp("trained") / "model"
    report = train_encoder(
        [PAIRS], base_model=tiny_model_dir, output_dir=output, recipe=RECIPE, validation_pairs=PAIRS[:9]
    )
    return output, report


def test_the_folder_serves_as_sentence_transformers_computes_it(trained):
    from sentence_transformers import SentenceTransformer

    output, _ = trained
    identity = encoder_identity(str(output))
    assert (identity.pooling, identity.dim, identity.max_length) == ("mean", 32, 64)
    texts = ["the ice rises", "ocean data shows a change"]
    plain = SentenceTransformer(str(output), device="cpu").float().encode(texts)
    np.testing.assert_allclose(np.linalg.norm(plain, axis=1), 1, atol=1e-5)
    served = load_encoder(str(output), Compute("cpu")).encode(texts)
    assert (plain * served).sum(axis=1).min() > 0.98  # int8
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
    losses = []
    report = train_encoder(
        [PAIRS],
        base_model=tiny_model_dir,
        output_dir=tmp_path / "m",
        recipe=recipe,
        validation_pairs=PAIRS,
        on_progress=lambda _phase, _step, _n_steps, loss: losses.append(loss),
    )
    assert losses[-1] < losses[0] / 2
    assert report.metrics["ndcg@10"] > report.base_metrics["ndcg@10"] + 0.2


def test_a_share_of_the_base_model_is_mixed_into_what_was_learned(trained, tiny_model_dir, tmp_path):
    recipe = replace(RECIPE, base_share=0.25)
    train_encoder([PAIRS], base_model=tiny_model_dir, output_dir=tmp_path / "m", recipe=recipe)
    learned, base = weights(trained[0]), weights(tiny_model_dir)
    tolerance = {"rtol": 1e-3, "atol": 1e-5}  # of float16
    n_moved = 0
    for name, array in weights(tmp_path / "m").items():
        found, unmixed = array.astype("f4"), learned[name].astype("f4")
        np.testing.assert_allclose(found, 0.75 * unmixed + 0.25 * base[name].astype("f4"), **tolerance)
        n_moved += not np.allclose(found, unmixed, **tolerance)
    assert n_moved > 5


def test_cached_gradients_change_nothing_but_the_memory(tiny_model_dir, tmp_path):
    for name, size in (("parts", 2), ("whole", 4)):
        recipe = replace(RECIPE, mini_batch_size=size, dropout=0.0)
        train_encoder([PAIRS], base_model=tiny_model_dir, output_dir=tmp_path / name, recipe=recipe)
    whole = weights(tmp_path / "whole")
    for name, array in weights(tmp_path / "parts").items():
        np.testing.assert_allclose(array.astype("f4"), whole[name].astype("f4"), atol=2e-3)


def test_an_interrupted_run_goes_on_and_ends_with_the_same_weights(trained, tiny_model_dir, tmp_path):
    def interrupt(_phase, step, _n_steps, _loss):
        if step == 4:
            raise KeyboardInterrupt

    arguments = {"base_model": tiny_model_dir, "output_dir": tmp_path / "m", "recipe": RECIPE}
    with pytest.raises(KeyboardInterrupt):
        train_encoder([PAIRS], **arguments, on_progress=interrupt)
    with pytest.raises(InputError, match="checkpoints of another run"):
        train_encoder([PAIRS[3:]], **arguments)
    steps = []
    report = train_encoder([PAIRS], **arguments, on_progress=lambda _p, step, n, _l: steps.append((step, n)))
    assert report.resumed_from_step == 2
    assert [step for step, _ in steps] == list(range(3, steps[-1][1] + 1))
    uninterrupted = weights(trained[0])
    for name, array in weights(tmp_path / "m").items():
        np.testing.assert_array_equal(array, uninterrupted[name])


def test_a_finished_pretraining_is_not_repeated(tiny_model_dir, tmp_path):
    def interrupt(phase, step, _n_steps, _loss):
        if (phase, step) == ("training", 1):
            raise KeyboardInterrupt

    arguments = {
        "base_model": tiny_model_dir,
        "output_dir": tmp_path / "m",
        "recipe": RECIPE,
        "pretraining": [PAIRS[:9], PAIRS[9:18]],
    }
    with pytest.raises(KeyboardInterrupt):
        train_encoder([PAIRS], **arguments, on_progress=interrupt)
    phases = []
    report = train_encoder([PAIRS], **arguments, on_progress=lambda phase, *_: phases.append(phase))
    assert set(phases) == {"training"}
    assert set(report.losses) == {"pretraining", "training"}
    assert report.n_pretraining_entries == 12


def test_frozen_word_vectors_stay(tiny_model_dir, tmp_path):
    train_encoder(
        [PAIRS], base_model=tiny_model_dir, output_dir=tmp_path / "m", recipe=replace(RECIPE, freeze_embeddings=True)
    )
    name = "embeddings.word_embeddings.weight"
    np.testing.assert_array_equal(weights(tmp_path / "m")[name], weights(tiny_model_dir)[name].astype(np.float16))


def test_bfloat16_is_taken_where_asked(tiny_model_dir, tmp_path):
    report = train_encoder(
        [PAIRS], base_model=tiny_model_dir, output_dir=tmp_path / "m", recipe=replace(RECIPE, precision="bf16")
    )
    assert 0 < report.losses["training"] < 5


def test_a_loss_that_is_no_number_stops_training_and_keeps_the_checkpoint(tiny_model_dir, tmp_path):
    recipe = replace(RECIPE, learning_rate=1e30, checkpoint_steps=1, warmup_share=0.5, epochs=3)
    with pytest.raises(ModelError, match=r"the loss of training step \d is (nan|inf)"):
        train_encoder([PAIRS], base_model=tiny_model_dir, output_dir=tmp_path / "m", recipe=recipe)
    assert list((tmp_path / "m" / "checkpoints" / "training").glob("checkpoint-*"))


def test_a_full_disk_is_said_and_the_run_goes_on_from_the_checkpoint_before(trained, tiny_model_dir, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(_phase, step, _n_steps, _loss):
        if step == 4:  # after the checkpoint of step 2: no file may grow beyond 10 kB from now on
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))

    arguments = {"base_model": tiny_model_dir, "output_dir": tmp_path / "m", "recipe": RECIPE}
    try:
        with pytest.raises(InputError, match=r"cannot be written .* run the same command again"):
            train_encoder([PAIRS], **arguments, on_progress=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    report = train_encoder([PAIRS], **arguments)
    assert report.resumed_from_step == 2
    for name, array in weights(tmp_path / "m").items():
        np.testing.assert_array_equal(array, weights(trained[0])[name])


def test_a_base_model_without_tokenizer_or_of_another_build_is_refused(tiny_model_dir, tmp_path):
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


def test_a_model_s_own_prompts_are_learned_with_and_kept(tiny_model_dir, tmp_path):
    from sentence_transformers import SentenceTransformer

    base = tmp_path / "base"
    prompts = {"query": "people: ", "document": "data: "}
    SentenceTransformer(str(tiny_model_dir), device="cpu", prompts=prompts).save_pretrained(str(base))
    outputs = {}
    for name, source in (("with", base), ("without", tiny_model_dir)):
        train_encoder([PAIRS], base_model=source, output_dir=tmp_path / name, recipe=replace(RECIPE, dropout=0.0))
        outputs[name] = weights(tmp_path / name)["embeddings.word_embeddings.weight"]
    assert not np.array_equal(outputs["with"], outputs["without"])
    assert json.loads((tmp_path / "with" / "config_sentence_transformers.json").read_text())["prompts"] == prompts


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("batch_size", 1), ("mini_batch_size", 0), ("n_negatives", -1), ("temperature", 0), ("temperature", 2.0),
        ("learning_rate", float("nan")), ("validation_share", 1), ("precision", "int3"),
    ],
)  # fmt: skip
def test_a_recipe_with_impossible_numbers_is_refused(setting, value):
    with pytest.raises(InputError, match=setting):
        EncoderRecipe(**{setting: value})
