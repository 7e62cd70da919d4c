"""Digests that identify models."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from pathlib import Path

from claimhound.data.disk.checksums import json_sha256, sha256_of
from claimhound.pipeline.model_folders.cache_folder import cache_dir
from claimhound.pipeline.model_folders.files import module_dirs, weight_files

_SHA256 = re.compile(r"[0-9a-f]{64}")
TRANSFORMER_SETTINGS = tuple(
    f"sentence_{name}_config.json" for name in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta")
)
"""Files with the settings of sentence-transformers' own Transformer module."""
# Files that determine how the library reads a model, besides its weights and the files in its modules' folders.
_DECIDING = (
    "modules.json", "config.json", "config_sentence_transformers.json", "adapter_config.json", *TRANSFORMER_SETTINGS,
    "tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.model",
    "chat_template.*", "processor_config.json", "*.py",
)  # fmt: skip


def weights_sha256(model_dir: Path) -> str:
    """Return the hexadecimal SHA-256 of a model's weight files, in name order.

    Files are hashed again only when their size, times or inode changed: hashing 90 MB takes a tenth of a short search.
    """
    files = weight_files(model_dir)
    remembered = cache_dir() / "hashes" / json_sha256([_stamp(path) for path in files])
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
    """Return what changes when a file is replaced; includes st_ctime because copying can keep st_mtime."""
    found = path.stat()
    return [str(path.resolve()), found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns]


def library_fingerprint(model_dir: Path, *, trust_remote_code: bool = False) -> str:
    """Return a hexadecimal SHA-256 of everything but the weights that determines how the library reads a model."""
    found = hashlib.sha256()
    paths = {path for pattern in _DECIDING for path in model_dir.glob(pattern)}
    paths |= {path for folder in module_dirs(model_dir) for path in folder.glob("*")}
    weights = set(weight_files(model_dir))
    for path in sorted(paths - weights):
        if path.is_file() and (path.suffix != ".py" or trust_remote_code) and not _is_note(path):
            found.update(f"{path.relative_to(model_dir)} {path.stat().st_size}\n".encode())
            found.update(path.read_bytes())
    return found.hexdigest()


def _is_note(path: Path) -> bool:
    return path.suffix in {".md", ".bin", ".safetensors"} or path.name.startswith(".")
