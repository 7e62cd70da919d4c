"""A model of the Hugging Face Hub as a folder: a whole snapshot of one commit, or none."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from claimhound.data.disk.atomic import write_atomically

# On the Hub many models lie beside copies of themselves for other programs.
NOT_FETCHED = ("onnx/*", "openvino/*", "*.onnx", "*.h5", "*.msgpack", "*.ot", "*.gguf", "*.pt", "*.tflite")
_COMMIT = re.compile(r"[0-9a-f]{40}")
# What decides how a model is read and need not be there; where it may be missing for having never been fetched, a
# model would be pooled otherwise, cut elsewhere or read without its prompts.
_DECIDING = ("modules.json", "adapter_config.json", "tokenizer_config.json")
_DECIDING_MODULES = ("config_sentence_transformers.json", "sentence_bert_config.json")


class NotOnThisMachineError(Exception):
    """The model cannot be had whole; the first line of the text says why."""


def hub_folder(name: str, records_dir: Path) -> Path:
    """Return the folder of a model by its name on the Hub, `owner/model` or `owner/model@revision`, all of it there.

    The Hub is asked only for what is not known to be whole on this machine: `records_dir` holds a file for each commit
    that was fetched here. What another program left in the cache is completed; where the Hub cannot be reached, it
    serves if the cache tells that nothing is missing. Raises NotOnThisMachineError otherwise.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    repo, _, revision = name.partition("@")
    kept: Path | None = None
    incomplete: Exception | None = None
    try:
        ignored = list(NOT_FETCHED)
        kept = Path(snapshot_download(repo, revision=revision or None, local_files_only=True, ignore_patterns=ignored))
    except LocalEntryNotFoundError as error:
        incomplete = error  # none of it, or less than the cache's own list
    except (HFValidationError, ValueError, OSError) as error:
        raise NotOnThisMachineError(str(error)) from error
    if kept is not None and _was_fetched(kept, records_dir):
        return kept
    try:
        return _fetched(repo, revision, records_dir)
    except Exception as error:  # of the HTTP library's kinds too, and which library that is depends on the version
        if kept is None:
            raise NotOnThisMachineError(str(incomplete if _is_about_the_cache(error) else error)) from error
        missing = _unproven(repo, kept)
        if missing:
            raise NotOnThisMachineError(
                f"the cache {kept} may lack {', '.join(missing)}, and the Hub cannot be asked; run once with a "
                "connection, or name a folder"
            ) from error
        return kept


def revision_of(folder: Path) -> str | None:
    """Return the commit that a folder is a snapshot of, None for a folder that is none."""
    parts = folder.absolute().parts[-3:]
    is_snapshot = len(parts) == 3 and parts[0].startswith("models--") and parts[1] == "snapshots"
    return parts[2] if is_snapshot and _COMMIT.fullmatch(parts[2]) else None


def pinned(name: str, revision: str | None) -> str:
    """Return a model's name with the commit in place of any other revision that it names."""
    return name if revision is None else f"{name.partition('@')[0]}@{revision}"


def _is_about_the_cache(error: Exception) -> bool:
    from huggingface_hub.errors import LocalEntryNotFoundError

    return isinstance(error, LocalEntryNotFoundError)


def _fetched(repo: str, revision: str, records_dir: Path) -> Path:
    """Return the snapshot, fetched where anything is missing, and note that it is whole.

    The list of the commit's files is asked for by itself: out of reach of the Hub, the library gives back whatever lies
    in the cache.
    """
    from huggingface_hub import HfApi, snapshot_download

    folder = Path(snapshot_download(repo, revision=revision or None, ignore_patterns=list(NOT_FETCHED)))
    listed = HfApi().model_info(repo, revision=folder.name).siblings or []
    names = _fetched_of(item.rfilename for item in listed)
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{folder}: {len(missing)} files did not arrive ({missing[0]} is one)")
    # What cannot be noted is asked for again.
    with suppress(OSError):
        record = _record(folder, records_dir)
        record.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(record) as file:
            file.write(json.dumps(names) + "\n")
    return folder


