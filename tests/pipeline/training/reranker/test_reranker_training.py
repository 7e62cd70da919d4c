"""Training on a tiny BERT: what comes out loads, a cut-off run ends like an uncut one, bad input is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from claimhound.data.errors import InputError, ModelError
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.pipeline.training.reranker.recipe import RerankerRecipe
from claimhound.pipeline.training.reranker.training import balanced, check_base_model, train_reranker

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPE = RerankerRecipe(batch_size=4, learning_rate=1e-3, checkpoint_steps=2, precision="fp32", max_length=32)
PAIRS = [
    TrainingPair(f"c{number}", f"sea level rises {number} metres", text, label)
    for number in range(8)
    for text, label in (("the ocean rises", 1.0), ("vaccines cause no autism", 0.0), ("a moon landing in 1969", 0.0))
]


def weights(model_dir):
    from safetensors.numpy import load_file

    return load_file(model_dir / "model.safetensors")


@pytest.fixture(scope="module")
def trained(tiny_model_dir, tmp_path_factory):
    output = tmp_path_factory.mktemp("trained") / "model"
    report = train_reranker(
        PAIRS, base_model=tiny_model_dir, output_dir=output, recipe=RECIPE, validation_pairs=PAIRS[:6]
    )
    return output, report


def test_the_folder_loads_as_a_cross_encoder_with_one_label_in_half_precision(trained):
    from sentence_transformers import CrossEncoder

    output, _ = trained
    model = CrossEncoder(str(output), device="cpu")
    assert model.num_labels == 1
    assert {array.dtype for array in weights(output).values()} == {np.dtype("float16")}
    assert model.predict([("sea level rises", "the ocean rises")]).shape == (1,)
    assert not (output / "checkpoints").exists()


def test_the_report_counts_pairs_and_carries_the_evaluator_s_metrics(trained):
    _, report = trained
    assert (report.n_pairs, report.n_validation_pairs, report.resumed_from_step) == (24, 6, None)
    assert {"accuracy", "f1", "average_precision"} <= set(report.metrics)
    assert 0 < report.losses["training"] < 1


def test_training_learns_the_pairs(tiny_model_dir, tmp_path):
    recipe = RerankerRecipe(batch_size=4, learning_rate=5e-3, epochs=4, precision="fp32", max_length=32)
    report = train_reranker(
        PAIRS, base_model=tiny_model_dir, output_dir=tmp_path / "m", recipe=recipe, validation_pairs=PAIRS
    )
    assert report.metrics["average_precision"] > 0.95


def test_a_list_s_order_is_learned(tiny_model_dir, tmp_path):
    from sentence_transformers import CrossEncoder

    recipe = replace(RECIPE, loss="listwise", batch_size=2, mini_batch_size=4, learning_rate=5e-3, epochs=6)
    report = train_reranker(PAIRS, base_model=tiny_model_dir, output_dir=tmp_path / "m", recipe=recipe)
    assert (report.n_pairs, report.n_pretraining_pairs) == (24, 0)
    model = CrossEncoder(str(tmp_path / "m"), device="cpu")
    right, *wrong = model.predict([(PAIRS[0].query, pair.text) for pair in PAIRS[:3]])
    assert right > max(wrong)


def test_pretraining_is_by_pairs_whatever_the_loss(tiny_model_dir, tmp_path):
    steps = []
    recipe = replace(RECIPE, loss="listwise", batch_size=2, pretraining_batch_size=12)
    train_reranker(
        PAIRS,
        base_model=tiny_model_dir,
        output_dir=tmp_path / "m",
        recipe=recipe,
        pretraining_pairs=PAIRS,
        on_progress=lambda phase, step, n_steps, _loss: steps.append((phase, step, n_steps)),
    )
    assert steps == [*[("pretraining", i, 2) for i in (1, 2)], *[("training", i, 4) for i in (1, 2, 3, 4)]]


def test_an_interrupted_run_goes_on_and_ends_with_the_same_weights(trained, tiny_model_dir, tmp_path):
    def interrupt(_phase, step, _n_steps, _loss):
        if step == 4:
            raise KeyboardInterrupt

    arguments = {"base_model": tiny_model_dir, "output_dir": tmp_path / "m", "recipe": RECIPE}
    with pytest.raises(KeyboardInterrupt):
        train_reranker(PAIRS, **arguments, on_progress=interrupt)
    steps = []
    report = train_reranker(PAIRS, **arguments, on_progress=lambda _p, step, _n, _l: steps.append(step))
    assert report.resumed_from_step == 2
    assert steps == [3, 4, 5, 6]
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
        "pretraining_pairs": PAIRS[:12],
    }
    with pytest.raises(KeyboardInterrupt):
        train_reranker(PAIRS, **arguments, on_progress=interrupt)
    phases = []
    report = train_reranker(PAIRS, **arguments, on_progress=lambda phase, *_: phases.append(phase))
    assert set(phases) == {"training"}
    assert set(report.losses) == {"pretraining", "training"}


def test_pretraining_may_end_before_its_schedule_does(tiny_model_dir, tmp_path):
    steps = []
    train_reranker(
        PAIRS,
        base_model=tiny_model_dir,
        output_dir=tmp_path / "m",
        recipe=replace(RECIPE, pretraining_steps=2, pretraining_batch_size=4),
        pretraining_pairs=PAIRS,
        on_progress=lambda phase, step, n_steps, _loss: steps.append((phase, step, n_steps)),
    )
    assert steps[:3] == [("pretraining", 1, 2), ("pretraining", 2, 2), ("training", 1, 6)]


def test_a_loss_that_is_no_number_stops_training_and_keeps_the_checkpoint(tiny_model_dir, tmp_path):
    from safetensors.numpy import save_file

    base = tmp_path / "base"
    shutil.copytree(tiny_model_dir, base)
    spoiled = weights(base)
    spoiled["embeddings.LayerNorm.weight"] = np.full_like(spoiled["embeddings.LayerNorm.weight"], np.nan)
    save_file(spoiled, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="step 1 is nan"):
        train_reranker(PAIRS, base_model=base, output_dir=tmp_path / "m", recipe=RECIPE)

    hot = RerankerRecipe(
        batch_size=4, learning_rate=1e30, checkpoint_steps=1, precision="fp32", max_length=32, warmup_share=0.5
    )
    with pytest.raises(ModelError, match=r"the loss of training step \d is (nan|inf)"):
        train_reranker(PAIRS, base_model=tiny_model_dir, output_dir=tmp_path / "h", recipe=hot)
    assert list((tmp_path / "h" / "checkpoints" / "training").glob("checkpoint-*"))


def test_checkpoints_of_another_run_are_refused_unless_it_starts_over(tiny_model_dir, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    output = tmp_path / "m"
    with pytest.raises(KeyboardInterrupt):
        train_reranker(PAIRS, base_model=tiny_model_dir, output_dir=output, recipe=RECIPE, on_progress=interrupt)
    with pytest.raises(InputError, match="another run"):
        train_reranker(PAIRS[:-3], base_model=tiny_model_dir, output_dir=output, recipe=RECIPE)
    report = train_reranker(PAIRS[:-3], base_model=tiny_model_dir, output_dir=output, recipe=RECIPE, resume=False)
    assert report.n_pairs == 21


@pytest.mark.parametrize("pairs", [[], [pair for pair in PAIRS if pair.label == 1], PAIRS[1:3]])
def test_pairs_of_one_kind_teach_nothing(pairs, tiny_model_dir, tmp_path):
    with pytest.raises(InputError, match="both kinds"):
        train_reranker(pairs, base_model=tiny_model_dir, output_dir=tmp_path / "m", recipe=RECIPE)


def test_a_label_outside_the_unit_interval_is_refused(tiny_model_dir, tmp_path):
    with pytest.raises(InputError, match="label 2"):
        train_reranker(
            [*PAIRS, TrainingPair("c9", "q", "t", 2.0)],
            base_model=tiny_model_dir,
            output_dir=tmp_path / "m",
            recipe=RECIPE,
        )


def test_a_base_model_without_tokenizer_or_config_is_refused(tiny_model_dir, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(tiny_model_dir / name, bare / name)
    with pytest.raises(ModelError, match="tokenizer"):
        train_reranker(PAIRS, base_model=bare, output_dir=tmp_path / "m", recipe=RECIPE)
    (bare / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json"):
        train_reranker(PAIRS, base_model=bare, output_dir=tmp_path / "n", recipe=RECIPE)


def test_a_model_of_inference_gets_a_head_of_one_label_on_its_own_body(tiny_nli_dir, tmp_path):
    from sentence_transformers import CrossEncoder

    # Too slow to move a weight in float16: what is saved is what training began with.
    recipe = replace(RECIPE, learning_rate=1e-12)
    assert check_base_model(tiny_nli_dir, recipe) == (
        "base model: its head of 3 labels (contradiction, entailment, neutral) is replaced by a new one of one label"
    )
    train_reranker(PAIRS, base_model=tiny_nli_dir, output_dir=tmp_path / "m", recipe=recipe)
    saved, base = weights(tmp_path / "m"), weights(tiny_nli_dir)
    assert saved["classifier.weight"].shape == (1, 32)
    for name in set(base) - {"classifier.weight", "classifier.bias"}:
        np.testing.assert_array_equal(saved[name], base[name].astype(np.float16))
    assert CrossEncoder(str(tmp_path / "m"), device="cpu").num_labels == 1
    # One whose head fits or that has none says nothing.
    assert check_base_model(tmp_path / "m", recipe) is None


def test_balanced_pairs_hold_as_many_negatives_as_positives_of_each_claim():
    kept = balanced(PAIRS)
    assert len(kept) == 16
    assert sum(pair.label for pair in kept) == 8


def test_a_recipe_with_impossible_numbers_is_refused():
    with pytest.raises(InputError, match="batch_size"):
        RerankerRecipe(batch_size=0)
    with pytest.raises(InputError, match="precision"):
        RerankerRecipe(precision="int3")
    with pytest.raises(InputError, match="loss must be one of bce, listwise, not 'hinge'"):
        RerankerRecipe(loss="hinge")


def test_the_recipe_can_be_written_into_a_card():
    assert json.loads(json.dumps(RECIPE.__dict__)) == RECIPE.__dict__
