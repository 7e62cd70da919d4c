"""Training a stance model on a tiny BERT: what comes out loads, and a run that was cut off ends like another."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from data.errors import InputError, ModelError
from data.stances import STANCES, StancePair
from pipeline.config import Compute
from pipeline.stance import load_stance
from pipeline.training.stance_recipe import StanceRecipe
from pipeline.training.stance_training import label_weights, train_stance

RECIPE = StanceRecipe(batch_size=4, learning_rate=1e-3, epochs=1, checkpoint_steps=2, precision="fp32", max_length=32)
# Of one length, so that batches of like length hold all three labels.
TEXTS = {
    "SUPPORTS": "the ocean rises the ocean",
    "REFUTES": "vaccines measles autism v",
    "NOT_ENOUGH_INFO": "coal price bank oil price",
}
PAIRS = [
    StancePair(f"c{number}", f"sea level rises {number} metres", text, stance)
    for number in range(8)
    for stance, text in TEXTS.items()
]


def weights(model_dir):
    from safetensors.numpy import load_file

    return load_file(model_dir / "model.safetensors")


@pytest.fixture(scope="module")
def trained(tiny_model_dir, tmp_path_factory):
    output = tmp_path_factory.mktemp("trained") / "model"
    return output, train_stance(PAIRS, base_model=tiny_model_dir, output_dir=output, recipe=RECIPE, device="cpu")


def test_the_folder_names_our_labels_in_our_order_in_half_precision(trained):
    output, report = trained
    config = json.loads((output / "config.json").read_text())
    assert config["id2label"] == {str(number): stance for number, stance in enumerate(STANCES)}
    assert {array.dtype for array in weights(output).values()} == {np.dtype("float16")}
    assert load_stance(str(output), Compute("cpu")).classify([("sea", "ice")]).probabilities.shape == (1, 3)
    assert not (output / "checkpoints").exists()
    assert (report.n_pairs, report.resumed_from_step) == (24, None)
    assert 0 < report.loss < 3


def test_training_learns_the_labels(tiny_model_dir, tmp_path):
    recipe = StanceRecipe(
        batch_size=6, learning_rate=5e-3, epochs=20, dropout=0.0, precision="fp32", max_length=32, checkpoint_steps=1000
    )
    train_stance(PAIRS, base_model=tiny_model_dir, output_dir=tmp_path / "m", recipe=recipe, device="cpu")
    found = load_stance(str(tmp_path / "m"), Compute("cpu")).classify([(pair.claim, pair.text) for pair in PAIRS])
    called = [STANCES[number] for number in found.probabilities.argmax(axis=1)]
    assert np.mean([label == pair.stance for label, pair in zip(called, PAIRS, strict=True)]) > 0.9


def test_an_interrupted_run_goes_on_and_ends_with_the_same_weights(trained, tiny_model_dir, tmp_path):
    def interrupt(_phase, step, _n_steps, _loss):
        if step == 4:
            raise KeyboardInterrupt

    arguments = {"base_model": tiny_model_dir, "output_dir": tmp_path / "m", "recipe": RECIPE, "device": "cpu"}
    with pytest.raises(KeyboardInterrupt):
        train_stance(PAIRS, **arguments, on_progress=interrupt)
    with pytest.raises(InputError, match="another run"):
        train_stance(PAIRS[:-3], **arguments)
    steps = []
    report = train_stance(PAIRS, **arguments, on_progress=lambda _p, step, _n, _l: steps.append(step))
    assert (report.resumed_from_step, steps) == (2, [3, 4, 5, 6])
    for name, array in weights(tmp_path / "m").items():
        np.testing.assert_array_equal(array, weights(trained[0])[name])


def test_a_reranker_is_a_base_model_too_with_a_head_of_its_own(tiny_reranker_dir, tmp_path):
    train_stance(PAIRS, base_model=tiny_reranker_dir, output_dir=tmp_path / "m", recipe=RECIPE, device="cpu")
    assert weights(tmp_path / "m")["classifier.weight"].shape[0] == 3


def test_a_loss_that_is_no_number_stops_training(tiny_model_dir, tmp_path):
    from safetensors.numpy import save_file

    base = shutil.copytree(tiny_model_dir, tmp_path / "base")
    spoiled = weights(base)
    spoiled["embeddings.LayerNorm.weight"] = np.full_like(spoiled["embeddings.LayerNorm.weight"], np.nan)
    save_file(spoiled, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="step 1 is nan"):
        train_stance(PAIRS, base_model=base, output_dir=tmp_path / "m", recipe=RECIPE, device="cpu")


def test_pairs_without_one_of_the_labels_teach_nothing(tiny_model_dir, tmp_path):
    two = [pair for pair in PAIRS if pair.stance != "REFUTES"]
    with pytest.raises(InputError, match="16 training pairs, 8 SUPPORTS, 0 REFUTES, 8 NOT_ENOUGH_INFO; all three"):
        train_stance(two, base_model=tiny_model_dir, output_dir=tmp_path / "m", recipe=RECIPE)


def test_rarer_labels_weigh_more_by_their_share_and_the_average_pair_weighs_one():
    pairs = [StancePair("", "", "", stance) for stance in (["SUPPORTS"] * 4 + ["REFUTES"] + ["NOT_ENOUGH_INFO"] * 4)]
    assert label_weights(pairs, 0) == pytest.approx([1, 1, 1])
    # Shares 4/9, 1/9, 4/9: each label a third of the loss.
    assert label_weights(pairs, 1) == pytest.approx([3 / 4, 3, 3 / 4])
    # Roots: 3/2, 3, 3/2, whose mean over the pairs is 5/3.
    assert label_weights(pairs, 0.5) == pytest.approx([0.9, 1.8, 0.9])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"validation_share": 0}, r"validation_share must lie in \(0, 1\), not 0: the held-out claims fit"),
        ({"balance": 2}, "balance must lie in"),
        ({"dropout": 1}, "dropout must lie in"),
        ({"learning_rate": 0}, "learning_rate must be above 0"),
        ({"precision": "int3"}, "precision must be"),
    ],
)
def test_a_recipe_with_impossible_numbers_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        StanceRecipe(**settings)
