"""Models on the Hugging Face Hub: a complete snapshot of one commit, or an error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.disk.checksums import json_sha256

# Copies of the model for other programs, which many repositories contain.
_NOT_FETCHED = ("onnx/*", "openvino/*", "*.onnx", "*.h5", "*.msgpack", "*.ot", "*.gguf", "*.pt", "*.tflite")
_COMMIT = re.compile(r"[0-9a-f]{40}")
# Optional files that decide how a model is read. If one exists but was never downloaded, the model would be pooled
# differently, truncated elsewhere or read without its prompts.
_DECIDING = ("modules.json", "adapter_config.json", "tokenizer_config.json")
_DECIDING_MODULES = ("config_sentence_transformers.json", "sentence_bert_config.json")


class NotOnThisMachineError(Exception):
    """The complete model is not available; the first line of the message says why."""


def hub_folder(name: str, records_dir: Path) -> Path:
    """Return the folder with the complete model `owner/model` or `owner/model@revision` of the Hub.

    The Hub is contacted only if the model is not known to be complete on this machine: `records_dir` holds a file for
    each commit that was downloaded here. A partial download by another program is completed; if the Hub cannot be
    reached, it is used if the cache shows that nothing is missing. Raises NotOnThisMachineError otherwise.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    repo, _, revision = name.partition("@")
    kept: Path | None = None
    incomplete: Exception | None = None
    try:
        ignored = list(_NOT_FETCHED)
        kept = Path(snapshot_download(repo, revision=revision or None, local_files_only=True, ignore_patterns=ignored))
    except LocalEntryNotFoundError as error:
        incomplete = error  # nothing cached, or less than the cache's own list
    except (HFValidationError, ValueError, OSError) as error:
        raise NotOnThisMachineError(str(error)) from error
    if kept is not None and _was_fetched(kept, records_dir):
        return kept
    try:
        return _fetched(repo, revision, records_dir)
    except Exception as error:  # includes errors of the HTTP library, which depends on the version
        if kept is None:
            why = str(incomplete if isinstance(error, LocalEntryNotFoundError) else error)
            if "pass 'local_files_only=False'" in why:  # an argument of the library's functions
                why = "it was never downloaded here, and the Hub cannot be reached"
            raise NotOnThisMachineError(why) from error
        missing = _unproven(repo, kept)
        if missing:
            raise NotOnThisMachineError(
                f"the cache {kept} may lack {', '.join(missing)}, and the Hub cannot be reached; run once online, "
                "or name a folder"
            ) from error
        return kept


def revision_of(folder: Path) -> str | None:
    """Return the commit of a snapshot folder, None for any other folder."""
    parts = folder.absolute().parts[-3:]
    is_snapshot = len(parts) == 3 and parts[0].startswith("models--") and parts[1] == "snapshots"
    return parts[2] if is_snapshot and _COMMIT.fullmatch(parts[2]) else None


def pinned(name: str, revision: str | None) -> str:
    """Return a model's name with its revision, if any, replaced by the commit."""
    return name if revision is None else f"{name.partition('@')[0]}@{revision}"


def _fetched(repo: str, revision: str, records_dir: Path) -> Path:
    """Return the snapshot, downloading what is missing, and record that it is complete.

    The commit's file list is requested separately: without a connection the library returns what is cached.
    """
    from huggingface_hub import HfApi, snapshot_download

    folder = Path(snapshot_download(repo, revision=revision or None, ignore_patterns=list(_NOT_FETCHED)))
    listed = HfApi().model_info(repo, revision=folder.name).siblings or []
    names = _fetched_of(item.rfilename for item in listed)
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{folder}: {len(missing)} files were not downloaded, such as {missing[0]}")
    # Without a record the Hub is asked again next time.
    with suppress(OSError):
        record = _record(folder, records_dir)
        record.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(record) as file:
            file.write(json.dumps(names) + "\n")
    return folder


def _record(folder: Path, records_dir: Path) -> Path:
    return records_dir / f"{json_sha256([str(folder.absolute()), _NOT_FETCHED])}.json"


def _was_fetched(folder: Path, records_dir: Path) -> bool:
    """Return whether all files downloaded for this commit are still there."""
    try:
        names = json.loads(_record(folder, records_dir).read_text(encoding="utf-8"))
        return isinstance(names, list) and bool(names) and all((folder / str(name)).is_file() for name in names)
    except (OSError, ValueError):
        return False


def _unproven(repo: str, folder: Path) -> list[str]:
    """Return the files that may be missing: neither cached nor recorded as absent from the commit."""
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
    """Return the commit's files as listed by an earlier complete download, None if the cache has no list."""
    try:
        from huggingface_hub import get_cached_repo_tree
        from huggingface_hub.errors import CachedRepoTreeNotFoundError
    except ImportError:  # before version 2 the cache had no list
        return None
    try:
        found = get_cached_repo_tree(repo, revision=folder.name)
    except CachedRepoTreeNotFoundError:
        return None
    return _fetched_of(item.path for item in found)


def _fetched_of(names: Iterable[str]) -> list[str]:
    """Return the files of a commit that are downloaded, matched as the library does."""
    return sorted(name for name in names if not any(fnmatch(name, pattern) for pattern in _NOT_FETCHED))


def named_but_missing(folder: Path) -> list[str]:
    """Return the files that a model folder names or requires but does not contain."""
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
    names = ("tokenizer.json", "tokenizer.model", "vocab.txt", "vocab.json", "spiece.model", "spm.model",
             "sentencepiece.bpe.model")  # fmt: skip
    return any((folder / name).is_file() for name in names)


def _below(path: str, name: str) -> str:
    return f"{path}/{name}" if path not in {"", "."} else name


def _read(path: Path) -> object:
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value
