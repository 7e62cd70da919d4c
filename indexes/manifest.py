"""What one generation of an index holds, and the file that says so."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from data.errors import EncoderMismatchError, IndexDamagedError, IndexVersionError

FORMAT_VERSION = 1
MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True)
class EncoderIdentity:
    """What makes two encoders the same: their vectors can be compared only if all of it is equal but the name.

    `weights_sha256` covers every weight file; `max_length` is in tokens.
    """

    name: str
    weights_sha256: str
    pooling: str
    max_length: int
    dim: int

    def require_same(self, other: EncoderIdentity, index_path: Path) -> None:
        """Raise EncoderMismatchError, with both names, unless `other` gives vectors comparable with this one's."""
        if asdict(self) | {"name": ""} == asdict(other) | {"name": ""}:
            return
        raise EncoderMismatchError(
            f"{index_path}: its vectors come from encoder {self._text()}, not from {other._text()}; "
            f"search with --encoder {self.name}, or build the index anew"
        )

    def _text(self) -> str:
        return f"{self.name} (weights {self.weights_sha256[:12]}, {self.pooling}, {self.max_length} tokens, {self.dim} dimensions)"


@dataclass(frozen=True)
class VectorFile:
    """One immutable vector segment: its file below the generation, rows in it, and whether its search is exact."""

    file: str
    n_rows: int
    exact: bool


@dataclass(frozen=True)
class FileCheck:
    """Size in bytes and SHA-256 of a committed file."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """One generation. Positions count up from 0 over the life of the index and are never given twice.

    `n_dead_text` documents still lie in the text segments, marked deleted; `n_dead_vectors` likewise.
    """

    generation: int
    n_docs: int
    next_position: int
    n_dead_text: int
    n_dead_vectors: int
    encoder: EncoderIdentity
    vector_files: tuple[VectorFile, ...]
    files: dict[str, FileCheck]
    format_version: int = FORMAT_VERSION

    def to_bytes(self) -> bytes:
        """The file's exact bytes; they carry their own checksum, and no other bytes stand for this manifest."""
        body = asdict(self)
        return _canonical({"checksum": hashlib.sha256(_canonical(body)).hexdigest(), "manifest": body})

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest file.

        Raises IndexDamagedError if a byte of it changed, IndexVersionError if another format version wrote it.
        """
        data = path.read_bytes()
        try:
            outer = json.loads(data)
            body = outer["manifest"]
            intact = outer["checksum"] == hashlib.sha256(_canonical(body)).hexdigest() and _canonical(outer) == data
        except (ValueError, KeyError, TypeError):
            intact = False
        if not intact:
            raise IndexDamagedError(
                f"{path}: damaged (its checksum does not match); restore it or build the index anew"
            )
        if body["format_version"] != FORMAT_VERSION:
            raise IndexVersionError(
                f"{path.parent.parent}: written in format version {body['format_version']}, this program reads "
                f"version {FORMAT_VERSION}; build the index anew, or use the program that wrote it"
            )
        values = {item.name: body[item.name] for item in fields(cls)}
        values["encoder"] = EncoderIdentity(**body["encoder"])
        values["vector_files"] = tuple(VectorFile(**item) for item in body["vector_files"])
        values["files"] = {name: FileCheck(**check) for name, check in body["files"].items()}
        return cls(**values)


def _canonical(value: object) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"