def _record(folder: Path, records_dir: Path) -> Path:
    key = json.dumps([str(folder.absolute()), NOT_FETCHED])
    return records_dir / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def _was_fetched(folder: Path, records_dir: Path) -> bool:
    """Tell whether all files that were fetched for this commit are there; somebody may have tidied up since."""
    try:
        names = json.loads(_record(folder, records_dir).read_text(encoding="utf-8"))
        return isinstance(names, list) and bool(names) and all((folder / str(name)).is_file() for name in names)
    except (OSError, ValueError):
        return False


def _unproven(repo: str, folder: Path) -> list[str]:
    """Return the files that may be missing: the cache holds neither them nor a note that the commit has none."""
    listed = _listed_before(repo, folder)
    if listed is not None:
        return [name for name in listed if not (folder / name).is_file()]
    from huggingface_hub import try_to_load_from_cache

    def unknown(names: Iterable[str]) -> list[str]:
        return [
            name
            for name in names
            if not (folder / name).is_file() and try_to_load_from_cache(repo, name, revision=folder.name) is None
        ]

    has_modules = (folder / "modules.json").is_file()
    return unknown([*_DECIDING, *(_DECIDING_MODULES if has_modules else ())]) + named_but_missing(folder)


def _listed_before(repo: str, folder: Path) -> list[str] | None:
    """Return the commit's files as an earlier whole download listed them, None where the cache has no such list."""
    try:
        from huggingface_hub import get_cached_repo_tree
        from huggingface_hub.errors import CachedRepoTreeNotFoundError
    except ImportError:  # before version 2 the cache has no such list
        return None
    try:
        found = get_cached_repo_tree(repo, revision=folder.name)
    except CachedRepoTreeNotFoundError:
        return None
    return _fetched_of(item.path for item in found)


def _fetched_of(names: Iterable[str]) -> list[str]:
    """Return those of a commit's files that are fetched, matched as the library does."""
    return sorted(name for name in names if not any(fnmatch(name, pattern) for pattern in NOT_FETCHED))


def named_but_missing(folder: Path) -> list[str]:
    """Return the files that a model folder itself names, or cannot be without, and that are not in it."""
    modules = _read(folder / "modules.json")
    paths = [str(module.get("path", "")) for module in modules] if isinstance(modules, list) else [""]
    kinds = [str(module.get("type", "")) for module in modules] if isinstance(modules, list) else ["Transformer"]
    missing: list[str] = []
    for path, kind in zip(paths, (kind.rsplit(".", 1)[-1] for kind in kinds), strict=True):
        module_dir = folder / path
        if kind in {"Transformer", "StaticEmbedding", "Dense"} and not _has_weights(module_dir):
            missing.append(_below(path, "model.safetensors"))
        if kind in {"Transformer", "Pooling", "Dense"} and not (module_dir / "config.json").is_file():
            missing.append(_below(path, "config.json"))
        if kind in {"Transformer", "StaticEmbedding"} and not _has_tokenizer(module_dir):
            missing.append(_below(path, "tokenizer.json"))
        missing += [_below(path, name) for name in _shards(module_dir) if not (module_dir / name).is_file()]
    return missing


def _shards(folder: Path) -> Sequence[str]:
    for name in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
        index = _read(folder / name)
        if isinstance(index, dict) and isinstance(index.get("weight_map"), dict):
            return sorted({str(shard) for shard in index["weight_map"].values()})
    return ()


def _has_weights(folder: Path) -> bool:
    patterns = ("*.safetensors", "pytorch_model*.bin", "*.index.json")
    return any(any(folder.glob(pattern)) for pattern in patterns)


def _has_tokenizer(folder: Path) -> bool:
    names = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "spm.model", "sentencepiece.bpe.model")
    return any((folder / name).is_file() for name in (*names, "tokenizer.model"))


def _below(path: str, name: str) -> str:
    return f"{path}/{name}" if path not in {"", "."} else name


def _read(path: Path) -> object:
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value
