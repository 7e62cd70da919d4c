"""How a model reads texts according to its folder, and whether our own runtimes can do that.

Read from its JSON files and weight headers, without torch. If our runtimes would read the model differently from
sentence-transformers, or that has not been tested, `slow_because` says why and sentence-transformers runs it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from claimhound.data.errors import ModelError
from claimhound.pipeline.model_folders.files import ModuleEntry, read_any_json, read_json, read_modules, weight_files
from claimhound.pipeline.model_folders.fingerprints import TRANSFORMER_SETTINGS
from claimhound.pipeline.model_folders.foreign_code import brings_code
from claimhound.pipeline.model_folders.tokenization import TOKENIZER_FILE
from claimhound.pipeline.model_folders.weight_names import Shapes, tensor_shapes

Pooling = Literal["mean", "cls"]
Similarity = Literal["cosine", "dot"]

# Architectures for which our runtimes were compared with the library: tokens, padding, positions and head.
_KNOWN_TYPES = {
    "bert", "roberta", "xlm-roberta", "camembert", "mpnet", "distilbert", "electra", "deberta-v2", "modernbert",
}  # fmt: skip
_PLAIN_MODULES = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
_POOLINGS: dict[str, Pooling] = {"mean_tokens": "mean", "mean": "mean", "cls_token": "cls", "cls": "cls"}
_HEADS = ("classifier.weight", "classifier.out_proj.weight")
_OUTPUTS = {
    "feature-extraction": ("last_hidden_state", "token_embeddings"),
    "sequence-classification": ("logits", "scores"),
}
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")
# Tokenizers without a limit declare a number such as 10^30.
_LONGEST_LENGTH = 100_000
# Their position numbers start after the padding token's, so some rows of the position table are never used.
_POSITIONS_AFTER_PADDING = {
    "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "longformer",
    "data2vec-text", "luke", "xmod", "ibert",
}  # fmt: skip


@dataclass(frozen=True)
class EncoderLayout:
    """A bi-encoder. `max_length`, `dim` and `pooling` are None unless our own runtimes read it.

    The prompts are the folder's own. With `dot` a vector's length counts; `cosine` includes inner products of vectors
    that the model itself normalizes.
    """

    pooling: Pooling | None
    max_length: int | None
    dim: int | None
    query_prompt: str
    document_prompt: str
    similarity: Similarity
    slow_because: str = ""

    @property
    def fast(self) -> bool:
        """Whether our own runtimes read it."""
        return not self.slow_because


@dataclass(frozen=True)
class CrossEncoderLayout:
    """A cross-encoder. `n_labels` and `max_length` are None unless our own runtimes read it."""

    n_labels: int | None
    max_length: int | None
    slow_because: str = ""

    @property
    def fast(self) -> bool:
        """Whether our own runtimes read it."""
        return not self.slow_because


def read_encoder_layout(model_dir: Path, *, trust_remote_code: bool = False) -> EncoderLayout:
    """Return how a bi-encoder is read.

    Raises ModelError for untrusted foreign code, for another kind of model, for a similarity other than cosine or inner
    product, and for a damaged folder.
    """
    has_code, _, modules = _opened(model_dir, trust_remote_code)
    settings = read_json(model_dir / "config_sentence_transformers.json") if modules is not None else {}
    kind = str(settings.get("model_type") or "SentenceTransformer")
    if kind != "SentenceTransformer":
        raise ModelError(f"{model_dir}: is a {kind}; an encoder must be a SentenceTransformer (a bi-encoder)")
    query_prompt, document_prompt = _prompts(settings)
    similarity = _similarity(model_dir, settings, modules)
    config = read_json(model_dir / "config.json")
    dim, max_length = config.get("hidden_size", config.get("dim")), _max_length(model_dir, config)
    pooling, slow_because = _pooling(model_dir, modules)
    slow_because = slow_because or _unknown(model_dir, "feature-extraction", has_code=has_code)
    if not slow_because and settings.get("truncate_dim") is not None:
        slow_because = "its vectors are truncated (truncate_dim)"
    if not slow_because and not (isinstance(dim, int) and max_length is not None):
        slow_because = "its config.json does not give its dimensions and length"
    if slow_because:
        return EncoderLayout(None, None, None, query_prompt, document_prompt, similarity, slow_because)
    assert isinstance(dim, int)
    return EncoderLayout(pooling, max_length, dim, query_prompt, document_prompt, similarity)


def read_cross_encoder_layout(model_dir: Path, *, trust_remote_code: bool = False) -> CrossEncoderLayout:
    """Return how a cross-encoder is read.

    Raises ModelError for untrusted foreign code, for weights without the classification head that the labels need, and
    for a damaged folder.
    """
    has_code, shapes, modules = _opened(model_dir, trust_remote_code)
    config = read_json(model_dir / "config.json")
    settings = read_json(model_dir / "config_sentence_transformers.json") if modules is not None else {}
    # The library ignores the modules of a folder of another kind.
    is_own = settings.get("model_type") == "CrossEncoder"
    slow_because = ""
    if is_own and modules is not None and [entry.name for entry in modules] != ["Transformer"]:
        slow_because = f"it is built of {' + '.join(entry.name for entry in modules)}"
    elif is_own and modules is not None and modules[0].path not in {"", "."}:
        slow_because = "its transformer is in a subfolder"
    elif is_own and settings.get("default_prompt_name") is not None:
        slow_because = "it needs a prompt"
    elif _first_architecture(config).endswith("ForCausalLM"):
        slow_because = "it is a generative language model"
    slow_because = slow_because or _unknown(model_dir, "sequence-classification", has_code=has_code)
    max_length = _max_length(model_dir, config)
    if not slow_because and max_length is None:
        slow_because = "it declares no maximum length"
    if slow_because:
        return CrossEncoderLayout(None, None, slow_because)
    labels = config.get("id2label")
    n_labels = len(labels) if isinstance(labels, dict) else config.get("num_labels", 2)
    _require_head(model_dir, shapes, n_labels)
    assert isinstance(n_labels, int)
    return CrossEncoderLayout(n_labels, max_length)


def _opened(model_dir: Path, trust_remote_code: bool) -> tuple[bool, Shapes, list[ModuleEntry] | None]:
    """Return whether a folder contains code, its tensors and its modules; raise ModelError if it must not be opened."""
    has_code = brings_code(model_dir, trusted=trust_remote_code)
    if (model_dir / "adapter_config.json").is_file() and find_spec("peft") is None:
        raise ModelError(
            f"{model_dir}: is an adapter (adapter_config.json), which needs another package; run: pip install peft"
        )
    return has_code, tensor_shapes(weight_files(model_dir)), read_modules(model_dir)


def _unknown(model_dir: Path, task: str, *, has_code: bool) -> str:
    """Return why our runtimes cannot read a transformer, or an empty string."""
    config = read_json(model_dir / "config.json")
    kind = config.get("model_type")
    truncation_side = read_json(model_dir / "tokenizer_config.json").get("truncation_side", "right")
    reasons = {
        "it comes with its own code": has_code,
        "it is an adapter": (model_dir / "adapter_config.json").is_file(),
        f"its architecture is {kind or 'not declared'}": kind not in _KNOWN_TYPES,
        "its weights are quantized": config.get("quantization_config") is not None,
        f"it has no {TOKENIZER_FILE}": not (model_dir / TOKENIZER_FILE).is_file(),
        f"it truncates texts on the {truncation_side}": truncation_side != "right",
        "it has a chat template": any(model_dir.glob("chat_template.*")),
    }
    return next((reason for reason, applies in reasons.items() if applies), "") or _unknown_settings(model_dir, task)


def _unknown_settings(model_dir: Path, task: str) -> str:
    """Return which setting of sentence-transformers' Transformer module is unusual, or an empty string."""
    settings = _transformer_settings(model_dir)
    method, output = _OUTPUTS[task]
    usual: dict[str, object] = {
        "transformer_task": task,
        "modality_config": {"text": {"method": "forward", "method_output_name": method}},
        "module_output_name": output,
    }
    for name, value in settings.items():
        if name == "max_seq_length" or not value or (name in usual and value == usual[name]):
            continue
        if name == "do_lower_case" and _lowers_case(model_dir):
            continue
        return f"its setting {name} is {json.dumps(value)}"
    return ""


