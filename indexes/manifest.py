"""What one generation of an index holds, and the file that says so."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

from data.checksums import sha256_of
from data.errors import EncoderMismatchError, IndexDamagedError, IndexVersionError
from indexes.durable import sha256_of_edges

FORMAT_VERSION = 1
MANIFEST_NAME = "manifest.json"

_HEAD_BYTES = 4096
_TAIL_BYTES = 4096


@dataclass(frozen=True)
class EncoderIdentity:
    """What makes two encoders the same: their vectors can be compared only if all of it is equal but the name.

    `weights_sha256` covers every weight file; `max_length` is in tokens, 0 where nothing limits it. The prompts are put
    before a claim and before a document. `similarity` is `cosine` for unit vectors, `dot` where lengths count.
    `revision` is the commit of a model of the Hub.
    """

    name: str
    weights_sha256: str
    pooling: str
    max_length: int
    dim: int
    precision: str = ""
    query_prompt: str = ""
    document_prompt: str = ""
    similarity: str = "cosine"
    revision: str | None = None

    def require_same(self, other: EncoderIdentity, index_path: Path) -> None:
        """Raise EncoderMismatchError, with both names, unless `other` gives vectors comparable with this one's."""
        if asdict(self) | {"name": ""} == asdict(other) | {"name": ""}:
            return
        raise EncoderMismatchError(
            f"{index_path}: its vectors come from encoder {self._text()}, not from {other._text()}; "
            f"search with --encoder {self.name}, or build the index anew"
        )

    def _text(self) -> str:
        weights = f"weights {self.weights_sha256[:12]}"
        return f"{self.name} ({weights}, {self.pooling}, {self.max_length} tokens, {self.dim} dimensions)"


@dataclass(frozen=True)
class VectorFile:
    """One immutable vector segment: its file below the generation, rows in it, and whether its search is exact."""

    file: str
    n_rows: int
    exact: bool


@dataclass(frozen=True)
class FileCheck:
    """Size in bytes and SHA-256 of a committed file, and of its edges, which are checked whenever it is opened.

    The edges are the first `head_size` bytes and the last 4 KiB. The libraries keep there what says how to read the
    rest: a bad byte in it makes them ask for absurd amounts of memory, or never end. A bad byte elsewhere makes a wrong
    answer or an error, and is found by `verify_index`.
    """

    size: int
    sha256: str
    head_size: int
    edges_sha256: str

    @classmethod
    def of(cls, path: Path, head_size: int = _HEAD_BYTES) -> Self:
        """Read a file that is going to be committed."""
        size = path.stat().st_size
        head_size = min(head_size, size)
        return cls(size, sha256_of(path), head_size, sha256_of_edges(path, head_size, _TAIL_BYTES))

    def damage(self, path: Path) -> str | None:
        """Read the whole file; returns what is wrong with it, or None."""
        return self._wrong_size(path) or (None if sha256_of(path) == self.sha256 else "its checksum does not match")

    def visible_damage(self, path: Path) -> str | None:
        """Read the file's edges only; returns what is wrong with them, or None."""
        if wrong_size := self._wrong_size(path):
            return wrong_size
        edges = sha256_of_edges(path, self.head_size, _TAIL_BYTES)
        return None if edges == self.edges_sha256 else "the checksum of its edges does not match"

    def _wrong_size(self, path: Path) -> str | None:
        size = path.stat().st_size
        return None if size == self.size else f"{size} bytes, committed with {self.size}"


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
        except (ValueError, KeyError, TypeError, RecursionError):
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
        try:
            values = {item.name: body[item.name] for item in fields(cls)}
            values["encoder"] = EncoderIdentity(**body["encoder"])
            values["vector_files"] = tuple(VectorFile(**item) for item in body["vector_files"])
            values["files"] = {name: FileCheck(**check) for name, check in body["files"].items()}
        except (KeyError, TypeError) as error:
            raise IndexDamagedError(
                f"{path}: is no manifest of format version {FORMAT_VERSION} ({error}); build the index anew"
            ) from error
        return cls(**values)


def _canonical(value: object) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"
