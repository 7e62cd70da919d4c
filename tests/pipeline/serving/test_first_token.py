"""Computing only the first token in the last layer leaves the logits unchanged."""

from __future__ import annotations

import copy

import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from claimhound.pipeline.serving.first_token import ShortLastLayer, reads_first_token_alone

pytestmark = pytest.mark.usefixtures("one_thread")

SIZES = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "attn_implementation": "eager",
}


def bert(**settings):
    """A BERT classifier with weights large enough for attention to strongly prefer some tokens."""
    torch.manual_seed(7)
    model = BertForSequenceClassification(BertConfig(**SIZES | settings)).eval()
    for parameter in model.parameters():
        if parameter.ndim == 2:
            parameter.data *= 10
    return model


def pairs(n_tokens, *, n_rows=5):
    """Random tokens in rows of different lengths padded to `n_tokens`, each row a pair of texts."""
    generator = torch.Generator().manual_seed(n_tokens)
    lengths = torch.linspace(n_tokens, max(1, n_tokens // 3), n_rows).long()
    places = torch.arange(n_tokens)
    return {
        "input_ids": torch.randint(50, (n_rows, n_tokens), generator=generator),
        "attention_mask": (places < lengths[:, None]).long(),
        "token_type_ids": (places >= lengths[:, None] // 2).long(),
    }


def logits(model, inputs):
    with torch.inference_mode():
        return model(**inputs).logits


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("n_labels", [1, 2, 3])
@pytest.mark.parametrize("n_layers", [1, 3])
def test_the_logits_equal_those_of_the_whole_layer_with_any_padding(attention, n_labels, n_layers):
    whole = bert(num_labels=n_labels, num_hidden_layers=n_layers, attn_implementation=attention)
    short = ShortLastLayer(copy.deepcopy(whole))
    for n_tokens in (1, 2, 8, 33, 64):
        inputs = pairs(n_tokens)
        expected = logits(whole, inputs)
        assert expected.shape == (5, n_labels)
        for n_computed in {1, (n_tokens + 1) // 2, n_tokens}:
            computed = logits(short, inputs | {"n_tokens": n_computed})
            torch.testing.assert_close(computed, expected, rtol=0, atol=1e-5)
    assert expected.std(dim=0).min() > 0.05  # the rows differ, so a mistake would show


def test_without_a_mask_all_tokens_count():
    whole = bert()
    short = ShortLastLayer(copy.deepcopy(whole))
    inputs = {"input_ids": pairs(16)["input_ids"]}
    torch.testing.assert_close(logits(short, inputs | {"n_tokens": 1}), logits(whole, inputs), rtol=0, atol=1e-5)


def test_only_the_last_layer_computes_the_given_number_of_tokens():
    model = bert()
    short = ShortLastLayer(model)
    seen = []
    for layer in model.bert.encoder.layer:
        layer.intermediate.register_forward_hook(lambda _, inputs, __: seen.append(tuple(inputs[0].shape)))
    for n_tokens in (1, 4):
        logits(short, pairs(16) | {"n_tokens": n_tokens})
    assert seen == [(5, 16, 32), (5, 16, 32), (5, 1, 32), (5, 16, 32), (5, 16, 32), (5, 4, 32)]


def test_a_bert_classifier_is_supported_and_shortened_once():
    model = bert()
    assert reads_first_token_alone(model)
    ShortLastLayer(model)
    assert not reads_first_token_alone(model)


@pytest.mark.parametrize(
    "settings",
    [
        {"attn_implementation": "flex_attention"},
        {"is_decoder": True},
        {"is_decoder": True, "add_cross_attention": True},
        {"chunk_size_feed_forward": 4},
        {"position_embedding_type": "relative_key"},
        {"num_hidden_layers": 0},
    ],
    ids=",".join,
)
def test_a_bert_with_unsupported_settings_is_left_alone(settings):
    assert not reads_first_token_alone(bert(**settings))


def test_other_architectures_are_left_alone():
    class ReadsAll(BertForSequenceClassification):
        pass

    config = BertConfig(**SIZES)
    for model in (
        ReadsAll(config),
        BertModel(config),
        BertForTokenClassification(config),
        RobertaForSequenceClassification(RobertaConfig(**SIZES)),
    ):
        assert not reads_first_token_alone(model)