def _pooling(model_dir: Path, modules: list[ModuleEntry] | None) -> tuple[Pooling | None, str]:
    """Return how token vectors are pooled, or None and why our runtimes cannot do it."""
    if modules is None:
        is_causal = _first_architecture(read_json(model_dir / "config.json")).endswith("ForCausalLM")
        return (None, "it is a language model") if is_causal else ("mean", "")
    if [entry.name for entry in modules] not in _PLAIN_MODULES:
        return None, f"it is built of {' + '.join(entry.name for entry in modules)}"
    if modules[0].path not in {"", "."}:
        return None, "its transformer is in a subfolder"
    settings = read_json(model_dir / modules[1].path / "config.json")
    # sentence-transformers up to version 5 saved a switch per mode; later versions save a name.
    modes = sorted(
        name.removeprefix("pooling_mode_") for name, on in settings.items() if name.startswith("pooling_mode_") and on
    )
    mode = " and ".join(modes) or str(settings.get("pooling_mode", "mean"))
    if not settings.get("include_prompt", True):
        return None, "it pools without the prompt"
    pooling = _POOLINGS.get(mode)
    return pooling, "" if pooling is not None else f"it pools by {mode}"


def _prompts(settings: Mapping[str, object]) -> tuple[str, str]:
    """Return the prompts put before a claim and before a document.

    They are chosen by name, as in the library's `encode_query` and `encode_document`, except that an empty document
    prompt gives way to a passage prompt: the library saves a missing document prompt as an empty one. If neither claims
    nor documents have a prompt, both get the default prompt, as in the library's `encode`.
    """
    saved = settings.get("prompts")
    prompts = {str(name): str(text or "") for name, text in saved.items()} if isinstance(saved, dict) else {}
    query = prompts.get("query", "")
    document = next((prompts[name] for name in _DOCUMENT_PROMPTS if prompts.get(name)), "")
    default = prompts.get(str(settings.get("default_prompt_name")), "")
    return (query, document) if query or document else (default, default)


