"""Models in the form and precision that serve on this machine, each made once and kept.

Making takes torch and NNCF, which take seconds to import and hundreds of megabytes: a process of its own does it
(`pipeline/models/converting.py`), and searching needs neither. What is kept carries checksums and is made anew only
if it is proven damaged; whatever else goes wrong with it, say for want of memory, leaves it where it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from claimhound.data.disk.checksums import sha256_of
from claimhound.data.disk.file_systems import acquire_lock
from claimhound.data.errors import ModelError
from claimhound.pipeline.model_folders.cache_folder import cache_dir
from claimhound.pipeline.model_folders.files import weights_sha256
from claimhound.pipeline.serving.agreement import Agreement, LogitAgreement, VectorAgreement
from claimhound.pipeline.serving.compute import Notify, Precision, ignore
from claimhound.pipeline.serving.precision import Candidate
from claimhound.pipeline.serving.processor import this_processor

Kind = Literal["encoder", "cross-encoder"]

IR = "model.xml"
RECORD = "measured.json"
_COMPILED = "compiled.bin"
# Raise when the conversion or its texts change, so that what an older version cached is made anew.
_VERSION = 6
_SETTINGS = (
    "*config*.json", "modules.json", "tokenizer.json", "special_tokens_map.json", "added_tokens.json", "vocab*",
    "merges.txt", "*.model", "*/config.json",
)  # fmt: skip
_DECIDING_PACKAGES = ("openvino", "nncf", "torch", "transformers", "sentence-transformers", "tokenizers")
_MAKING = "making-"
_FOR_EVER = -1
_ABANDONED_S = 24 * 3600
_DIGEST_BYTES = 32


class Conversion(NamedTuple):
    """What is to be converted: the folder of a model that is a plain transformer, what it is, and its most tokens."""

    model_dir: Path
    kind: Kind
    max_length: int
    precision: Precision = "auto"


@dataclass(frozen=True)
class Measured:
    """What the conversion found.

    `served` is a precision, or None if no converted form of the model can stand for the library's; `reason` then says
    why. `files` are the SHA-256 of what was written. `processor` is its name.
    """

    served: str | None
    reason: str
    processor: str
    candidates: tuple[Candidate, ...]
    files: Mapping[str, str]

    def to_json(self) -> str:
        """Return what `read` reads."""
        candidates = [
            {**one._asdict(), "agreement": one.agreement and one.agreement._asdict(), "agrees": one.agrees}
            for one in self.candidates
        ]
        return json.dumps(
            {
                "served": self.served,
                "reason": self.reason,
                "processor": self.processor,
                "candidates": candidates,
                "files": dict(self.files),
            },
            indent=1,
        )

    @classmethod
    def read(cls, path: Path) -> Measured:
        """Read what a conversion wrote; raises ValueError if it is not that, OSError if it cannot be read."""
        try:
            values = json.loads(path.read_bytes())
            candidates = tuple(
                Candidate(one["precision"], one["rate"], _agreement(one["agreement"]), one["failure"])
                for one in values["candidates"]
            )
            files = {str(name): str(digest) for name, digest in values["files"].items()}
            return cls(values["served"], values["reason"], values["processor"], candidates, files)
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"{path}: is no record of a conversion ({error})") from error


def _agreement(values: dict[str, float] | None) -> Agreement | None:
    if values is None:
        return None
    return VectorAgreement(**values) if "mean_cosine" in values else LogitAgreement(**values)


class Converted(NamedTuple):
    """A conversion that is there, in its folder."""

    folder: Path
    measured: Measured

    @property
    def ir_path(self) -> Path:
        """The model as OpenVINO reads it."""
        return self.folder / IR

    def damage(self) -> str | None:
        """Read all files; returns what is wrong with the first that is not as it was written, or None."""
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
        """Return the bytes that `keep_compiled` kept, None if there are none or one of them changed.

        They are mapped: of 45 MB, reading and copying took 70 ms more. That is safe, as the file is only ever replaced.
        """
        path = self.folder / _COMPILED
        try:
            with path.open("rb") as file:
                digest = file.read(_DIGEST_BYTES)
            content = np.memmap(path, dtype=np.uint8, mode="c", offset=_DIGEST_BYTES)
        except (OSError, ValueError):  # not there, or cut short
            return None
        return content if hashlib.sha256(content.data).digest() == digest else None

    def keep_compiled(self, content: bytes) -> None:
        """Keep the model as compiled for this processor, whose reading takes a fraction of compiling.

        Raises OSError where it cannot be written, which costs time and nothing else.
        """
        part = self.folder / f".{secrets.token_hex(4)}.part"
        try:
            part.write_bytes(hashlib.sha256(content).digest() + content)
            part.replace(self.folder / _COMPILED)
        finally:
            part.unlink(missing_ok=True)


def _convert_in_child(what: Conversion, target: Path) -> None:
    # CI and NNCF_CI keep OpenVINO's converter and NNCF from reporting their use over the network.
    environment = os.environ | {
        "CI": "true",
        "NNCF_CI": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    # -P: a folder `claimhound` in the user's working directory is not this package.
    words = [str(what.model_dir), what.kind, str(what.max_length), what.precision, str(target)]
    command = [sys.executable, "-P", "-m", "claimhound.pipeline.models.converting", *words]
    # Nothing to read: a library that asks a question would get the answer that was meant for us.
    finished = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
        check=False,
    )
    if finished.returncode != 0:
        lines = [line for line in finished.stderr.splitlines() if line.strip()] or ["no reason given"]
        # A signal's number, negative: nothing was printed then.
        reason = lines[-1].strip() if finished.returncode > 0 else f"ended by signal {-finished.returncode}"
        free = shutil.disk_usage(target).free / 1e6
        raise ModelError(
            f"{what.model_dir}: cannot be converted ({reason}); "
            f"it was written below {cache_dir()}, where {free:,.0f} MB are free"
        )


def converted(
    what: Conversion,
    notify: Notify = ignore,
    *,
    convert: Callable[[Conversion, Path], None] = _convert_in_child,
) -> Converted:
    """Return the model as it serves on this machine, converting it first if that was not done before.

    `notify` is called with one line when a conversion begins, which takes up to a minute. `convert` writes the model
    and its record into the given folder. Raises ModelError if the model cannot be converted or kept.
    """
    try:
        target = _target(what)
        if (found := _found(target)) is not None:
            return found
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target, what, notify):
            if (found := _found(target)) is not None:
                return found  # another process made it meanwhile
            notify(f"converting the {what.kind} for this machine's processor (once, up to a minute) …")
            _remove_abandoned(target.parent)
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=_MAKING) as scratch:
                made = Path(scratch) / "model"
                made.mkdir()
                convert(what, made)
                shutil.rmtree(target, ignore_errors=True)
                made.rename(target)
            return Converted(target, Measured.read(target / RECORD))
    except OSError as error:
        raise ModelError(
            f"{_folder()}: cannot be used ({error.strerror}); converted models are kept there, "
            "or where XDG_CACHE_HOME says"
        ) from error


def converted_anew(damaged: Converted, what: Conversion, notify: Notify = ignore) -> Converted:
    """Return the model converted once more, in place of one that is proven damaged; raises as `converted` does."""
    with _alone(damaged.folder, what, notify):
        now = _found(damaged.folder)
        # Another process may have made it anew meanwhile.
        if now is not None and (damage := now.damage()):
            notify(f"{damage}; it is made anew")
            shutil.rmtree(damaged.folder, ignore_errors=True)
    return converted(what, notify)


@contextmanager
def _alone(target: Path, what: Conversion, notify: Notify) -> Iterator[None]:
    """Hold the lock of a conversion: two that run side by side would measure each other's load.

    Raises OSError where there can be no lock.
    """
    folder = cache_dir() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{target.name}.lock"
    lock = acquire_lock(path)
    if lock is None:
        notify(f"another process is converting the {what.kind}; waiting for it …")
    while lock is None:
        lock = acquire_lock(path, _FOR_EVER)
    try:
        yield
    finally:
        lock.release()


def all_converted() -> list[Converted]:
    """Return every conversion that the cache holds, whatever the model, in the order of their folders' names."""
    found = (_found(path.parent) for path in sorted(_folder().glob(f"*/{RECORD}")))
    return [one for one in found if one is not None]


