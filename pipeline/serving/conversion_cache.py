"""The cache of converted models.

Files carry checksums. A model is converted again only if it is proven damaged; any other failure, such as a lack of
memory, leaves it in place.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
import time
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from claimhound.data.disk.checksums import json_sha256, sha256_of
from claimhound.pipeline.model_folders.cache_folder import cache_dir
from claimhound.pipeline.model_folders.fingerprints import weights_sha256
from claimhound.pipeline.serving.compute import Precision
from claimhound.pipeline.serving.conversion_record import Measured
from claimhound.pipeline.serving.processor import this_processor

Kind = Literal["encoder", "cross-encoder"]

IR = "model.xml"
RECORD = "measured.json"
UNFINISHED = "making-"
"""The prefix of a folder where a conversion is being written."""
_COMPILED = "compiled.bin"
# Raise this when the conversion or its texts change, so models cached by older versions are converted again.
_VERSION = 6
_SETTINGS = (
    "*config*.json", "modules.json", "tokenizer.json", "special_tokens_map.json", "added_tokens.json", "vocab*",
    "merges.txt", "*.model", "*/config.json",
)  # fmt: skip
_DECIDING_PACKAGES = ("openvino", "nncf", "torch", "transformers", "sentence-transformers", "tokenizers")
_ABANDONED_S = 24 * 3600
_DIGEST_BYTES = 32


class Conversion(NamedTuple):
    """A conversion to make: the folder of a plain transformer, its kind, its maximum length and the precision."""

    model_dir: Path
    kind: Kind
    max_length: int
    precision: Precision = "auto"


class Converted(NamedTuple):
    """A finished conversion in its folder."""

    folder: Path
    measured: Measured

    @property
    def ir_path(self) -> Path:
        """The model file for OpenVINO."""
        return self.folder / IR

    def damage(self) -> str | None:
        """Read all files; return a description of the first damage, or None."""
        for name, digest in self.measured.files.items():
            path = self.folder / name
            try:
                found = sha256_of(path)
            except FileNotFoundError:
                return f"{path}: missing"
            if found != digest:
                return f"{path}: its checksum does not match"
        return None

    def compiled(self) -> NDArray[np.uint8] | None:
        """Return the bytes kept by `keep_compiled`, None if there are none or they are damaged.

        They are memory-mapped: reading and copying 45 MB took 70 ms more. This is safe because the file is only ever
        replaced as a whole.
        """
        path = self.folder / _COMPILED
        try:
            with path.open("rb") as file:
                digest = file.read(_DIGEST_BYTES)
            content = np.memmap(path, dtype=np.uint8, mode="c", offset=_DIGEST_BYTES)
        except (OSError, ValueError):  # missing or truncated
            return None
        return content if hashlib.sha256(content.data).digest() == digest else None

    def keep_compiled(self, content: bytes) -> None:
        """Keep the model compiled for this processor; reading it takes a fraction of the time to compile.

        Raises OSError if it cannot be written, which only costs time.
        """
        part = self.folder / f".{secrets.token_hex(4)}.part"
        try:
            part.write_bytes(hashlib.sha256(content).digest() + content)
            part.replace(self.folder / _COMPILED)
        finally:
            part.unlink(missing_ok=True)


def all_converted() -> list[Converted]:
    """Return all cached conversions, ordered by folder name."""
    found = (find_converted(path.parent) for path in sorted(conversions_dir().glob(f"*/{RECORD}")))
    return [one for one in found if one is not None]


def known_conversion(what: Conversion) -> Converted | None:
    """Return the conversion if it is cached, None if it is not or the cache cannot be read."""
    try:
        return find_converted(conversion_dir(what))
    except OSError:
        return None


def conversions_dir() -> Path:
    """Return the folder of all conversions."""
    return cache_dir() / "models"


def conversion_dir(what: Conversion) -> Path:
    """Return the folder of a conversion, named by a digest of everything that determines its result."""
    stamp = [
        _VERSION,
        what.kind,
        what.max_length,
        what.precision,
        weights_sha256(what.model_dir),
        _settings_sha256(what.model_dir),
        *_versions(),
        this_processor().features,
    ]
    return conversions_dir() / json_sha256(stamp)[:24]


@cache
def _versions() -> tuple[str, ...]:
    return tuple(version(package) for package in _DECIDING_PACKAGES)


def _settings_sha256(model_dir: Path) -> str:
    """Return a digest of the files, other than weights, that determine the model's output."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _SETTINGS for path in model_dir.glob(pattern) if path.is_file()}):
        digest.update(f"{path.relative_to(model_dir).as_posix()} {sha256_of(path)}\n".encode())
    return digest.hexdigest()


def find_converted(target: Path) -> Converted | None:
    """Return the conversion in a folder, None if there is none or its record is unreadable."""
    try:
        return Converted(target, Measured.read(target / RECORD))
    except (FileNotFoundError, ValueError):
        return None


def remove_abandoned() -> None:
    """Remove the leftovers of conversions killed at least a day ago."""
    for path in conversions_dir().glob(f"{UNFINISHED}*"):
        try:
            abandoned = path.stat().st_mtime < time.time() - _ABANDONED_S
        except OSError:
            continue  # finished just now
        if abandoned:
            shutil.rmtree(path, ignore_errors=True)
