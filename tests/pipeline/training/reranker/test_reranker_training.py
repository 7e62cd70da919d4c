"""Training a reranker on a tiny BERT: the folder loads, pairs and lists are learned, bad input is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from tiny_training import Steps, run_of, weights

from claimhound.data.errors import InputError, ModelError
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.pipeline.training.reranker.recipe import RerankerRecipe
from claimhound.pipeline.training.reranker.training import balanced, check_base_model, train_reranker

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPE = RerankerRecipe(batch_size=4, learning_rate=1e-3, precision="fp32", max_length=32)
PAIRS = [
    TrainingPair(f"c{number}", f"sea level rises {number} metres", text, label)
    for number in range(8)
    for text, label in (("the ocean rises", 1.0), ("vaccines cause no autism", 0.0), ("a moon landing in 1969", 0.0))
]


@pytest.fixture(scope="module")
def trained(tiny_model_dir, tmp_path_factory):
    output = tmp_path_factory.mktemp("trained") / "model"
    recipe = replace(RECIPE, learning_rate=5e-3, epochs=4)
    return output, train_reranker(run_of(tiny_model_dir, output, recipe), PAIRS, validation_pairs=PAIRS[:6])


def test_the_folder_loads_as_a_cross_encoder_with_one_label_in_half_precision(trained):
    from sentence_transformers import CrossEncoder

    output, _ = trained
    model = CrossEncoder(str(output), device="cpu")
    assert model.num_labels == 1
    assert {array.dtype for array in weights(output).values()} == {np.dtype("float16")}
    assert model.predict([("sea level rises", "the ocean rises")]).shape == (1,)
    assert not (output / "checkpoints").exists()


def test_the_pairs_are_learned_and_the_report_carries_the_evaluator_s_metrics(trained):
    _, report = trained
    assert (report.n_pairs, report.n_validation_pairs, report.resumed_from_step) == (24, 6, None)
    assert {"accuracy", "f1", "average_precision"} <= set(report.metrics)
    assert 0 < report.losses["training"] < 1
    assert report.metrics["average_precision"] > 0.95


def test_a_list_s_order_is_learned(tiny_model_dir, tmp_path):
    from sentence_transformers import CrossEncoder

    recipe = replace(RECIPE, loss="listwise", batch_size=2, mini_batch_size=4, learning_rate=5e-3, epochs=6)
    report = train_reranker(run_of(tiny_model_dir, tmp_path / "m", recipe), PAIRS)
    assert (report.n_pairs, report.n_pretraining_pairs) == (24, 0)
    model = CrossEncoder(str(tmp_path / "m"), device="cpu")
    right, *wrong = model.predict([(PAIRS[0].query, pair.text) for pair in PAIRS[:3]])
    assert right > max(wrong)


def phases(steps):
    return [(phase, done, total) for phase, done, total, _ in steps]


def test_pretraining_goes_pair_by_pair_and_may_end_before_its_schedule(tiny_model_dir, tmp_path):
    steps = Steps()
    recipe = replace(RECIPE, loss="listwise", batch_size=2, pretraining_batch_size=12)
    run = run_of(tiny_model_dir, tmp_path / "m", recipe, on_progress=steps)
    train_reranker(run, PAIRS, pretraining_pairs=PAIRS)
    training = [("training", step, 4) for step in (1, 2, 3, 4)]
    assert phases(steps) == [("pretraining", 1, 2), ("pretraining", 2, 2), *training]
    steps.clear()
    short = replace(recipe, pretraining_steps=1)
    train_reranker(replace(run, recipe=short, output_dir=tmp_path / "n"), PAIRS, pretraining_pairs=PAIRS)
    assert phases(steps) == [("pretraining", 1, 1), *training]


@pytest.mark.parametrize("pairs", [[], [pair for pair in PAIRS if pair.label == 1], PAIRS[1:3]])
def test_pairs_of_one_kind_teach_nothing(pairs, tiny_model_dir, tmp_path):
    with pytest.raises(InputError, match="both kinds"):
        train_reranker(run_of(tiny_model_dir, tmp_path / "m", RECIPE), pairs)


def test_a_label_outside_the_unit_interval_is_refused(tiny_model_dir, tmp_path):
    with pytest.raises(InputError, match="label 2"):
        train_reranker(run_of(tiny_model_dir, tmp_path / "m", RECIPE), [*PAIRS, TrainingPair("c9", "q", "t", 2.0)])


def test_a_base_model_without_tokenizer_or_config_is_refused(tiny_model_dir, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(tiny_model_dir / name, bare / name)
    with pytest.raises(ModelError, match="tokenizer"):
        train_reranker(run_of(bare, tmp_path / "m", RECIPE), PAIRS)
    (bare / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json"):
        train_reranker(run_of(bare, tmp_path / "n", RECIPE), PAIRS)


def test_an_nli_model_gets_a_head_with_one_label_on_its_own_body(tiny_nli_dir, tmp_path):
    from sentence_transformers import CrossEncoder

    # Too slow to move a weight in float16: the saved weights are the initial ones.
    run = run_of(tiny_nli_dir, tmp_path / "m", replace(RECIPE, learning_rate=1e-12))
    assert check_base_model(run) == (
        "base model: its head of 3 labels (contradiction, entailment, neutral) is replaced by a new one with one label"
    )
    train_reranker(run, PAIRS[:3])
    saved, base = weights(tmp_path / "m"), weights(tiny_nli_dir)
    assert saved["classifier.weight"].shape == (1, 32)
    for name in set(base) - {"classifier.weight", "classifier.bias"}:
        np.testing.assert_array_equal(saved[name], base[name].astype(np.float16))
    assert CrossEncoder(str(tmp_path / "m"), device="cpu").num_labels == 1
    # There is nothing to say about a head that fits, or a base model without one.
    assert check_base_model(run_of(tmp_path / "m", tmp_path / "n", RECIPE)) is None


def test_balanced_pairs_have_as_many_negatives_as_positives_of_each_claim():
    kept = balanced(PAIRS)
    assert len(kept) == 16
    assert sum(pair.label for pair in kept) == 8


def test_impossible_settings_are_refused():
    with pytest.raises(InputError, match="loss must be one of bce, listwise, not 'hinge'"):
        RerankerRecipe(loss="hinge")
    with pytest.raises(InputError, match="first_rank must be at least 1"):
        RerankerRecipe(first_rank=0)


def test_the_recipe_can_be_written_into_a_card():
    assert json.loads(json.dumps(RECIPE.__dict__)) == RECIPE.__dict__
