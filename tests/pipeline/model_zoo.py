"""Tiny random models in published layouts, with 32 dimensions and 2 layers each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

SENTENCES = (
    "sea level rises by 3 millimetres a year",
    "the ocean is warm and ice melts",
    "measles is a virus and vaccines cause no autism",
    "carbon dioxide emissions by humans exceed those of volcanoes",
    "the moon landing of 1969 was by rocket",
    "solar energy is cheaper than coal",
    "Gletscher schmelzen",
    "prices rise with inflation",
)
PAIRS = [(claim, evidence) for claim in SENTENCES[:4] for evidence in SENTENCES]
LONG = "measles is a virus " * 200
_SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
_SPECIAL = {
    "wordpiece": ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    "unigram": ("<s>", "<pad>", "</s>", "<unk>", "<mask>"),
    "bytes": ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
}
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}: {{ message['content'] }}<|im_end|>{% endfor %}"
    "<|im_start|>assistant"
)


def change(path: Path, **settings: object) -> None:
    """Set fields in a JSON file, which need not exist."""
    before = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(before | settings))


def save_tokenizer(folder: Path, kind: str, *, lowercase: bool = True, max_length: int = 512) -> int:
    """Save a fast tokenizer with a few hundred pieces; return their number."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    special = list(_SPECIAL[kind])
    texts = [*SENTENCES, *["yes no"] * 50]
    if kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer: Any = trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    elif kind == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=200, special_tokens=special, unk_token="<unk>", show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
    tokenizer.train_from_iterator(texts, trainer)
    settings: dict[str, object] = {"model_max_length": max_length, "tokenizer_class": "PreTrainedTokenizerFast"}
    if kind == "bytes":
        # Language models answer with these, so they must be whole words.
        tokenizer.add_tokens(["yes", "no"])
        settings |= {"eos_token": special[2], "pad_token": special[0], "padding_side": "left"}
    else:
        begin, end = ("[CLS]", "[SEP]") if kind == "wordpiece" else ("<s>", "</s>")
        pair = f"{begin} $A {end} $B:1 {end}:1" if kind == "wordpiece" else f"{begin} $A {end} {end} $B {end}"
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A {end}",
            pair=pair,
            special_tokens=[(token, tokenizer.token_to_id(token)) for token in (begin, end)],
        )
        names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
        tokens = special if kind == "wordpiece" else ["<pad>", "<unk>", "<s>", "</s>", "<mask>"]
        settings |= dict(zip(names, tokens, strict=True))
        if kind == "wordpiece":
            settings |= {"tokenizer_class": "BertTokenizer", "do_lower_case": lowercase}
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    words = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    if kind == "wordpiece":
        (folder / "vocab.txt").write_text("\n".join(word for word, _ in words) + "\n")
    return tokenizer.get_vocab_size()


def save_transformer(folder: Path, architecture: str, kind: str = "wordpiece", **settings: Any) -> Path:
    """Save a transformer of the given class with a tokenizer; its weights are large enough to tell texts apart."""
    import torch
    import transformers

    tokenizer = {name: settings.pop(name) for name in ("lowercase", "max_length") if name in settings}
    n_words = save_tokenizer(folder, kind, **tokenizer)
    model_class = getattr(transformers, architecture)
    sizes: dict[str, Any] = {**_SIZES, "vocab_size": n_words, "initializer_range": 0.2, **settings}
    torch.manual_seed(5)
    model = model_class(model_class.config_class(**sizes)).eval()
    for name, weight in model.named_parameters():
        if weight.dim() == 2 and ("classifier" in name or name.startswith("score")):
            torch.nn.init.normal_(weight, std=1.0)
    model.save_pretrained(folder)
    return folder


