"""Base models: their names, their names in cards, and those refused because they could not be served."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from claimhound.data.bundled import BUNDLED_MODELS
from claimhound.data.errors import ModelError
from claimhound.pipeline.model_folders.finding import BASE_ENCODER_NAME, find_model_dir
from claimhound.pipeline.training.base_models import draw_head, find_base_model, load_cross_encoder
from claimhound.pipeline.training.encoder.training import load_base_encoder


def test_names_stand_for_bundled_models_and_the_base_of_all(tiny_model_dir):
    bundled = BUNDLED_MODELS["encoder"].folder, "claimhound-encoder@1"
    assert find_base_model(None) == find_base_model("bundled") == bundled
    for name in ("claimhound-cross-encoder", "claimhound-cross-encoder@1"):
        assert find_base_model(name) == (BUNDLED_MODELS["reranker"].folder, "claimhound-cross-encoder@1")
    assert find_base_model(BASE_ENCODER_NAME) == (find_model_dir("encoder", BASE_ENCODER_NAME), BASE_ENCODER_NAME)
    # A card does not reveal where on a machine a folder was.
    assert find_base_model(str(tiny_model_dir)) == (tiny_model_dir, tiny_model_dir.name)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match="not a model folder"):
        find_base_model(str(tmp_path))


def load_reranker_base(folder):
    return load_cross_encoder(str(folder), 1, max_length=32, seed=1, device="cpu")


def load_stance_base(folder):
    return load_cross_encoder(str(folder), 3, max_length=32, seed=1, device="cpu")


def load_encoder_base(folder):
    return load_base_encoder(str(folder), "cpu")


EVERY_TRAINING = pytest.mark.parametrize("load", [load_reranker_base, load_stance_base, load_encoder_base])
CROSS_ENCODERS = pytest.mark.parametrize("load", [load_reranker_base, load_stance_base])


def save_decoder(folder, tiny_model_dir, kind):
    """Save a two-layer Qwen3 with the tiny BERT's tokenizer."""
    import transformers

    folder.mkdir()
    for path in tiny_model_dir.glob("*token*"):
        shutil.copy(path, folder)
    config = transformers.Qwen3Config(
        vocab_size=300, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, head_dim=16,
        intermediate_size=64, num_labels=1, pad_token_id=0, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    getattr(transformers, kind)(config).save_pretrained(folder)
    return folder


def edited(source, folder, name, **values):
    """Copy a model with other values in one of its JSON files."""
    shutil.copytree(source, folder)
    path = folder / name
    path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | values))
    return folder


@EVERY_TRAINING
def test_a_causal_language_model_is_refused_by_name(load, tiny_model_dir, tmp_path):
    folder = save_decoder(tmp_path / "causal", tiny_model_dir, "Qwen3ForCausalLM")
    with pytest.raises(ModelError) as caught:
        load(folder)
    assert str(caught.value) == (
        f"{folder}: is a causal language model (Qwen3ForCausalLM); start from a bi-encoder or a cross-encoder"
    )


@CROSS_ENCODERS
@pytest.mark.parametrize("kind", ["Qwen3ForSequenceClassification", "Qwen3Model"])
def test_a_cross_encoder_does_not_start_from_a_decoder(load, kind, tiny_model_dir, tmp_path):
    folder = save_decoder(tmp_path / "decoder", tiny_model_dir, kind)
    with pytest.raises(
        ModelError, match=r"is a decoder \(qwen3\), which classifies by its last token and cannot be served"
    ):
        load(folder)


@EVERY_TRAINING
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("config.json", {"auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}, "model_type": "own"}),
        # Transformers knows this one without its code; it is refused too.
        ("config.json", {"auto_map": {"AutoModel": "own.Model"}}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["own.Tokenizer", None]}}),
    ],
)
def test_code_that_comes_with_a_model_is_refused_and_never_runs(load, name, values, tiny_model_dir, tmp_path):
    folder = edited(tiny_model_dir, tmp_path / "model", name, **values)
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    with pytest.raises(
        ModelError, match=rf"needs its own code \(auto_map in {name}\), which is never run for a base model$"
    ):
        load(folder)
    assert not (tmp_path / "ran").exists()


