"""Writing a blend into a reranker's folder, or into a copy of it."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from claimhound.data.disk.atomic import require_writable_folder
from claimhound.data.errors import InputError
from claimhound.pipeline.models.blending import Blend, save_blend


def check_output(model_dir: Path, output_dir: Path | None) -> None:
    """Raise InputError if `write_calibrated` would, before work that may take an hour."""
    if output_dir is None:
        try:
            require_writable_folder(model_dir)
        except OSError as error:
            reason = f"cannot be written ({error.strerror}); choose a folder for a copy with --output DIR"
            raise InputError(f"{model_dir}: {reason}") from error
        return
    if output_dir.exists() and (not output_dir.is_dir() or any(output_dir.iterdir())):
        raise InputError(f"{output_dir}: already exists; choose a new folder for the copy")
    if not output_dir.resolve().parent.is_dir():
        raise InputError(f"{output_dir}: cannot be written: no such folder: {output_dir.resolve().parent}")
    try:
        require_writable_folder(output_dir.resolve().parent)
    except OSError as error:
        raise InputError(f"{output_dir}: cannot be written ({error.strerror})") from error


def write_calibrated(blend: Blend, model_dir: Path, output_dir: Path | None = None) -> Path:
    """Write the blend into the model's folder, or into a new copy of it; return the blend's folder.

    Both are written atomically. Raises InputError if it cannot be written or the copy already exists.
    """
    check_output(model_dir, output_dir)
    if output_dir is None:
        save_blend(blend, model_dir)
        return model_dir
    part = output_dir.resolve().with_name(f".{output_dir.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        shutil.copytree(model_dir, part, ignore=shutil.ignore_patterns("__init__.py", "__pycache__", "checkpoint*"))
        save_blend(blend, part)
        part.replace(output_dir)
    except OSError as error:
        raise InputError(f"{output_dir}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return output_dir
