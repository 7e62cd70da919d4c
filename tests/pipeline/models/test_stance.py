"""Stance models: the logits of CrossEncoder for one pair at a time, in our order of labels."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from labelled_models import with_labels
from pipeline_fakes import NanRuntime

from claimhound.data.errors import ModelError
from claimhound.data.labelled_sets.stances import STANCES
from claimhound.pipeline.model_folders.tokenization import TextTokenizer
from claimhound.pipeline.models.cross_encoders import CrossEncoderModel, StanceHead, load_stance, read_stance_labels
from claimhound.pipeline.models.pair_readers import TokenPairReader
from claimhound.pipeline.models.temperature import save_temperature, softmax
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.torch_runtime import TorchRuntime

EVIDENCE = ["the ocean rises by 3 millimetres a year", "vaccines cause no autism", "prices rise", "data shows " * 60]
PAIRS = [(claim, text) for claim in ("sea level rises", "vaccines are not the cause of measles") for text in EVIDENCE]


@pytest.fixture(scope="module")
def lively_dir(tiny_stance_dir, tmp_path_factory):
    """The tiny model with larger weights: its own logits are almost equal, and would hide any mistake."""
    from safetensors.numpy import load_file, save_file

    folder = shutil.copytree(tiny_stance_dir, tmp_path_factory.mktemp("models") / "lively")
    weights = load_file(folder / "model.safetensors")
    larger = {name: value * np.float32(8) if value.ndim == 2 else value for name, value in weights.items()}
    save_file(larger, folder / "model.safetensors", metadata={"format": "pt"})
    save_temperature(1.5, folder)
    return folder


@pytest.fixture(scope="module")
def model(lively_dir):
    return load_stance(str(lively_dir), Compute("cpu"))


def test_probabilities_are_cross_encoders_in_our_order_at_the_temperature_of_the_folder(model, lively_dir):
    import torch
    from sentence_transformers import CrossEncoder

    oracle = CrossEncoder(str(lively_dir), device="cpu")
    logits = np.array([oracle.predict([pair], activation_fn=torch.nn.Identity())[0] for pair in PAIRS])
    # The folder's order is REFUTES, NOT_ENOUGH_INFO, SUPPORTS.
    powers = np.exp(logits[:, [2, 0, 1]] / 1.5)
    expected = powers / powers.sum(axis=1, keepdims=True)
    found = model.classify(PAIRS).probabilities
    # The served precision against float32.
    assert abs(found - expected).max() < 0.15
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.95
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert model.runtime_name.startswith("OpenVINO ")


def test_a_pair_gets_the_same_alone_in_a_batch_and_twice(model):
    together = model.classify([*PAIRS, *PAIRS]).probabilities
    alone = np.concatenate([model.classify([pair]).probabilities for pair in PAIRS])
    assert np.array_equal(together[: len(PAIRS)], alone)
    assert np.array_equal(together[len(PAIRS) :], alone)


def test_cut_pairs_are_flagged_and_without_pairs_there_are_no_scores(model):
    assert model.classify(PAIRS).truncated.tolist() == [text == EVIDENCE[-1] for _, text in PAIRS]
    none = model.classify([])
    assert (none.probabilities.shape, none.truncated.shape) == ((0, 3), (0,))


def test_any_order_of_the_labels_gives_the_same(model, lively_dir, tmp_path):
    from safetensors.numpy import load_file, save_file

    folder = shutil.copytree(lively_dir, tmp_path / "turned")
    weights = load_file(folder / "model.safetensors")
    for name in ("classifier.weight", "classifier.bias"):
        weights[name] = np.ascontiguousarray(weights[name][[2, 0, 1]])
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {str(number): stance for number, stance in enumerate(STANCES)}
    (folder / "config.json").write_text(json.dumps(config))
    found = load_stance(str(folder), Compute("cpu")).classify(PAIRS).probabilities
    # Converted again, so equal within int8's steps; swapped labels would be far off.
    np.testing.assert_allclose(found, model.classify(PAIRS).probabilities, atol=0.02)


def oracle_logits(folder, pairs):
    """Return the library's logits, one pair at a time, in the order of the model's outputs."""
    import torch
    from sentence_transformers import CrossEncoder

    oracle = CrossEncoder(str(folder), device="cpu")
    return np.array([oracle.predict([pair], activation_fn=torch.nn.Identity())[0] for pair in pairs])


@pytest.mark.parametrize(
    ("labels", "given", "columns", "evidence_first"),
    [
        (["contradiction", "entailment", "neutral"], None, [1, 0, 2], True),
        (["ENTAILMENT", "NEUTRAL", "CONTRADICTION"], None, [0, 2, 1], True),
        (["NOT ENOUGH INFO", "SUPPORTS", "REFUTES"], None, [1, 2, 0], False),
        (["LABEL_0", "LABEL_1", "LABEL_2"], ("neutral", "contradiction", "entailment"), [2, 1, 0], True),
        (["contradiction", "entailment", "neutral"], ("REFUTES", "SUPPORTS", "NEI"), [1, 0, 2], False),
    ],
)
def test_logits_are_the_library_s_for_the_pair_in_the_model_s_order(
    tiny_nli_dir, tmp_path, labels, given, columns, evidence_first
):
    folder = with_labels(tiny_nli_dir, tmp_path / "model", labels)
    reader = TokenPairReader(TextTokenizer(folder, 64), TorchRuntime.load(folder, "cross-encoder", "cpu"), 3)
    read = read_stance_labels(folder, given)
    found, truncated = CrossEncoderModel("m", "0" * 64, reader, stance=StanceHead(read)).stance_logits(PAIRS)
    turned = [(text, claim) for claim, text in PAIRS]
    right, wrong = (turned, PAIRS) if evidence_first else (PAIRS, turned)
    np.testing.assert_allclose(found, oracle_logits(folder, right)[:, columns], atol=1e-4)
    assert abs(found - oracle_logits(folder, wrong)[:, columns]).max() > 0.2
    assert truncated.tolist() == [text == EVIDENCE[-1] for _, text in PAIRS]


def test_an_inference_model_gets_pairs_in_its_order_with_one_message(tiny_nli_dir):
    said = []
    model = load_stance(str(tiny_nli_dir), Compute("cpu", notify=said.append))
    logits = oracle_logits(tiny_nli_dir, [(text, claim) for claim, text in PAIRS])[:, [1, 0, 2]]
    found = model.classify(PAIRS).probabilities
    # Int8 against float32.
    assert np.corrcoef(found.ravel(), softmax(logits.astype(np.float64), 1.0).ravel())[0, 1] > 0.95
    assert said[-1:] == [
        f"stance model {tiny_nli_dir}: contradiction is REFUTES, entailment is SUPPORTS, neutral is NOT_ENOUGH_INFO; "
        "reads the evidence, then the claim"
    ]
    assert not any("stance model" in line for line in said[:-1])


def test_our_own_labels_in_any_order_need_no_message(model, lively_dir):
    said = []
    load_stance(str(lively_dir), Compute("cpu", notify=said.append))
    assert said == []


def test_other_labels_and_models_without_a_head_are_rejected_by_name(
    tiny_nli_dir, tiny_reranker_dir, tiny_model_dir, tmp_path
):
    nameless = with_labels(tiny_nli_dir, tmp_path / "nameless", ["LABEL_0", "LABEL_1", "LABEL_2"])
    with pytest.raises(ModelError, match=f"^{nameless}: its labels are LABEL_0, LABEL_1, LABEL_2, which say nothing"):
        load_stance(str(nameless), Compute("cpu"))
    two = with_labels(tiny_nli_dir, tmp_path / "two", ["entailment", "not_entailment"])
    with pytest.raises(ModelError, match=f"^{two}: distinguishes only entailment from the rest"):
        load_stance(str(two), Compute("cpu"))
    with pytest.raises(ModelError, match="its labels are LABEL_0; a stance model has"):
        load_stance(str(tiny_reranker_dir), Compute("cpu"))
    # transformers would initialize a head at random.
    with pytest.raises(ModelError, match=r"has no classification head \(BertModel\)"):
        load_stance(str(tiny_model_dir), Compute("cpu"), labels=("contradiction", "entailment", "neutral"))


def test_nan_logits_are_an_error(tiny_stance_dir):
    reader = TokenPairReader(TextTokenizer(tiny_stance_dir, 64), NanRuntime(3), 3)
    model = CrossEncoderModel("tiny", "0" * 64, reader, stance=StanceHead())
    with pytest.raises(ModelError, match="tiny: gives NaN"):
        model.classify([("sea", "ice")])
