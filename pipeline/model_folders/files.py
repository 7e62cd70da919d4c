"""The files of a model folder: its JSON settings, modules and weights."""

from __future__ import annotations

import json
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from claimhound.data.errors import ModelError

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "adapter_model.bin")


class ModuleEntry(NamedTuple):
    """One module of a sentence-transformers model: its subfolder and its class."""

    path: str
    kind: str

    @property
    def name(self) -> str:
        """The class without its package."""
        return self.kind.rsplit(".", 1)[-1]


def read_modules(model_dir: Path) -> list[ModuleEntry] | None:
    """Return the modules in order, or None if the folder has no modules.json.

    Raises ModelError if modules.json is not a list of modules, or names a path outside the folder.
    """
    path = model_dir / "modules.json"
    if not path.is_file():
        return None
    modules = read_any_json(path)
    try:
        entries = [ModuleEntry(str(module["path"]), str(module["type"])) for module in modules]  # type: ignore[attr-defined]
    except (TypeError, KeyError) as error:
        raise ModelError(f"{path}: not a list of modules") from error
    for entry in entries:
        parts = PureWindowsPath(entry.path)  # knows the separators of all systems
        if parts.anchor or ".." in parts.parts:
            raise ModelError(f"{path}: names {entry.path!r}, which is outside the folder")
    return entries


def module_dirs(model_dir: Path) -> list[Path]:
    """Return the modules' folders and all folders below them, sorted, without the model's own folder."""
    tops = {model_dir / entry.path for entry in read_modules(model_dir) or ()} - {model_dir}
    found = {path for top in tops if top.is_dir() for path in [top, *top.rglob("*")] if path.is_dir()}
    return sorted(found)


def weight_files(model_dir: Path) -> list[Path]:
    """Return the weight files of a model and its modules, safetensors rather than other formats.

    Raises ModelError if there are none.
    """
    found = [path for folder in [model_dir, *module_dirs(model_dir)] for path in _weights_in(folder)]
    if not found:
        raise ModelError(f"{model_dir}: holds no weights (no *.safetensors)")
    return found


def _weights_in(folder: Path) -> list[Path]:
    return next((files for pattern in _WEIGHTS if (files := sorted(folder.glob(pattern)))), [])


def read_json(path: Path) -> dict[str, object]:
    """Return a JSON file as an object, empty if there is no such file.

    Raises ModelError if it is not a JSON object.
    """
    value = read_any_json(path) if path.is_file() else {}
    if not isinstance(value, dict):
        raise ModelError(f"{path}: not a JSON object")
    return value


def read_any_json(path: Path) -> object:
    """Return the value in a JSON file.

    Raises ModelError if it is not JSON or cannot be read.
    """
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path}: not JSON ({error})") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    return value
