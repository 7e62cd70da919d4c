"""Published model layouts are read as sentence-transformers reads them, or refused with a reason."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from model_zoo import ENCODERS, LONG, PAIRS, RERANKERS, SENTENCES, as_pickle, bert_encoder, bert_reranker, change

from claimhound.data.errors import ModelError
from claimhound.data.labelled_sets.stances import STANCES
from claimhound.pipeline.model_folders.fingerprints import library_fingerprint, weights_sha256
from claimhound.pipeline.model_folders.layouts import n_positions, read_cross_encoder_layout, read_encoder_layout
from claimhound.pipeline.model_folders.tokenization import TextTokenizer
from claimhound.pipeline.models.cross_encoders import load_reranker, load_stance
from claimhound.pipeline.models.encoders import TransformerEncoder, encoder_identity, load_encoder
from claimhound.pipeline.models.pair_readers import TokenPairReader
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.library_loading import load_library_cross_encoder, load_library_encoder
from claimhound.pipeline.serving.library_models import LibraryCrossEncoder
from claimhound.pipeline.serving.torch_runtime import TorchRuntime

CPU = Compute("cpu")
# The last text is too long for every model here except the static ones.
TEXTS = [*SENTENCES, LONG]


@pytest.fixture(scope="session")
def zoo(tmp_path_factory):
    """Build each kind of model once; a test that changes one takes a copy."""
    top = tmp_path_factory.mktemp("zoo")
    built = {}

    def folder_of(kinds, name):
        key = ("encoder" if kinds is ENCODERS else "reranker", name)
        if key not in built:
            built[key] = kinds[name][1](top / "-".join(key))
        return built[key]

    return folder_of


@pytest.fixture
def encoder_dir(tmp_path):
    return bert_encoder(tmp_path / "encoder", "Normalize")


@pytest.fixture
def reranker_dir(tmp_path):
    return bert_reranker(tmp_path / "reranker")


def encoder_of(folder):
    """The encoder as from `load_encoder`, but on torch where that would convert, as conversions take seconds."""
    layout = read_encoder_layout(folder)
    identity = encoder_identity(str(folder), CPU)
    if not layout.fast:
        return load_library_encoder(folder, identity, CPU)
    runtime = TorchRuntime.load(folder, "encoder", "cpu")
    return TransformerEncoder(TextTokenizer(folder, identity.max_length), runtime, identity)


def reader_of(folder):
    layout = read_cross_encoder_layout(folder)
    if not layout.fast:
        return load_library_cross_encoder(folder, CPU)
    runtime = TorchRuntime.load(folder, "cross-encoder", "cpu")
    return TokenPairReader(TextTokenizer(folder, layout.max_length), runtime, layout.n_labels)


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_agrees_with_the_library(zoo, name):
    from sentence_transformers import SentenceTransformer

    folder = zoo(ENCODERS, name)
    assert read_encoder_layout(folder).fast == ENCODERS[name][0]
    encoder, oracle = encoder_of(folder), SentenceTransformer(str(folder), device="cpu")
    unit = encoder.identity.similarity == "cosine"
    for as_query, prompt in ((True, encoder.identity.query_prompt), (False, encoder.identity.document_prompt)):
        expected = np.stack([oracle.encode(text, prompt=prompt, normalize_embeddings=unit) for text in TEXTS])
        np.testing.assert_allclose(encoder.encode(TEXTS, as_query=as_query), expected, atol=2e-5)
    # The library's own choice of prompts, if it has one.
    expected = np.stack([oracle.encode_query(text, normalize_embeddings=unit) for text in TEXTS])
    if name != "bert-default-prompt":
        np.testing.assert_allclose(encoder.encode(TEXTS, as_query=True), expected, atol=2e-5)


@pytest.mark.parametrize("name", RERANKERS)
def test_a_cross_encoder_agrees_with_the_library(zoo, name):
    import torch
    from sentence_transformers import CrossEncoder

    folder = zoo(RERANKERS, name)
    assert read_cross_encoder_layout(folder).fast == RERANKERS[name][0]
    reader, oracle = reader_of(folder), CrossEncoder(str(folder), device="cpu")
    pairs = [*PAIRS, ("ice melts", LONG * 3)]
    logits, truncated = reader.logits(pairs)
    expected = np.array([oracle.predict([pair], activation_fn=torch.nn.Identity())[0] for pair in pairs])
    np.testing.assert_allclose(logits[:, 0], expected, atol=1e-4)
    assert np.std(expected) > 1e-3
    assert reader.n_labels == oracle.num_labels == 1
    assert reader.max_length == oracle.max_seq_length or name == "xlm-roberta"
    assert truncated.tolist() == [False] * len(PAIRS) + [True]


@pytest.mark.parametrize("name", [name for name, (fast, _) in ENCODERS.items() if not fast])
def test_through_the_library_a_text_s_vector_does_not_depend_on_the_other_texts(zoo, name):
    encoder = encoder_of(zoo(ENCODERS, name))
    together = encoder.encode([*TEXTS[::-1], *TEXTS])
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert np.array_equal(together[len(TEXTS) :], alone)
    assert np.array_equal(together[: len(TEXTS)][::-1], alone)
    assert not encoder.encode(["", " \n"]).any()
    assert encoder.runtime_name == "sentence-transformers on torch float32 on cpu"
    assert encoder.unknown_share("the sea") < 0.5


def test_on_an_accelerator_only_texts_of_equal_length_are_batched(zoo, monkeypatch):
    from sentence_transformers import SentenceTransformer

    folder = zoo(ENCODERS, "bert-max")
    encoder = load_library_encoder(folder, encoder_identity(str(folder), CPU), CPU)
    expected = encoder.encode(TEXTS)
    seen: list[set[int]] = []
    forward = SentenceTransformer.forward

    def watched(self, features, **kwargs):
        seen.append({int(row.sum()) for row in features["attention_mask"]})
        return forward(self, features, **kwargs)

    monkeypatch.setattr(SentenceTransformer, "forward", watched)
    encoder._runner._device = "an accelerator"
    together = encoder.encode([*TEXTS, *TEXTS])
    np.testing.assert_allclose(together, np.concatenate([expected, expected]), atol=1e-6)
    assert all(len(lengths) == 1 for lengths in seen)
    assert len(seen) < len(together)


def test_pairs_keep_their_order_and_a_shorter_length_truncates_more(zoo):
    folder = zoo(RERANKERS, "modules")
    long_pair = ("ice melts", "measles is a virus " * 10)
    whole, short = (load_library_cross_encoder(folder, CPU, length) for length in (None, 16))
    (forth, back), _ = whole.logits([("ice", "the ocean"), ("the ocean", "ice")])
    assert forth != back
    assert (whole.max_length, short.max_length) == (512, 16)
    assert (whole.logits([long_pair])[1][0], short.logits([long_pair])[1][0]) == (False, True)
    assert load_library_cross_encoder(folder, CPU, 4096).max_length == 512


def test_our_own_runtimes_truncate_at_the_given_length(tiny_reranker_dir):
    pair = ("sea level rises", "ice melts " * 15)
    whole, short = (load_reranker(str(tiny_reranker_dir), CPU, max_length=length) for length in (None, 20))
    assert (whole.max_length, short.max_length) == (64, 20)
    assert (bool(whole.score([pair]).truncated[0]), bool(short.score([pair]).truncated[0])) == (False, True)


def test_a_reranker_that_runs_through_the_library_says_so_once(zoo):
    said: list[str] = []
    reranker = load_reranker(str(zoo(RERANKERS, "qwen3-head")), Compute("cpu", notify=said.append))
    assert said == ["the reranker runs through sentence-transformers, which is slower (its architecture is qwen3)"]
    scores = reranker.score([*PAIRS, *PAIRS[:3]])
    assert np.array_equal(scores.logits[:3], scores.logits[-3:])


def test_given_prompts_override_the_folder_s(encoder_dir):
    change(encoder_dir / "config_sentence_transformers.json", prompts={"query": "ask: "})
    own = encoder_identity(str(encoder_dir))
    assert (own.query_prompt, own.document_prompt) == ("ask: ", "")
    given = encoder_identity(str(encoder_dir), query_prompt="", document_prompt="passage: ")
    assert (given.query_prompt, given.document_prompt) == ("", "passage: ")


@pytest.mark.parametrize(
    ("settings", "query", "document"),
    [
        ({}, "", ""),
        ({"prompts": {"query": "q: ", "document": "d: ", "passage": "p: "}}, "q: ", "d: "),
        # The library saves a missing document prompt as an empty one.
        ({"prompts": {"query": "q: ", "document": "", "passage": "p: "}}, "q: ", "p: "),
        ({"prompts": {"query": "q: ", "corpus": "c: "}, "default_prompt_name": "query"}, "q: ", "c: "),
        ({"prompts": {"query": "q: "}, "default_prompt_name": "query"}, "q: ", ""),
        ({"prompts": {"any": "a: "}, "default_prompt_name": "any"}, "a: ", "a: "),
        ({"prompts": {"any": "a: "}}, "", ""),
    ],
)
def test_prompts_are_found_under_several_names(encoder_dir, settings, query, document):
    change(encoder_dir / "config_sentence_transformers.json", **settings)
    layout = read_encoder_layout(encoder_dir)
    assert (layout.query_prompt, layout.document_prompt) == (query, document)


def test_inner_products_matter_only_without_normalization(encoder_dir, tmp_path):
    change(encoder_dir / "config_sentence_transformers.json", similarity_fn_name="dot")
    assert read_encoder_layout(encoder_dir).similarity == "cosine"  # it ends with Normalize
    bare = bert_encoder(tmp_path / "bare", similarity_fn_name="dot")
    assert read_encoder_layout(bare).similarity == "dot"
    change(bare / "config_sentence_transformers.json", similarity_fn_name="euclidean")
    with pytest.raises(ModelError, match="its vectors are compared by euclidean"):
        read_encoder_layout(bare)


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        ({"model_type": "bert", "max_position_embeddings": 512}, 512),
        ({"model_type": "xlm-roberta", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"model_type": "mpnet", "max_position_embeddings": 514}, 512),
        ({"model_type": "xlnet", "max_position_embeddings": -1}, None),
        ({"model_type": "t5"}, None),
    ],
)
def test_positions_that_a_model_can_read(config, positions):
    assert n_positions(config) == positions


def refusals(folder, load):
    with pytest.raises(ModelError) as caught:
        load(str(folder), CPU)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_bi_encoder_is_not_a_reranker_even_with_one_label(zoo, tmp_path):
    for name, head in (("bert", "no classification head"), ("qwen3-last-token", "score.weight")):
        folder = shutil.copytree(zoo(ENCODERS, name), tmp_path / name)
        change(folder / "config.json", id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0})
        assert head in refusals(folder, load_reranker)


def test_a_head_with_another_number_of_labels_is_refused(reranker_dir):
    change(reranker_dir / "config.json", id2label={"0": "no", "1": "yes"}, label2id={"no": 0, "yes": 1})
    assert "has 2 labels, but its classification head has 1" in refusals(reranker_dir, load_reranker)


def test_a_cross_encoder_is_not_an_encoder(zoo):
    assert "is a CrossEncoder; an encoder must be a SentenceTransformer" in refusals(
        zoo(RERANKERS, "bert-saved-again"), load_encoder
    )


def test_an_adapter_without_its_package_is_refused(encoder_dir, reranker_dir):
    for folder, load in ((encoder_dir, load_encoder), (reranker_dir, load_reranker)):
        change(folder / "adapter_config.json", base_model_name_or_path="someone/base", peft_type="LORA")
        assert "is an adapter (adapter_config.json), which needs another package; run: pip install peft" in refusals(
            folder, load
        )


def test_digests_cover_the_weights_and_the_settings_of_all_modules(zoo, tmp_path):
    folder = shutil.copytree(zoo(ENCODERS, "bert-dense"), tmp_path / "dense")
    weights, fingerprint = weights_sha256(folder), library_fingerprint(folder)
    assert weights != weights_sha256(zoo(ENCODERS, "bert"))
    (folder / "README.md").write_text("a note")
    (folder / "blend.json").write_text("{}")
    assert (weights_sha256(folder), library_fingerprint(folder)) == (weights, fingerprint)
    change(folder / "2_Dense" / "config.json", activation_function="torch.nn.modules.linear.Identity")
    assert (weights_sha256(folder), library_fingerprint(folder) == fingerprint) == (weights, False)
    (folder / "2_Dense" / "model.safetensors").write_bytes(b"other")
    assert weights_sha256(folder) != weights


MARKER = "code_ran"
TOUCH = f"__import__('pathlib').Path({MARKER!r}).touch()\n"


class Touch:
    def __reduce__(self):
        return eval, (TOUCH.strip(),)


def _with_auto_map(folder, name="config.json"):
    classes = {"AutoConfig": "foreign.Config", "AutoModel": "foreign.Model", "AutoTokenizer": ["foreign.Tokens", None]}
    change(folder / name, auto_map=classes)
    (folder / "foreign.py").write_text(TOUCH)


def _with_module(folder):
    modules = json.loads((folder / "modules.json").read_text()) if (folder / "modules.json").exists() else []
    modules = modules or [{"idx": 0, "name": "0", "path": "", "type": "x"}]
    modules[0]["type"] = "foreign.Transformer"
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "foreign.py").write_text(TOUCH)


def _with_pickle(folder):
    import torch

    as_pickle(folder)
    torch.save({"weight": Touch()}, folder / "pytorch_model.bin")


def _with_old_pickle(folder):
    import torch

    as_pickle(folder)
    torch.save({"weight": Touch()}, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)


def _with_unsafe_loading(folder):
    change(folder / "sentence_bert_config.json", max_seq_length=64, model_args={"weights_only": False})


def _with_kernel(folder):
    change(folder / "config.json", attn_implementation="someone/kernel")


def _with_routes(folder):
    (folder / "0_Router").mkdir()
    change(folder / "0_Router" / "router_config.json", types={"query_0": "foreign.Module"}, structure={})
    modules = [{"idx": 0, "name": "0", "path": "0_Router", "type": "sentence_transformers.models.Router"}]
    (folder / "modules.json").write_text(json.dumps(modules))


CODE = {
    "auto_map": (_with_auto_map, "config.json: auto_map foreign.Config"),
    "tokenizer": (lambda at: _with_auto_map(at, "tokenizer_config.json"), "tokenizer_config.json: auto_map foreign"),
    "module": (_with_module, "modules.json: foreign.Transformer"),
    "loading": (_with_unsafe_loading, "sentence_bert_config.json: model_args weights_only"),
    "kernel": (_with_kernel, "config.json: attn_implementation someone/kernel"),
    "router": (_with_routes, "router_config.json: foreign.Module"),
}


@pytest.mark.parametrize("kind", CODE)
@pytest.mark.parametrize("load", [load_encoder, load_reranker])
def test_foreign_code_is_refused_by_name_and_does_not_run(encoder_dir, reranker_dir, tmp_path, monkeypatch, kind, load):
    folder = encoder_dir if load is load_encoder else reranker_dir
    spoil, name = CODE[kind]
    spoil(folder)
    monkeypatch.chdir(tmp_path)
    message = refusals(folder, load)
    assert "asks to run code that is not part of this program" in message
    assert name in message
    assert message.endswith("allow it with --trust-remote-code")
    assert not (tmp_path / MARKER).exists()


@pytest.mark.parametrize("spoil", [_with_pickle, _with_old_pickle])
@pytest.mark.parametrize("trust", [False, True])
def test_code_in_a_pickle_never_runs(encoder_dir, reranker_dir, tmp_path, monkeypatch, spoil, trust):
    monkeypatch.chdir(tmp_path)
    for folder, load in ((encoder_dir, load_encoder), (reranker_dir, load_reranker)):
        spoil(folder)
        with pytest.raises(ModelError, match=r"holds more than weights \((builtins|__builtin__)\.eval\)") as caught:
            load(str(folder), Compute("cpu", trust_remote_code=trust))
        assert "\n" not in str(caught.value)
    assert not (tmp_path / MARKER).exists()


def test_trusted_code_runs(zoo, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = shutil.copytree(zoo(ENCODERS, "bert-max"), tmp_path / "trusted")
    change(folder / "config.json", auto_map={"AutoModel": "own_bert.OwnBert"})
    (folder / "own_bert.py").write_text(f"{TOUCH}from transformers import BertModel\nclass OwnBert(BertModel): pass\n")
    monkeypatch.chdir(tmp_path)
    found = load_encoder(str(folder), Compute("cpu", trust_remote_code=True)).encode(["the sea"])
    assert (tmp_path / MARKER).exists()
    np.testing.assert_allclose(found, encoder_of(zoo(ENCODERS, "bert-max")).encode(["the sea"]), atol=1e-6)


def test_a_foreign_activation_of_a_reranker_is_not_imported(zoo, tmp_path, monkeypatch):
    for name in ("qwen3-head", "bert"):
        folder = shutil.copytree(zoo(RERANKERS, name), tmp_path / name)
        expected, _ = reader_of(folder).logits(PAIRS)
        change(folder / "config.json", sentence_transformers={"activation_fn": "foreign.Activation"})
        (tmp_path / "foreign.py").write_text(TOUCH)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.chdir(tmp_path)
        found, _ = reader_of(folder).logits(PAIRS)
        assert np.array_equal(found, expected)
        assert not (tmp_path / MARKER).exists()


def test_a_foreign_activation_inside_an_encoder_is_refused(zoo, tmp_path):
    folder = shutil.copytree(zoo(ENCODERS, "bert-dense"), tmp_path / "dense")
    change(folder / "2_Dense" / "config.json", activation_function="foreign.Activation")
    assert "config.json: activation_function foreign.Activation" in refusals(folder, load_encoder)


def test_a_chat_template_cannot_run_code(zoo, tmp_path, monkeypatch):
    folder = shutil.copytree(zoo(RERANKERS, "language-model"), tmp_path / "template")
    call = f"{{{{ cycler.__init__.__globals__.os.mkdir('{MARKER}') }}}}"
    (folder / "chat_template.jinja").write_text(call + (folder / "chat_template.jinja").read_text())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="sentence-transformers cannot run it") as caught:
        load_reranker(str(folder), CPU).score(PAIRS[:1])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / MARKER).exists()


def test_a_module_path_outside_the_folder_is_refused(encoder_dir):
    for path in ("../elsewhere", "/etc", "a/../../b"):
        modules = json.loads((encoder_dir / "modules.json").read_text())
        modules[1]["path"] = path
        (encoder_dir / "modules.json").write_text(json.dumps(modules))
        assert "which is outside the folder" in refusals(encoder_dir, load_encoder)


def test_damaged_weight_files_are_refused(encoder_dir):
    for content in (b"", b"short", b"\xff" * 64, b"\x08" + bytes(7) + b'{"a": 1}'):
        (encoder_dir / "model.safetensors").write_bytes(content)
        assert "not a weight file, or damaged" in refusals(encoder_dir, load_encoder)


def test_a_model_that_the_library_cannot_load_is_a_one_line_error(encoder_dir):
    change(encoder_dir / "config.json", model_type="an-architecture-of-tomorrow")
    assert "sentence-transformers cannot load it" in refusals(encoder_dir, load_encoder)


def test_a_library_cross_encoder_names_its_runtime(zoo):
    reader = load_library_cross_encoder(zoo(RERANKERS, "slow-tokenizer"), CPU)
    assert isinstance(reader, LibraryCrossEncoder)
    assert reader.runtime_name == "sentence-transformers on torch float32 on cpu"


def test_a_stance_model_runs_through_the_library_too(tmp_path):
    import torch
    from sentence_transformers import CrossEncoder

    folder = bert_reranker(tmp_path / "stance", n_labels=3)
    (folder / "tokenizer.json").unlink()
    labels = ("REFUTES", "NOT_ENOUGH_INFO", "SUPPORTS")
    change(
        folder / "config.json", id2label=dict(enumerate(labels)), label2id={name: n for n, name in enumerate(labels)}
    )
    said: list[str] = []
    found = load_stance(str(folder), Compute("cpu", notify=said.append)).classify(PAIRS)
    assert said == ["the stance model runs through sentence-transformers, which is slower (it has no tokenizer.json)"]
    oracle = CrossEncoder(str(folder), device="cpu")
    logits = torch.stack([oracle.predict(pair, convert_to_tensor=True) for pair in PAIRS])
    expected = torch.softmax(logits, dim=1).numpy()[:, [labels.index(stance) for stance in STANCES]]
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)
