"""Training both heads on a tiny BERT: the folder serves as reranker and stance model, and both tasks are learned."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from labelled_models import with_labels
from tiny_training import EXACT, run_of, weights

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.stances import STANCES
from claimhound.data.labelled_sets.taught_pairs import HEADS, TaughtPair
from claimhound.pipeline.models.cross_encoders import load_pair_models, load_reranker, load_stance
from claimhound.pipeline.training.two_heads.recipe import TwoHeadRecipe
from claimhound.pipeline.training.two_heads.training import load_base_model, train_two_heads

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPE = TwoHeadRecipe(
    batch_size=8, learning_rate=1e-3, checkpoint_steps=2, precision="fp32", max_length=32, training_length=24
)
LEARNING = replace(RECIPE, batch_size=4, learning_rate=5e-3, epochs=80, dropout=0.0, checkpoint_steps=1000)
# Of one length, so that batches of like length hold all kinds.
TEXTS = {
    "SUPPORTS": "the ocean rises the ocean",
    "REFUTES": "vaccines measles autism v",
    "NOT_ENOUGH_INFO": "coal price bank oil price",
}
# Relevance and stance come from different pairs, as they do in published data.
STANCE_PAIRS = [
    TaughtPair(f"sea level rises {number} metres", text, stance=stance)
    for number in range(4)
    for stance, text in TEXTS.items()
]
RELEVANCE_PAIRS = [
    TaughtPair(f"sea level rises {number} metres", text, relevance=relevance)
    for number in range(4)
    for text, relevance in (("sea ice melts less energy", 1.0), ("the moon landing in orbit", 0.0))
]
PAIRS = [*STANCE_PAIRS, *RELEVANCE_PAIRS]


@pytest.fixture(scope="module")
def trained(tiny_model_dir, tmp_path_factory):
    output = tmp_path_factory.mktemp("trained") / "model"
    return output, train_two_heads(run_of(tiny_model_dir, output, LEARNING), PAIRS)


def test_the_folder_names_both_heads_in_half_precision(trained):
    output, report = trained
    config = json.loads((output / "config.json").read_text())
    assert config["id2label"] == {str(number): name for number, name in enumerate(HEADS)}
    assert config["label2id"] == {name: number for number, name in enumerate(HEADS)}
    assert {array.dtype for array in weights(output).values()} == {np.dtype("float16")}
    assert not (output / "checkpoints").exists()
    found = (report.n_pairs, report.n_with_relevance, report.n_with_stance, report.n_with_teacher)
    assert found == (20, 8, 12, 0)
    assert report.resumed_from_step is None
    assert 0 < report.losses["training"] < 1


def test_it_serves_as_reranker_and_as_stance_model_with_the_logits_of_sentence_transformers(trained):
    from sentence_transformers import CrossEncoder

    output, _ = trained
    texts = [(pair.claim, pair.text) for pair in PAIRS]
    theirs = CrossEncoder(str(output), device="cpu").predict(texts)
    assert theirs.shape == (len(PAIRS), 4)
    reranker, stance = load_reranker(str(output), EXACT), load_stance(str(output), EXACT)
    np.testing.assert_allclose(reranker.score(texts).logits, theirs[:, 0], rtol=0.01, atol=0.02)
    np.testing.assert_allclose(stance.stance_logits(texts).logits, theirs[:, 1:], rtol=0.01, atol=0.02)
    both = load_pair_models(str(output), str(output), EXACT)
    assert both[0] is both[1]
    np.testing.assert_array_equal(both[0].score(texts).logits, reranker.score(texts).logits)
    assert (stance.max_length, CrossEncoder(str(output), device="cpu").max_seq_length) == (32, 32)


def test_both_tasks_are_learned_from_different_pairs(trained):
    model = load_stance(str(trained[0]), EXACT)
    found = model.classify([(pair.claim, pair.text) for pair in STANCE_PAIRS]).probabilities.argmax(axis=1)
    assert [STANCES[number] for number in found] == [pair.stance for pair in STANCE_PAIRS]
    logits = model.score([(pair.claim, pair.text) for pair in RELEVANCE_PAIRS]).logits
    assert ((logits > 0) == [pair.relevance == 1 for pair in RELEVANCE_PAIRS]).all()


def test_a_teacher_alone_teaches_both_heads(tiny_model_dir, tmp_path):
    logits = {
        "SUPPORTS": (2.0, 4.0, -2.0, -2.0),
        "REFUTES": (2.0, -2.0, 4.0, -2.0),
        "NOT_ENOUGH_INFO": (-2.0, -2.0, -2.0, 4.0),
    }
    taught = [TaughtPair(pair.claim, pair.text, teacher=logits[pair.stance]) for pair in STANCE_PAIRS]
    report = train_two_heads(run_of(tiny_model_dir, tmp_path / "m", replace(LEARNING, epochs=25)), taught)
    assert (report.n_with_relevance, report.n_with_stance, report.n_with_teacher) == (0, 0, 12)
    model = load_stance(str(tmp_path / "m"), EXACT)
    texts = [(pair.claim, pair.text) for pair in taught]
    assert [STANCES[number] for number in model.classify(texts).probabilities.argmax(axis=1)] == [
        pair.stance for pair in STANCE_PAIRS
    ]
    assert ((model.score(texts).logits > 0) == [pair.teacher[0] > 0 for pair in taught]).all()


def four_labels(source, folder, labels):
    """Return a copy of a model with three labels that has a fourth output under these names."""
    from safetensors.numpy import load_file, save_file

    with_labels(source, folder, labels)
    arrays = load_file(folder / "model.safetensors")
    for name in ("classifier.weight", "classifier.bias"):
        arrays[name] = np.concatenate([arrays[name], arrays[name][:1] + np.float32(1)])
    save_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def head_and_body(model):
    arrays = {name: tensor.detach().numpy() for name, tensor in model.model.state_dict().items()}
    return arrays["classifier.weight"], {name: each for name, each in arrays.items() if "classifier" not in name}


def test_a_head_with_our_labels_is_kept_without_a_word(tiny_nli_dir, tmp_path):
    folder = four_labels(tiny_nli_dir, tmp_path / "base", HEADS)
    base = load_base_model(str(folder), RECIPE, "cpu")
    assert base.notice is None
    np.testing.assert_array_equal(head_and_body(base.model)[0], weights(folder)["classifier.weight"])


@pytest.mark.parametrize("labels", [("a", "b", "c", "d"), (*STANCES, "RELEVANT")])
def test_a_head_with_four_other_labels_is_drawn_anew_by_seed(tiny_nli_dir, tmp_path, labels):
    folder = four_labels(tiny_nli_dir, tmp_path / "base", labels)
    first, again, other = (load_base_model(str(folder), replace(RECIPE, seed=seed), "cpu") for seed in (1, 1, 2))
    assert first.notice == f"base model: its head ({', '.join(labels)}) is replaced by a new one with both heads"
    assert first.model.model.config.id2label == dict(enumerate(HEADS))
    heads = [head_and_body(base.model)[0] for base in (first, again, other)]
    np.testing.assert_array_equal(heads[0], heads[1])
    for before in (weights(folder)["classifier.weight"], heads[2]):
        assert abs(heads[0] - before).max() > 0.01
    for name, array in head_and_body(first.model)[1].items():
        np.testing.assert_array_equal(array, weights(folder)[name])


def test_a_head_of_another_size_is_replaced_and_a_missing_one_made(tiny_model_dir, tiny_reranker_dir, tiny_nli_dir):
    for folder, labels in (
        (tiny_model_dir, None),
        (tiny_reranker_dir, "LABEL_0"),
        (tiny_nli_dir, "contradiction, entailment, neutral"),
    ):
        first, other = (load_base_model(str(folder), replace(RECIPE, seed=seed), "cpu") for seed in (1, 2))
        wanted = labels and f"base model: its head ({labels}) is replaced by a new one with both heads"
        assert first.notice == wanted
        head, body = head_and_body(first.model)
        assert head.shape == (4, 32)
        assert abs(head - head_and_body(other.model)[0]).max() > 0.01
        prefix = "bert." if labels is None else ""
        for name, array in weights(folder).items():
            if "classifier" not in name and "pooler" not in name:
                np.testing.assert_array_equal(body[f"{prefix}{name}"], array)


TAUGHT = TaughtPair("sea", "ice", teacher=(1.0, 2.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "nothing to learn relevance from: 0 pairs, 0 of them relevant; both kinds are needed"),
        (STANCE_PAIRS, "nothing to learn relevance from: 0 pairs, 0 of them relevant"),
        (
            [*STANCE_PAIRS, *RELEVANCE_PAIRS[::2]],
            "nothing to learn relevance from: 4 pairs, 4 of them relevant; both kinds are needed",
        ),
        (RELEVANCE_PAIRS, "nothing to learn stance from: 0 SUPPORTS, 0 REFUTES, 0 NOT_ENOUGH_INFO; all three are"),
        (
            [pair for pair in PAIRS if pair.stance != "REFUTES"],
            "nothing to learn stance from: 4 SUPPORTS, 0 REFUTES, 4 NOT_ENOUGH_INFO; all three are needed",
        ),
        # A teacher that says the same of every pair teaches no more than such labels.
        ([TAUGHT], "nothing to learn relevance from: 1 pairs, 1 of them relevant"),
        (
            [TAUGHT, TAUGHT._replace(teacher=(-1.0, 2.0, 0.0, 0.0))],
            "nothing to learn stance from: 2 SUPPORTS, 0 REFUTES, 0 NOT_ENOUGH_INFO",
        ),
        # A label counts before the teacher's word.
        (
            [TAUGHT._replace(relevance=0.0), TAUGHT._replace(relevance=0.0, stance="REFUTES")],
            "nothing to learn relevance from: 2 pairs, 0 of them relevant",
        ),
    ],
)
def test_each_head_needs_pairs_of_every_kind(pairs, message, tiny_model_dir, tmp_path):
    with pytest.raises(InputError) as caught:
        train_two_heads(run_of(tiny_model_dir, tmp_path / "m", RECIPE), pairs)
    assert str(caught.value).startswith(message)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"validation_share": 0}, r"validation_share must lie in \(0, 1\), not 0: the held-out claims fit"),
        ({"teacher_share": 1.1}, r"teacher_share must lie in \[0, 1\], not 1.1"),
        ({"relevance_weight": 0}, "relevance_weight must be above 0, not 0"),
        ({"training_length": 0}, "training_length must be at least 1, not 0"),
        ({"training_length": 65, "max_length": 64}, r"training_length must be at most max_length \(64\), not 65"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        TwoHeadRecipe(**settings)