def save_modules(folder: Path, *names: str, pooling: str = "mean", root: str = "", **settings: object) -> Path:
    """Add modules.json, pooling, prompts and so on, as saved by sentence-transformers 3."""
    package = "sentence_transformers.models"
    modules = [
        {"idx": n, "name": str(n), "path": root if n == 0 else f"{n}_{name}", "type": f"{package}.{name}"}
        for n, name in enumerate(names)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    if "Pooling" in names:
        modes = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens", "lasttoken": "lasttoken"}
        (folder / "1_Pooling").mkdir()
        switches = {f"pooling_mode_{mode}": name == pooling for name, mode in modes.items()}
        change(folder / "1_Pooling" / "config.json", word_embedding_dimension=32, **switches)
    saved = {"prompts": {}, "default_prompt_name": None, "similarity_fn_name": "cosine"} | settings
    change(folder / "config_sentence_transformers.json", **saved)
    return folder


def bert_encoder(folder: Path, *names: str, **settings: object) -> Path:
    """Save a BERT bi-encoder with further modules after Transformer and Pooling."""
    return save_modules(save_transformer(folder, "BertModel"), "Transformer", "Pooling", *names, **settings)


def bert_reranker(folder: Path, n_labels: int = 1) -> Path:
    """Save a BERT cross-encoder in the classic layout without modules.json."""
    return save_transformer(folder, "BertForSequenceClassification", num_labels=n_labels)


def as_pickle(folder: Path) -> Path:
    """Replace the safetensors file with a torch pickle."""
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


_QWEN: dict[str, Any] = {
    "head_dim": 8, "num_key_value_heads": 2, "bos_token_id": None, "eos_token_id": 2, "pad_token_id": 0,
    "max_position_embeddings": 1024, "tie_word_embeddings": True,
}  # fmt: skip
_XLMR: dict[str, Any] = {
    "type_vocab_size": 1, "max_position_embeddings": 514, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
}  # fmt: skip
_MODERN: dict[str, Any] = {
    "max_position_embeddings": 1024, "pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2,
    "eos_token_id": 3, "local_attention": 16, "global_attn_every_n_layers": 2, "max_length": 1024,
}  # fmt: skip


def _dense(folder: Path) -> Path:
    import torch
    from sentence_transformers.base.modules import Dense

    bert_encoder(folder, "Dense", "Normalize")
    (folder / "2_Dense").mkdir()
    torch.manual_seed(6)
    Dense(32, 16).save(str(folder / "2_Dense"))
    return folder


def _static(folder: Path, name: str = "embedding.weight", root: str = "0_StaticEmbedding") -> Path:
    import torch
    from safetensors.torch import save_file

    n_words = save_tokenizer(folder / root, "wordpiece")
    torch.manual_seed(7)
    save_file({name: torch.randn(n_words, 32)}, folder / root / "model.safetensors")
    if root == ".":
        change(folder / "config.json", model_type="model2vec", architectures=["StaticModel"], normalize=True)
    return save_modules(folder, "StaticEmbedding", *(["Normalize"] if root == "." else []), root=root)


def _in_a_folder_of_its_own(folder: Path) -> Path:
    save_transformer(folder / "0_Transformer", "BertModel")
    return save_modules(folder, "Transformer", "Pooling", "Normalize", root="0_Transformer")


def _cased(folder: Path) -> Path:
    save_transformer(folder, "BertModel", lowercase=False)
    save_modules(folder, "Transformer", "Pooling")
    change(folder / "sentence_bert_config.json", max_seq_length=128, do_lower_case=True)
    return folder


def _modern_modules(folder: Path) -> Path:
    """A cross-encoder made of modules: a transformer, first-token pooling and a dense layer for the score."""
    import torch
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    source = save_transformer(folder.with_name(f"{folder.name}-source"), "BertModel")
    torch.manual_seed(8)
    head = Dense(32, 1, module_output_name="scores")
    torch.nn.init.normal_(head.linear.weight)
    modules = [Transformer(str(source)), Pooling(32, "cls"), head]
    CrossEncoder(modules=modules, device="cpu").save_pretrained(str(folder), create_model_card=False)
    shutil.rmtree(source)
    return folder


def _language_model(folder: Path) -> Path:
    save_transformer(folder, "Qwen3ForCausalLM", "bytes", max_length=1024, **_QWEN)
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    return folder


def _saved_again(folder: Path, build: Callable[[Path], Path], **settings: Any) -> Path:
    """Build a cross-encoder and save it again with the library."""
    from sentence_transformers import CrossEncoder

    source = build(folder.with_name(f"{folder.name}-source"))
    model = CrossEncoder(str(source), device="cpu", **settings)
    model.save_pretrained(str(folder), create_model_card=False)
    shutil.rmtree(source)
    return folder


def _without_fast_tokenizer(folder: Path) -> Path:
    (bert_reranker(folder) / "tokenizer.json").unlink()
    return folder


_CLAIM_PROMPT = {"query": "Represent this claim: "}

ENCODERS: dict[str, tuple[bool, Callable[[Path], Path]]] = {
    "bert": (True, lambda at: bert_encoder(at, "Normalize")),
    "bert-cls-prompt": (True, lambda at: bert_encoder(at, "Normalize", pooling="cls", prompts=_CLAIM_PROMPT)),
    "bert-passages": (True, lambda at: bert_encoder(at, prompts={"query": "query: ", "passage": "passage: "})),
    "bert-default-prompt": (
        True,
        lambda at: bert_encoder(at, prompts={"retrieval": "retrieve: "}, default_prompt_name="retrieval"),
    ),
    "bert-dot": (True, lambda at: bert_encoder(at, similarity_fn_name="dot")),
    "bert-pickle": (True, lambda at: as_pickle(bert_encoder(at))),
    "bert-lower": (True, lambda at: _with_lower_case(bert_encoder(at))),
    "distilbert": (
        True,
        lambda at: save_modules(
            save_transformer(at, "DistilBertModel", dim=32, n_layers=2, n_heads=4, hidden_dim=64),
            "Transformer", "Pooling", pooling="cls", similarity_fn_name="dot",
        ),
    ),
    "mpnet": (
        True,
        lambda at: save_modules(
            save_transformer(at, "MPNetModel", pad_token_id=0, max_position_embeddings=514), "Transformer", "Pooling"
        ),
    ),
    "xlm-roberta": (
        True,
        lambda at: save_modules(save_transformer(at, "XLMRobertaModel", "unigram", **_XLMR), "Transformer", "Pooling"),
    ),
    "modernbert": (
        True,
        lambda at: save_modules(
            save_transformer(at, "ModernBertModel", **_MODERN), "Transformer", "Pooling", pooling="cls"
        ),
    ),
    "bert-max": (False, lambda at: bert_encoder(at, pooling="max")),
    "bert-dense": (False, _dense),
    "bert-cut": (False, lambda at: bert_encoder(at, truncate_dim=16)),
    "bert-cased": (False, _cased),
    "bert-in-a-folder": (False, _in_a_folder_of_its_own),
    "qwen3-last-token": (
        False,
        lambda at: save_modules(
            save_transformer(at, "Qwen3Model", "bytes", max_length=1024, **_QWEN),
            "Transformer", "Pooling", "Normalize", pooling="lasttoken", prompts=_CLAIM_PROMPT,
        ),
    ),
    "static": (False, _static),
    "model2vec": (False, lambda at: _static(at, "embeddings", ".")),
}  # fmt: skip

RERANKERS: dict[str, tuple[bool, Callable[[Path], Path]]] = {
    "bert": (True, bert_reranker),
    "bert-pickle": (True, lambda at: as_pickle(bert_reranker(at))),
    "bert-saved-again": (True, lambda at: _saved_again(at, bert_reranker)),
    "electra": (
        True,
        lambda at: save_transformer(at, "ElectraForSequenceClassification", embedding_size=16, num_labels=1),
    ),
    "xlm-roberta": (
        True,
        lambda at: save_transformer(at, "XLMRobertaForSequenceClassification", "unigram", num_labels=1, **_XLMR),
    ),
    "distilbert": (
        True,
        lambda at: save_transformer(
            at, "DistilBertForSequenceClassification", num_labels=1, dim=32, n_layers=2, n_heads=4, hidden_dim=64
        ),
    ),
    "deberta-v2": (
        True,
        lambda at: save_transformer(
            at, "DebertaV2ForSequenceClassification", num_labels=1, relative_attention=True, position_buckets=32,
            pos_att_type=["p2c", "c2p"], position_biased_input=False, share_att_key=True, type_vocab_size=0,
            norm_rel_ebd="layer_norm", pooler_hidden_size=32,
        ),
    ),
    "modernbert": (
        True,
        lambda at: save_transformer(
            at, "ModernBertForSequenceClassification", num_labels=1, classifier_pooling="mean", **_MODERN
        ),
    ),
    "modules": (False, _modern_modules),
    "language-model": (False, _language_model),
    "language-model-saved-again": (False, lambda at: _saved_again(at, _language_model)),
    "qwen3-head": (
        False,
        lambda at: save_transformer(
            at, "Qwen3ForSequenceClassification", "bytes", max_length=1024, num_labels=1, **_QWEN
        ),
    ),
    "prompts": (
        False,
        lambda at: _saved_again(at, bert_reranker, prompts=_CLAIM_PROMPT, default_prompt_name="query"),
    ),
    "slow-tokenizer": (False, _without_fast_tokenizer),
}  # fmt: skip


def _with_lower_case(folder: Path) -> Path:
    change(folder / "sentence_bert_config.json", max_seq_length=64, do_lower_case=True)
    return folder
