"""Tokens are the model's own, truncated where necessary and flagged."""

from __future__ import annotations

import json
import shutil

import pytest

from claimhound.data.errors import ModelError
from claimhound.pipeline.model_folders.finding import BUNDLED, find_model_dir
from claimhound.pipeline.model_folders.tokenization import TextTokenizer


@pytest.fixture(scope="module")
def tokenizer(tiny_model_dir):
    return TextTokenizer(tiny_model_dir, 16)


def test_tokens_equal_those_of_transformers(tiny_model_dir, tokenizer):
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(tiny_model_dir)
    texts = ["Sea level rises.", "the 1969 moon landing, xylophone", "", "日本 ice"]
    assert [text.ids for text in tokenizer.tokenize(texts)] == theirs(texts, truncation=True, max_length=16)[
        "input_ids"
    ]
    pair = ("sea level " * 9, "the ocean is warm")
    (ours,) = tokenizer.tokenize([pair])
    expected = theirs(*pair, truncation="longest_first", max_length=16)
    assert (ours.ids, ours.type_ids) == (expected["input_ids"], expected["token_type_ids"])


@pytest.mark.parametrize(
    ("text", "truncated"),
    [
        ("sea " * 14, False),  # 14 + [CLS] + [SEP] = 16
        ("sea " * 15, True),
        (("sea " * 6, "ice " * 7), False),  # 6 + 7 + 3 = 16
        (("sea " * 7, "ice " * 7), True),
        (("sea", "ice " * 13), True),
        (("sea " * 13, "ice"), True),
        (("", "ice"), False),
    ],
)
def test_truncation_is_reported_and_nothing_exceeds_the_maximum(tokenizer, text, truncated):
    (tokens,) = tokenizer.tokenize([text])
    assert tokens.truncated is truncated
    assert len(tokens.ids) == len(tokens.type_ids) <= 16


def test_padding_and_truncation_settings_in_the_file_are_ignored(tiny_model_dir, tmp_path):
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    settings = json.loads((folder / "tokenizer.json").read_text())
    settings["truncation"] = {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    settings["padding"] = {
        "strategy": {"Fixed": 40},
        "direction": "Left",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    (folder / "tokenizer.json").write_text(json.dumps(settings))
    texts = ["sea level", "the ocean is warm and the ice melts"]
    assert TextTokenizer(folder, 16).tokenize(texts) == TextTokenizer(tiny_model_dir, 16).tokenize(texts)


def test_no_texts_give_no_tokens(tokenizer):
    assert tokenizer.tokenize([]) == []


def test_a_folder_without_a_usable_tokenizer_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
        TextTokenizer(tmp_path, 16)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="not a tokenizer"):
        TextTokenizer(tmp_path, 16)


@pytest.mark.parametrize(
    ("claim", "readable"),
    [
        ("Vaccines cause autism", True),
        ("Impfstoffe verursachen Übelkeit", True),
        ("Café à Paris", True),
        ("β-carotene raises CO₂", True),
        ("Вакцины вызывают аутизм", False),
        ("疫苗导致自闭症", False),
        ("टीके से ऑटिज्म होता है", False),
        ("اللقاحات تسبب التوحد", False),
        ("ワクチンは自閉症を引き起こす", False),
        ("백신은 자폐증을 유발한다", False),
        ("Τα εμβόλια προκαλούν αυτισμό", False),
        ("😀", False),
        ("\u200b", False),
    ],
)
def test_the_bundled_encoder_knows_when_it_cannot_read_a_script(claim, readable):
    tokenizer = TextTokenizer(find_model_dir("encoder", BUNDLED), 256)
    assert (tokenizer.unknown_share(claim) < 0.5) is readable


def test_the_unknown_share_is_counted_in_tokens(tokenizer):
    assert tokenizer.unknown_share("sea level") == 0
    assert tokenizer.unknown_share("sea 日") == 0.5
    assert tokenizer.unknown_share("") == 1
