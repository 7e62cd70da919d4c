"""Encoders: what sentence-transformers gives for one text at a time, faster, and the same in any company."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from claimhound.data.bundled import sample_dir
from claimhound.data.errors import ModelError
from claimhound.data.readers.claims import read_claims
from claimhound.data.readers.documents import read_documents
from claimhound.pipeline.model_folders.batching import TokenizedText
from claimhound.pipeline.model_folders.finding import BUNDLED, find_model_dir
from claimhound.pipeline.model_folders.tokenization import TextTokenizer
from claimhound.pipeline.models.encoders import TransformerEncoder, encoder_identity, load_encoder
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.torch_runtime import TorchRuntime

WORDS = ("the", "sea", "level", "rises", "ice", "melts", "ocean", "is", "warm")
TEXTS = [
    "Sea level rises.",
    "the ocean is warm",
    "vaccines cause no autism, the study shows",
    "ice",
    "measles is a virus " * 30,
    "the 1969 moon landing by rocket",
    "日本 not in the words",
    "carbon dioxide emissions by humans are 100 per cent more than by volcanoes",
]


@pytest.fixture(scope="module")
def sentence_transformer(tiny_model_dir):
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(tiny_model_dir), device="cpu")


@pytest.fixture(scope="module")
def one_at_a_time(sentence_transformer):
    return np.stack([sentence_transformer.encode(text, normalize_embeddings=True) for text in TEXTS])


@pytest.fixture(scope="module")
def torch_encoder(tiny_model_dir, tiny_encoder):
    runtime = TorchRuntime.load(tiny_model_dir, "encoder", "cpu")
    return TransformerEncoder(TextTokenizer(tiny_model_dir, 64), runtime, tiny_encoder.identity)


def test_torch_gives_sentence_transformers_vectors(torch_encoder, one_at_a_time):
    assert torch_encoder.runtime_name == "torch float32 on cpu"
    np.testing.assert_allclose(torch_encoder.encode(TEXTS), one_at_a_time, atol=1e-5)


def test_what_serves_is_near_sentence_transformers(tiny_encoder, one_at_a_time):
    # Measured: .99998 with the own vector, .946 with the nearest other.
    cosines = tiny_encoder.encode(TEXTS) @ one_at_a_time.T
    assert np.diag(cosines).min() > 0.999
    assert (cosines - np.eye(len(TEXTS))).max() < 0.97
    assert tiny_encoder.runtime_name.startswith("OpenVINO ")


@pytest.mark.parametrize("name", ["tiny_encoder", "torch_encoder"])
def test_a_text_has_the_same_vector_alone_and_among_many(name, request):
    encoder = request.getfixturevalue(name)
    together = encoder.encode([*TEXTS, *(f"{text} by {n}" for n in range(50) for text in TEXTS), *TEXTS[::-1]])
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    if name == "tiny_encoder":
        assert np.array_equal(together[: len(TEXTS)], alone)
        assert np.array_equal(together[-len(TEXTS) :][::-1], alone)
    else:
        np.testing.assert_allclose(together[: len(TEXTS)], alone, atol=1e-6)


def test_vectors_do_not_depend_on_the_number_of_threads(tiny_model_dir, tiny_encoder):
    one = load_encoder(str(tiny_model_dir), Compute("cpu", n_threads=1))
    assert np.array_equal(one.encode(TEXTS), tiny_encoder.encode(TEXTS))


def test_vectors_are_unit_float32_and_blank_texts_have_none(tiny_encoder):
    vectors = tiny_encoder.encode(["sea", "", " \n\t", "ice"])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0, 0, 1], atol=1e-6)
    assert tiny_encoder.encode([]).shape == (0, 32)
    assert tiny_encoder.encode([""]).shape == (1, 32)


def test_a_long_text_counts_as_far_as_the_model_reads(tiny_encoder):
    begin = "ice " * 62
    first, second = tiny_encoder.encode([begin + "sea level rises", begin + "a volcano"])
    assert np.array_equal(first, second)


def test_the_identity_names_weights_pooling_length_and_dimension(tiny_encoder, tiny_model_dir):
    identity = tiny_encoder.identity
    assert (identity.name, identity.pooling, identity.max_length, identity.dim) == (str(tiny_model_dir), "mean", 64, 32)
    assert len(identity.weights_sha256) == 64


@pytest.fixture
def saved(sentence_transformer, tmp_path):
    """A folder as sentence-transformers saves it, to be changed."""
    folder = tmp_path / "saved"
    sentence_transformer.save(str(folder))
    return folder


def change(path: Path, **settings: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def test_maximum_length_is_what_sentence_transformers_reads(saved):
    from sentence_transformers import SentenceTransformer

    # Version 6 writes it beside the tokenizer, earlier ones into a file of its own, which comes first.
    change(saved / "tokenizer_config.json", model_max_length=24)
    assert encoder_identity(str(saved)).max_length == SentenceTransformer(str(saved), device="cpu").max_seq_length == 24
    change(saved / "sentence_bert_config.json", max_seq_length=16)
    assert encoder_identity(str(saved)).max_length == 16


def test_first_token_pooling_is_sentence_transformers_own(saved):
    from sentence_transformers import SentenceTransformer

    change(saved / "1_Pooling" / "config.json", pooling_mode="cls")
    encoder = load_encoder(str(saved), Compute("cpu"))
    assert encoder.identity.pooling == "cls"
    expected = SentenceTransformer(str(saved), device="cpu").encode(TEXTS, normalize_embeddings=True)
    assert (encoder.encode(TEXTS) * expected).sum(axis=1).min() > 0.99


def test_prompts_go_before_claims_and_documents(saved):
    change(saved / "config_sentence_transformers.json", prompts={"query": "sea ", "passage": "ice "})
    encoder = load_encoder(str(saved), Compute("cpu", precision="f32"))
    plain = encoder.encode(["level"])
    change(saved / "config_sentence_transformers.json", prompts={})
    bare = load_encoder(str(saved), Compute("cpu", precision="f32"))
    assert np.array_equal(encoder.encode(["level"], as_query=True), bare.encode(["sea level"]))
    assert np.array_equal(plain, bare.encode(["ice level"]))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"pooling_mode": "max"}, "it pools by max"),
        (
            {"pooling_mode": None, "pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True},
            "it pools by max_tokens and mean_tokens",
        ),
        ({"pooling_mode": "mean", "include_prompt": False}, "it pools without the prompt"),
    ],
)
def test_other_pooling_is_computed_by_the_library_which_is_said_once(saved, settings, reason):
    from sentence_transformers import SentenceTransformer

    pooling = json.loads((saved / "1_Pooling" / "config.json").read_text()) | settings
    kept = {name: value for name, value in pooling.items() if value is not None}
    (saved / "1_Pooling" / "config.json").write_text(json.dumps(kept))
    change(saved / "config_sentence_transformers.json", prompts={"query": "sea ", "document": ""})
    said: list[str] = []
    encoder = load_encoder(str(saved), Compute("cpu", notify=said.append))
    assert said == [f"the encoder runs through sentence-transformers, which is slower ({reason})"]
    oracle = SentenceTransformer(str(saved), device="cpu")
    expected = np.stack([oracle.encode_query(text, normalize_embeddings=True) for text in TEXTS])
    np.testing.assert_allclose(encoder.encode(TEXTS, as_query=True), expected, atol=1e-6)


def test_broken_settings_are_refused(saved):
    for broken in ("{", "[1]", "7"):
        (saved / "modules.json").write_text(broken)
        with pytest.raises(ModelError, match=r"modules\.json: is n"):
            encoder_identity(str(saved))


class NanRuntime:
    name = "broken"
    prefers_longest_first = False

    def run(self, batches, receive):
        for batch in batches:
            receive(batch, np.full((*batch.input_ids.shape, 32), np.nan, dtype=np.float32))


def test_vectors_that_are_no_numbers_are_an_error(tiny_model_dir, tiny_encoder):
    encoder = TransformerEncoder(TextTokenizer(tiny_model_dir, 64), NanRuntime(), tiny_encoder.identity)
    with pytest.raises(ModelError, match="gives NaN"):
        encoder.encode(["sea"])


@pytest.fixture(scope="module")
def roberta_dir(tmp_path_factory):
    """A tiny RoBERTa: no token types, padding id 1, and two of its 34 positions never used."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

    folder = tmp_path_factory.mktemp("models") / "tiny-roberta"
    vocab = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", *WORDS]
    backend = BertWordPieceTokenizer(vocab={word: number for number, word in enumerate(vocab)}, lowercase=True)
    names = {"cls_token": "[CLS]", "pad_token": "[PAD]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    PreTrainedTokenizerFast(tokenizer_object=backend._tokenizer, **names).save_pretrained(folder)
    config = RobertaConfig(
        vocab_size=len(vocab),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=34,
        type_vocab_size=1,
        pad_token_id=1,
    )
    torch.manual_seed(4)
    RobertaModel(config).eval().save_pretrained(folder)
    return folder


def test_a_model_without_token_types_reads_as_many_tokens_as_it_has_positions(roberta_dir):
    from sentence_transformers import SentenceTransformer

    encoder = load_encoder(str(roberta_dir), Compute("cpu"))
    assert encoder.identity.max_length == 32
    texts = ["the sea", "ice melts " * 40, "the ocean is warm"]
    oracle = SentenceTransformer(str(roberta_dir), device="cpu")
    oracle.max_seq_length = 32
    expected = np.stack([oracle.encode(text, normalize_embeddings=True) for text in texts])
    assert (encoder.encode(texts) * expected).sum(axis=1).min() > 0.99
    exact = TransformerEncoder(
        TextTokenizer(roberta_dir, 32), TorchRuntime.load(roberta_dir, "encoder", "cpu"), encoder.identity
    )
    np.testing.assert_allclose(exact.encode(texts), expected, atol=1e-5)


def test_a_tokenizer_that_adds_nothing_may_give_no_token(tiny_model_dir, tiny_encoder):
    class NoTokens:
        def tokenize(self, texts):
            return [TokenizedText([], [], False) for _ in texts]

    runtime = TorchRuntime.load(tiny_model_dir, "encoder", "cpu")
    assert np.isfinite(TransformerEncoder(NoTokens(), runtime, tiny_encoder.identity).encode(["x"])).all()


@pytest.mark.slow
def test_the_bundled_encoder_is_near_its_float32_self():
    from sentence_transformers import SentenceTransformer

    texts = [document.text for document in read_documents([str(sample_dir() / "evidence.jsonl")])][::4]
    texts += [claim.text for claim in read_claims(str(sample_dir() / "claims.jsonl"))]
    plain = SentenceTransformer(str(find_model_dir("encoder", BUNDLED)), device="cpu")
    expected = np.stack([plain.encode(text, normalize_embeddings=True) for text in texts])
    cosines = (load_encoder(BUNDLED, Compute("cpu")).encode(texts) * expected).sum(axis=1)
    # What is served agrees by as much; int8 gives .998 and .993, bfloat16 1.000 and 1.000.
    assert cosines.mean() > 0.995
    assert cosines.min() > 0.98
