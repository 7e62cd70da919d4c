"""The manifest of one generation: its contents, checksums and versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from claimhound.data.disk.checksums import sha256_of
from claimhound.data.errors import EncoderMismatchError, IndexDamagedError, IndexUnusableError, IndexVersionError
from claimhound.data.formats.fields import ID_SCHEME_VERSION
from claimhound.data.text.text_form import TEXT_FORM_VERSION
from claimhound.indexes.analysis.terms import ANALYSIS_VERSION
from claimhound.indexes.durable import sha256_of_edges

FORMAT_VERSION = 3
# Earlier formats are read by `index renew`. Facts missing from their manifests are unknown, except the versions
# of the rules: all were 1 in format 1.
_MISSING_IN_FORMAT_2: dict[str, Any] = {"n_dated": None, "has_titles": None, "made_ids": None}
_MISSING_IN: dict[int, dict[str, Any]] = {
    1: {"text_form": 1, "analysis": 1, "id_scheme": 1, "is_split": None, "n_tokens": None} | _MISSING_IN_FORMAT_2,
    2: _MISSING_IN_FORMAT_2,
    FORMAT_VERSION: {},
}
_ENCODER_FACTS_MISSING_IN_FORMAT_1: dict[str, Any] = {
    "precision": "", "query_prompt": None, "document_prompt": None, "similarity": None, "revision": None,
}  # fmt: skip
MANIFEST_NAME = "manifest.json"

_HEAD_BYTES = 4096
_TAIL_BYTES = 4096


@dataclass(frozen=True)
class EncoderIdentity:
    """The encoder of an index's vectors.

    Vectors of two encoders can be compared only if weights, pooling, length, dimension, prompts and similarity are
    equal. `weights_sha256` covers every weight file; `max_length` is in tokens, 0 for no limit. A prompt is put before
    each claim or document, "" for none. `similarity` is `cosine` for unit vectors, `dot` if lengths count. For these
    three, None means unknown (format 1) and equals anything.

    `precision` names the precision of the vectors, as in `bf16`, or several, as in `bf16, int8`; "" is unknown. It is
    not compared: a precision is only used if it agrees with float32. Nor is `revision`, the commit on a model hub.
    """

    name: str
    weights_sha256: str
    pooling: str
    max_length: int
    dim: int
    precision: str = ""
    query_prompt: str | None = ""
    document_prompt: str | None = ""
    similarity: str | None = "cosine"
    revision: str | None = None

    def require_same(self, other: EncoderIdentity, index_path: Path) -> None:
        """Raise EncoderMismatchError, with names and differences, unless `other` gives comparable vectors.

        `index_path` is the index with this encoder's vectors.
        """
        differences = list(self._differences(other))
        if not differences:
            return
        raise EncoderMismatchError(
            f"{index_path}: its vectors come from encoder {self.name}, not from {other.name} "
            f"({'; '.join(differences)}); give that encoder with --encoder, or recompute its vectors with: "
            f"claimhound index renew --index {index_path}"
        )

    def also_computed_in(self, precision: str) -> EncoderIdentity:
        """Return this identity with `precision` added; the result is unknown if either is."""
        known = bool(self.precision and precision)
        together = sorted({*self.precision.split(", "), *precision.split(", ")}) if known else []
        return replace(self, precision=", ".join(together))

    def _differences(self, other: EncoderIdentity) -> Iterator[str]:
        """Yield each difference that makes vectors of two encoders incomparable, in words."""
        for words, own, others in (
            ("weights {}", self.weights_sha256[:12], other.weights_sha256[:12]),
            ("pooling {}", self.pooling, other.pooling),
            ("{} tokens", self.max_length, other.max_length),
            ("{} dimensions", self.dim, other.dim),
            ("{} before claims", _quoted(self.query_prompt), _quoted(other.query_prompt)),
            ("{} before documents", _quoted(self.document_prompt), _quoted(other.document_prompt)),
            ("for {} similarity", self.similarity, other.similarity),
        ):
            if own != others and own is not None and others is not None:
                yield f"{words.format(own)}, not {others}"


@dataclass(frozen=True)
class VectorFile:
    """One immutable vector segment: its file below the generation, its rows, and whether its search is exact."""

    file: str
    n_rows: int
    exact: bool


@dataclass(frozen=True)
class FileCheck:
    """Size in bytes and SHA-256 of a committed file and of its edges, which are checked whenever the index is opened.

    The edges are the first `head_size` bytes and the last 4 KiB. There the libraries store how to read the rest: a bad
    byte makes them allocate absurd amounts of memory or hang. A bad byte elsewhere gives a wrong answer or an
    error, and is found by `verify_index`.
    """

    size: int
    sha256: str
    head_size: int
    edges_sha256: str

    @classmethod
    def of(cls, path: Path, head_size: int = _HEAD_BYTES) -> Self:
        """Read a file that will be committed."""
        size = path.stat().st_size
        head_size = min(head_size, size)
        return cls(size, sha256_of(path), head_size, sha256_of_edges(path, head_size, _TAIL_BYTES))

    def damage(self, path: Path) -> str | None:
        """Read the whole file; return what is wrong with it, or None."""
        return self._wrong_size(path) or (None if sha256_of(path) == self.sha256 else "its checksum does not match")

    def visible_damage(self, path: Path) -> str | None:
        """Read only the file's edges; return what is wrong with them, or None."""
        if wrong_size := self._wrong_size(path):
            return wrong_size
        edges = sha256_of_edges(path, self.head_size, _TAIL_BYTES)
        return None if edges == self.edges_sha256 else "the checksum of its edges does not match"

    def _wrong_size(self, path: Path) -> str | None:
        size = path.stat().st_size
        return None if size == self.size else f"{size} bytes, committed with {self.size}"