def _similarity(model_dir: Path, settings: Mapping[str, object], modules: list[ModuleEntry] | None) -> Similarity:
    name = str(settings.get("similarity_fn_name") or "cosine")
    if name not in {"cosine", "dot"}:
        raise ModelError(f"{model_dir}: its vectors are compared by {name}; only cosine and dot are supported")
    is_cut = settings.get("truncate_dim") is not None
    is_unit = modules is not None and modules[-1].name == "Normalize" and not is_cut
    return "dot" if name == "dot" and not is_unit else "cosine"


def _max_length(model_dir: Path, config: Mapping[str, object]) -> int | None:
    """Return the maximum number of tokens, as in sentence-transformers; None if there is no limit."""
    chosen = (
        _transformer_settings(model_dir).get("max_seq_length")
        or read_json(model_dir / "tokenizer_config.json").get("model_max_length")  # where version 6 writes it
    )
    limits = (chosen, n_positions(config))
    known = [limit for limit in limits if isinstance(limit, int) and 0 < limit < _LONGEST_LENGTH]
    return min(known, default=None)


def n_positions(config: Mapping[str, object]) -> int | None:
    """Return how many tokens a model with this config.json can read, None if it has no position table."""
    positions = config.get("max_position_embeddings")
    if not isinstance(positions, int) or positions < 1:
        return None
    if config.get("model_type") in _POSITIONS_AFTER_PADDING:
        padding = config.get("pad_token_id")
        return positions - 1 - (padding if isinstance(padding, int) else 1)
    return positions


def _transformer_settings(model_dir: Path) -> dict[str, object]:
    found = (read_json(model_dir / name) for name in TRANSFORMER_SETTINGS)
    return next((settings for settings in found if settings), {})


def _lowers_case(model_dir: Path) -> bool:
    """Return whether the tokenizer itself lowercases text, so `do_lower_case` changes nothing."""
    tokenizer = read_any_json(model_dir / TOKENIZER_FILE)
    normalizer = tokenizer.get("normalizer") if isinstance(tokenizer, dict) else None
    steps = [normalizer, *normalizer.get("normalizers", ())] if isinstance(normalizer, dict) else []
    return any(
        isinstance(step, dict)
        and (step.get("type") == "Lowercase" or (step.get("type") == "BertNormalizer" and step.get("lowercase")))
        for step in steps
    )


def _require_head(model_dir: Path, shapes: Shapes, n_labels: object) -> None:
    """Raise ModelError unless the weights hold a classification head with that many labels.

    transformers would initialize a missing head at random, and its scores would be noise.
    """
    name = next((name for name in _HEADS if name in shapes), None)
    if name is None:
        raise ModelError(
            f"{model_dir}: not a cross-encoder: its weights hold no classification head ({' or '.join(_HEADS)})"
        )
    shape = shapes[name]
    if shape is not None and shape[0] != n_labels:
        raise ModelError(
            f"{model_dir}: its config.json has {n_labels} labels, but its classification head has {shape[0]}"
        )


def _first_architecture(config: Mapping[str, object]) -> str:
    names = config.get("architectures")
    return str(names[0]) if isinstance(names, list) and names else ""