def known_conversion(what: Conversion) -> Converted | None:
    """Return the conversion if it was made before, None too where the cache cannot be read."""
    try:
        return _found(_target(what))
    except OSError:
        return None


def _folder() -> Path:
    return cache_dir() / "models"


def _target(what: Conversion) -> Path:
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
    return _folder() / hashlib.sha256(json.dumps(stamp).encode()).hexdigest()[:24]


@cache
def _versions() -> tuple[str, ...]:
    """Return the versions of all that decides what a conversion gives."""
    return tuple(version(package) for package in _DECIDING_PACKAGES)


def _settings_sha256(model_dir: Path) -> str:
    """Return a digest of all that lies in the folder beside the weights and decides what the model computes."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _SETTINGS for path in model_dir.glob(pattern) if path.is_file()}):
        digest.update(f"{path.relative_to(model_dir).as_posix()} {sha256_of(path)}\n".encode())
    return digest.hexdigest()


def _found(target: Path) -> Converted | None:
    """Return the conversion in a folder, None if there is none, or no record that can be read."""
    try:
        return Converted(target, Measured.read(target / RECORD))
    except (FileNotFoundError, ValueError):
        return None


def _remove_abandoned(folder: Path) -> None:
    """Remove what a conversion left that was killed."""
    for path in folder.glob(f"{_MAKING}*"):
        try:
            abandoned = path.stat().st_mtime < time.time() - _ABANDONED_S
        except OSError:
            continue  # just finished
        if abandoned:
            shutil.rmtree(path, ignore_errors=True)
