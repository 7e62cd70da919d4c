"""Foreign code in model folders, which runs only with the user's permission."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from claimhound.data.errors import ModelError
from claimhound.pipeline.model_folders.files import module_dirs, read_any_json, read_modules

_LIBRARY = "sentence_transformers."
_OWN_MODULE = re.compile(r"sentence_transformers(\.[A-Za-z_]\w*)+")
_TORCH_ACTIVATION = re.compile(r"torch\.nn\.(modules\.)?(\w+\.)?\w+")
# Large files without settings.
_NO_SETTINGS = ("tokenizer.json", "vocab.json")
_MOST_BYTES = 5_000_000
_LOADING = ("model_args", "model_kwargs", "tokenizer_args", "processor_kwargs", "config_args", "config_kwargs")
# Load arguments a folder may set. Many others are harmless too, but `weights_only` could let a pickle run,
# `attn_implementation` could download a kernel, and a file name could point to another file.
_HARMLESS = {"dtype", "torch_dtype", "add_pooling_layer", "model_max_length", "padding_side", "truncation_side",
             "use_fast", "num_labels", "trust_remote_code", "use_cache", "add_eos_token", "add_bos_token"}  # fmt: skip


def brings_code(model_dir: Path, *, trusted: bool) -> bool:
    """Return whether loading a model folder runs foreign code: classes, functions or kernels.

    Raises ModelError naming the first one found and the option that allows it, unless `trusted`.
    """
    found = next(_foreign(model_dir), None)
    if found is not None and not trusted:
        raise ModelError(
            f"{model_dir}: asks to run code that is not part of this program ({found}); nothing was run; "
            "if you trust it, allow it with --trust-remote-code"
        )
    return found is not None


def _foreign(model_dir: Path) -> Iterator[str]:
    """Yield a description of everything foreign that loading a folder would run."""
    for module in read_modules(model_dir) or ():
        if not _OWN_MODULE.fullmatch(module.kind):
            yield f"modules.json: {module.kind}"
    for folder in [model_dir, *module_dirs(model_dir)]:
        for path in sorted(folder.glob("*.json")):
            if path.name in _NO_SETTINGS or path.name.endswith(".index.json"):
                continue
            if not path.is_file() or path.stat().st_size > _MOST_BYTES:
                continue
            settings = read_any_json(path)
            if isinstance(settings, dict):
                for what in _asked_by(settings, is_root=folder == model_dir):
                    yield f"{path.relative_to(model_dir)}: {what}"


def _asked_by(settings: Mapping[str, object], *, is_root: bool) -> Iterator[str]:
    if settings.get("auto_map"):
        yield f"auto_map {_first_value(settings['auto_map'])}"
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _asked_by(value, is_root=False)
        if "attn_implementation" in key and isinstance(value, str) and "/" in value:
            yield f"{key} {value}"
        # At the root it belongs to a reranker, whose logits we read without it.
        if key == "activation_function" and not is_root and not _is_torch_activation(value):
            yield f"{key} {value}"
        if key == "tokenizer_class" and "." in str(value) and not str(value).startswith(_LIBRARY):
            yield f"{key} {value}"
        if key == "tokenizer_name_or_path" and value is not None:
            yield f"{key} {value}"
        if key == "types" and isinstance(value, dict):  # a router's
            yield from (str(kind) for kind in value.values() if not _OWN_MODULE.fullmatch(str(kind)))
        if key in _LOADING and isinstance(value, dict):
            yield from (f"{key} {name}" for name in value if not _is_harmless(name, value[name]))


def _is_harmless(name: str, value: object) -> bool:
    return name in _HARMLESS or (name == "attn_implementation" and value in {"eager", "sdpa", "flash_attention_2"})


def _is_torch_activation(value: object) -> bool:
    """Return whether a value is a class of torch.nn, or just a function name such as `gelu`."""
    return "." not in str(value) or _TORCH_ACTIVATION.fullmatch(str(value)) is not None


def _first_value(value: object) -> str:
    """Return the first class in an auto_map."""
    first = next(iter(value.values()), "") if isinstance(value, dict) else value
    return str(next((one for one in first if one), "")) if isinstance(first, list) else str(first)
