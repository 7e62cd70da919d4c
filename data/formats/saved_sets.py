"""Folders written by `save_to_disk` of the library `datasets`, recognised without loading the library."""

from __future__ import annotations

import json
from pathlib import Path

_SETS_FILE = "dataset_dict.json"
_SET_FILES = ("dataset_info.json", "state.json")


def saved_splits(folder: Path) -> list[str] | None:
    """Return the splits of a saved `DatasetDict`, an empty list for a single `Dataset`, None for any other folder."""
    if _is_file(folder / _SETS_FILE):
        try:
            splits = json.loads((folder / _SETS_FILE).read_bytes())["splits"]
        except (OSError, ValueError, KeyError, TypeError):
            splits = None
        if isinstance(splits, list) and splits:
            return [str(split) for split in splits]
        return sorted(path.name for path in folder.iterdir() if _is_saved_set(path))
    return [] if _is_saved_set(folder) else None


def _is_saved_set(folder: Path) -> bool:
    """Tell whether the folder is a saved single `Dataset`."""
    return all(_is_file(folder / name) for name in _SET_FILES)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no permission, or a name that is too long
        return False