@dataclass(frozen=True)
class Manifest:
    """One generation. Positions count up from 0 over the life of the index and are never reused.

    `n_dead_text` deleted documents remain in the text segments; `n_dead_vectors` likewise. `n_tokens` is the exact
    number of terms that `analysis.tokenize` gives for the texts of all documents that are not deleted, repeated ones
    included, even if BM25's own statistics still count deleted ones. `n_dated` of them have a date. `has_titles` says
    whether any has a title; in a large index, whether any had one when its text was last rewritten.

    `is_split` says whether texts are indexed sentence by sentence by default. `made_ids` maps the prefix of the ids
    made for records without one (the part before the colon) to the source of the records. None means unknown: earlier
    formats lack it.

    `text_form`, `analysis` and `id_scheme` are versions of rules: the form in which models read a document, the terms
    of BM25, the ids of records without one.
    """

    generation: int
    n_docs: int
    next_position: int
    n_dead_text: int
    n_dead_vectors: int
    encoder: EncoderIdentity
    vector_files: tuple[VectorFile, ...]
    files: dict[str, FileCheck]
    n_tokens: int | None
    is_split: bool | None
    n_dated: int | None = 0
    has_titles: bool | None = False
    made_ids: dict[str, str] | None = field(default_factory=dict)
    text_form: int = TEXT_FORM_VERSION
    analysis: int = ANALYSIS_VERSION
    id_scheme: int = ID_SCHEME_VERSION
    format_version: int = FORMAT_VERSION

    def to_bytes(self) -> bytes:
        """Return the file's exact bytes, with their own checksum; no other bytes encode this manifest."""
        body = asdict(self)
        for name in _MISSING_IN[self.format_version]:
            del body[name]
        if self.format_version == 1:
            for name in _ENCODER_FACTS_MISSING_IN_FORMAT_1:
                del body["encoder"][name]
        return _canonical({"checksum": hashlib.sha256(_canonical(body)).hexdigest(), "manifest": body})

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest file of this format or an earlier one, with any versions of its rules.

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
            raise damaged(path, "its checksum does not match")
        version = body["format_version"]
        if not isinstance(version, int) or version not in _MISSING_IN:
            raise _wrong_format(path.parent.parent, version)
        try:
            body = _MISSING_IN[version] | body
            if version == 1:
                body["encoder"] = _ENCODER_FACTS_MISSING_IN_FORMAT_1 | body["encoder"]
            values = {item.name: body[item.name] for item in fields(cls)}
            values["encoder"] = EncoderIdentity(**body["encoder"])
            values["vector_files"] = tuple(VectorFile(**item) for item in body["vector_files"])
            values["files"] = {name: FileCheck(**check) for name, check in body["files"].items()}
        except (KeyError, TypeError) as error:
            raise IndexDamagedError(
                f"{path}: is not a manifest of format version {version} ({error}); rebuild the index"
            ) from error
        return cls(**values)

    @property
    def is_current(self) -> bool:
        """Whether the index has this program's format and rules."""
        return next(self._outdated(), None) is None

    def require_current(self, index_path: Path) -> None:
        """Raise IndexVersionError, with both versions, unless the index has this program's format and rules."""
        for name, found, current in self._outdated():
            raise IndexVersionError(
                f"{index_path}: made with version {found} of the {name}, but this program has version {current}; "
                f"rebuild it with: claimhound index renew --index {index_path}"
            )

    def _outdated(self) -> Iterator[tuple[str, int, int]]:
        """Yield each rule whose version is not this program's: its name, the index's version, this program's.

        The scheme of ids is not among them: ids are only names, and an index keeps those it has.
        """
        for name, found, current in (
            ("format", self.format_version, FORMAT_VERSION),
            ("text form", self.text_form, TEXT_FORM_VERSION),
            ("BM25 analysis", self.analysis, ANALYSIS_VERSION),
        ):
            if found != current:
                yield name, found, current


def damaged(path: Path, damage: str) -> IndexDamagedError:
    """Return the error for a damaged file or folder of an index."""
    return IndexDamagedError(f"{path}: damaged ({damage}); restore it or rebuild the index")


def unreadable(error: OSError, folder: Path) -> IndexUnusableError:
    """Return the error for an OSError while reading a generation in `folder`."""
    path = Path(error.filename or folder)
    if isinstance(error, FileNotFoundError):
        return damaged(path, "missing")
    return IndexUnusableError(f"{path}: cannot be read ({error.strerror})")


def _wrong_format(index_path: Path, version: object) -> IndexVersionError:
    return IndexVersionError(
        f"{index_path}: made with version {version} of the format, but this program has version {FORMAT_VERSION}; "
        "use the program that wrote it, or a later version of this one"
    )


def _quoted(prompt: str | None) -> str | None:
    return prompt if prompt is None else repr(prompt) if prompt else "nothing"


def _canonical(value: object) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"