@EVERY_TRAINING
def test_modules_of_another_package_are_refused_and_never_run(load, tiny_model_dir, tmp_path):
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    (folder / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": "own.Transformer"}]))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    with pytest.raises(ModelError, match=r"needs its own code \(own.Transformer in modules.json\)"):
        load(folder)
    assert not (tmp_path / "ran").exists()


def test_a_body_that_does_not_fit_its_config_is_refused_in_one_line(tiny_nli_dir, tiny_model_dir, tmp_path):
    folder = edited(tiny_model_dir, tmp_path / "model", "config.json", intermediate_size=96)
    with pytest.raises(ModelError, match="cannot be loaded as a base model") as caught:
        load_reranker_base(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("n_labels", [1, 3])
def test_a_head_of_the_same_width_is_kept_and_another_is_replaced_by_seed(n_labels, tiny_nli_dir, tiny_reranker_dir):
    from safetensors.numpy import load_file

    same, other = (tiny_reranker_dir, tiny_nli_dir) if n_labels == 1 else (tiny_nli_dir, tiny_reranker_dir)
    kept = load_cross_encoder(str(same), n_labels, max_length=32, seed=1, device="cpu")
    assert not kept.head_is_new
    for name, weight in kept.model.model.state_dict().items():
        np.testing.assert_array_equal(weight, load_file(same / "model.safetensors")[name])
    drawn = [load_cross_encoder(str(other), n_labels, max_length=32, seed=seed, device="cpu") for seed in (1, 1, 2)]
    assert drawn[0].head_is_new
    first, again, another = (base.model.model.state_dict() for base in drawn)
    assert first["classifier.weight"].shape == (n_labels, 32)
    np.testing.assert_array_equal(first["classifier.weight"], again["classifier.weight"])
    assert not np.array_equal(first["classifier.weight"], another["classifier.weight"])
    for name, weight in load_file(other / "model.safetensors").items():
        if not name.startswith("classifier."):
            np.testing.assert_array_equal(first[name], weight)


def test_a_head_is_recognised_by_its_labels_if_no_architecture_is_named(tiny_nli_dir, tiny_model_dir, tmp_path):
    nli = edited(tiny_nli_dir, tmp_path / "nli", "config.json", architectures=None)
    assert load_stance_base(nli).labels_before == ("contradiction", "entailment", "neutral")
    body = edited(tiny_model_dir, tmp_path / "body", "config.json", architectures=None)
    assert load_stance_base(body).labels_before == ()


def test_the_base_model_s_prompts_and_activation_are_dropped_because_they_are_not_served(tiny_reranker_dir, tmp_path):
    import torch
    from sentence_transformers import CrossEncoder

    base = CrossEncoder(
        str(tiny_reranker_dir), device="cpu", prompts={"query": "find: "}, default_prompt_name="query",
        activation_fn=torch.nn.Identity(),
    )  # fmt: skip
    base.save_pretrained(str(tmp_path / "base"), create_model_card=False)
    load_reranker_base(tmp_path / "base").model.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    saved = CrossEncoder(str(tmp_path / "saved"), device="cpu")
    assert (saved.default_prompt_name, isinstance(saved.activation_fn, torch.nn.Sigmoid)) == (None, True)
    assert not any(saved.prompts.values())


def test_only_the_head_is_drawn_anew_and_one_that_cannot_be_told_from_the_body_is_an_error():
    import torch

    class Classifier(torch.nn.Module):
        base_model_prefix = "body"
        config = None

        def __init__(self, *heads):
            super().__init__()
            self.body = torch.nn.Sequential(torch.nn.Linear(2, 4))
            for name in heads:
                self.add_module(name, torch.nn.Linear(4, 4))

    model = Classifier("head")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    draw_head(model, 4, seed=1)
    after = model.state_dict()
    assert [name for name in before if not torch.equal(before[name], after[name])] == ["head.weight", "head.bias"]
    assert not after["head.bias"].any()
    for heads in ((), ("head", "other")):
        with pytest.raises(ModelError, match=r"the base model's head \(Classifier\) cannot be told from its body"):
            draw_head(Classifier(*heads), 4, seed=1)
