"""Training a stance model on a tiny BERT: the folder loads, labels are learned, and a known head is kept."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from labelled_models import with_labels
from tiny_training import EXACT, run_of, save_weights, weights

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.stances import STANCES, StancePair
from claimhound.pipeline.model_folders.tokenization import TextTokenizer
from claimhound.pipeline.models.cross_encoders import CrossEncoderModel, StanceHead, load_stance, read_stance_labels
from claimhound.pipeline.models.pair_readers import TokenPairReader
from claimhound.pipeline.models.stance_labels import OURS, read_labels
from claimhound.pipeline.serving.torch_runtime import TorchRuntime
from claimhound.pipeline.training.stance.recipe import StanceRecipe
from claimhound.pipeline.training.stance.training import label_weights, load_base_model, train_stance

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPE = StanceRecipe(batch_size=4, learning_rate=1e-3, epochs=1, checkpoint_steps=2, precision="fp32", max_length=32)
LEARNING = replace(RECIPE, batch_size=6, learning_rate=5e-3, epochs=20, dropout=0.0, checkpoint_steps=1000)
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


@pytest.fixture(scope="module")
def trained(tiny_model_dir, tmp_path_factory):
    output = tmp_path_factory.mktemp("trained") / "model"
    return output, train_stance(run_of(tiny_model_dir, output, LEARNING), PAIRS)


def test_the_folder_names_our_labels_in_our_order_in_half_precision(trained):
    output, report = trained
    config = json.loads((output / "config.json").read_text())
    assert config["id2label"] == {str(number): stance for number, stance in enumerate(STANCES)}
    assert {array.dtype for array in weights(output).values()} == {np.dtype("float16")}
    assert load_stance(str(output), EXACT).classify([("sea", "ice")]).probabilities.shape == (1, 3)
    assert not (output / "checkpoints").exists()
    assert (report.n_pairs, report.resumed_from_step) == (24, None)
    assert 0 < report.losses["training"] < 3
    assert report.labels == OURS


def test_training_learns_the_labels(trained):
    # Int8 confuses labels of so small a model that it does tell apart.
    found = in_float32(trained[0]).classify([(pair.claim, pair.text) for pair in PAIRS])
    called = [STANCES[number] for number in found.probabilities.argmax(axis=1)]
    assert np.mean([label == pair.stance for label, pair in zip(called, PAIRS, strict=True)]) > 0.9


def test_a_reranker_is_a_base_model_too_and_gets_a_new_head(tiny_reranker_dir, tmp_path):
    train_stance(run_of(tiny_reranker_dir, tmp_path / "m", RECIPE), PAIRS[:3])
    assert weights(tmp_path / "m")["classifier.weight"].shape[0] == 3


def in_float32(folder):
    """The folder's model without int8's noise."""
    runtime = TorchRuntime.load(folder, "cross-encoder", "cpu")
    reader = TokenPairReader(TextTokenizer(folder, 64), runtime, 3)
    return CrossEncoderModel("m", "0" * 64, reader, stance=StanceHead(read_stance_labels(folder)))


@pytest.mark.parametrize(
    "labels",
    [
        ("contradiction", "entailment", "neutral"),
        ("ENTAILMENT", "NEUTRAL", "CONTRADICTION"),
        ("NOT ENOUGH INFO", "SUPPORTS", "REFUTES"),
        ("REFUTES", "SUPPORTS", "NOT_ENOUGH_INFO"),
    ],
)
def test_a_head_with_known_labels_is_kept_and_gives_the_same_answers(labels, tiny_nli_dir, tmp_path):
    base = with_labels(tiny_nli_dir, tmp_path / "base", labels)
    # Too slow to move a weight in float16: the saved weights are the initial ones.
    recipe = replace(RECIPE, learning_rate=1e-12, dropout=0.0)
    report = train_stance(run_of(base, tmp_path / "m", recipe), PAIRS[:3])
    assert report.labels == read_stance_labels(base) == read_stance_labels(tmp_path / "m")
    pairs = [(pair.claim, pair.text) for pair in PAIRS]
    before, after = (in_float32(folder).classify(pairs).probabilities for folder in (base, tmp_path / "m"))
    np.testing.assert_allclose(after, before, atol=0.005)
    # The labels are far enough apart for a mistake to be seen.
    assert abs(before - before[:, [1, 2, 0]]).max() > 0.2


# Reversed, SUPPORTS is REFUTES: a model trained in one order and asked in the other gets these two wrong.
TURNING = [
    StancePair(f"c{number}", claim, text, stance)
    for number in range(8)
    for claim, text, stance in (
        ("sea ice", "coal price", "SUPPORTS"),
        ("coal price", "sea ice", "REFUTES"),
        ("virus", "moon", "NOT_ENOUGH_INFO"),
    )
]


@pytest.mark.parametrize("labels", [("contradiction", "neutral", "entailment"), ("NEI", "SUPPORTS", "REFUTES")])
def test_a_kept_head_learns_each_label_in_its_own_place_and_the_pair_in_its_own_order(
    labels, tiny_model_dir, tiny_nli_dir, tmp_path
):
    base = with_labels(tiny_nli_dir, tmp_path / "base", labels)
    # Such large weights learn badly: keep only the head's.
    body = {f"bert.{name}": array for name, array in weights(tiny_model_dir).items()}
    save_weights(weights(tiny_nli_dir) | body, base)
    train_stance(run_of(base, tmp_path / "m", replace(LEARNING, epochs=30)), TURNING)
    found = in_float32(tmp_path / "m").classify([(pair.claim, pair.text) for pair in TURNING])
    called = [STANCES[number] for number in found.probabilities.argmax(axis=1)]
    assert called == [pair.stance for pair in TURNING]


@pytest.mark.parametrize("labels", [("LABEL_0", "LABEL_1", "LABEL_2"), ("negative", "neutral", "positive")])
def test_a_head_with_meaningless_labels_is_replaced_with_a_notice(labels, tiny_nli_dir, tmp_path):
    base = with_labels(tiny_nli_dir, tmp_path / "base", labels)
    first, again, other = (load_base_model(str(base), replace(RECIPE, seed=seed), "cpu") for seed in (1, 1, 2))
    assert first.notice == f"base model: its head ({', '.join(labels)}) is replaced by a new one with our labels"
    assert first.labels == OURS
    assert first.model.model.config.id2label == dict(enumerate(STANCES))
    heads = [found.model.model.classifier.weight.detach().numpy() for found in (first, again, other)]
    np.testing.assert_array_equal(heads[0], heads[1])
    for before in (weights(tiny_nli_dir)["classifier.weight"], heads[2]):
        assert abs(heads[0] - before).max() > 0.01
    body = first.model.model.state_dict()
    for name, array in weights(tiny_nli_dir).items():
        if not name.startswith("classifier."):
            np.testing.assert_array_equal(body[name], array)


def test_a_kept_head_that_is_not_ours_gets_a_notice(tiny_model_dir, tiny_stance_dir, tiny_nli_dir):
    notices = [load_base_model(str(base), RECIPE, "cpu").notice for base in (tiny_model_dir, tiny_stance_dir)]
    assert notices == [None, None]
    assert load_base_model(str(tiny_nli_dir), RECIPE, "cpu").notice == (
        "base model: its head is kept (contradiction is REFUTES, entailment is SUPPORTS, neutral is NOT_ENOUGH_INFO; "
        "reads the evidence, then the claim)"
    )


def test_pairs_without_one_of_the_labels_teach_nothing(tiny_model_dir, tmp_path):
    two = [pair for pair in PAIRS if pair.stance != "REFUTES"]
    with pytest.raises(InputError, match="16 training pairs, 8 SUPPORTS, 0 REFUTES, 8 NOT_ENOUGH_INFO; all three"):
        train_stance(run_of(tiny_model_dir, tmp_path / "m", RECIPE), two)


def test_rarer_labels_weigh_more_and_the_average_pair_weighs_one():
    pairs = [StancePair("", "", "", stance) for stance in (["SUPPORTS"] * 4 + ["REFUTES"] + ["NOT_ENOUGH_INFO"] * 4)]
    assert label_weights(pairs, 0) == pytest.approx([1, 1, 1])
    # Shares 4/9, 1/9, 4/9: each label a third of the loss.
    assert label_weights(pairs, 1) == pytest.approx([3 / 4, 3, 3 / 4])
    # Where REFUTES is the last of the model's outputs.
    labels = read_labels(("entailment", "neutral", "contradiction"))
    assert label_weights(pairs, 1, labels) == pytest.approx([3 / 4, 3 / 4, 3])
    # Roots: 3/2, 3, 3/2, whose mean over the pairs is 5/3.
    assert label_weights(pairs, 0.5) == pytest.approx([0.9, 1.8, 0.9])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"validation_share": 0}, r"validation_share must lie in \(0, 1\), not 0: the held-out claims fit"),
        ({"balance": 2}, "balance must lie in"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        StanceRecipe(**settings)
