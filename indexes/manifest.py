"""What one generation of an index holds, and the file that says so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from claimhound.data.disk.checksums import sha256_of
from claimhound.data.errors import EncoderMismatchError, IndexDamagedError, IndexVersionError
from claimhound.data.formats.fields import ID_SCHEME_VERSION
from claimhound.data.text.text_form import TEXT_FORM_VERSION
from claimhound.indexes.analysis.terms import ANALYSIS_VERSION
from claimhound.indexes.durable import sha256_of_edges

FORMAT_VERSION = 3
# Earlier formats are read for what `index renew` takes out of them. What their manifests do not say is not known but
# for the rules, which were the first ones while format 1 was written.
_UNSAID_IN_FORMAT_2: dict[str, Any] = {"n_dated": None, "has_titles": None, "made_ids": None}
_UNSAID: dict[int, dict[str, Any]] = {
    1: {"text_form": 1, "analysis": 1, "id_scheme": 1, "is_split": None, "n_tokens": None} | _UNSAID_IN_FORMAT_2,
    2: _UNSAID_IN_FORMAT_2,
    FORMAT_VERSION: {},
}
_UNSAID_OF_ENCODER_IN_FORMAT_1: dict[str, Any] = {
    "precision": "", "query_prompt": None, "document_prompt": None, "similarity": None, "revision": None,
}  # fmt: skip
MANIFEST_NAME = "manifest.json"

_HEAD_BYTES = 4096
_TAIL_BYTES = 4096


@dataclass(frozen=True)
class EncoderIdentity:
    """What makes two encoders the same, and what else is known of one.

    Their vectors can be compared only if weights, pooling, length, dimension, prompts and similarity are equal.
    `weights_sha256` covers every weight file; `max_length` is in tokens, 0 where nothing limits it. A prompt is put
    before each claim or document, "" for none. `similarity` is `cosine` for unit vectors, `dot` where lengths count.
    None for one of these three is not known (format 1 does not say), and is the same as any.

    `precision` names what computed the vectors, as in `bf16`, or all that did, as in `bf16, int8`; "" is not known. It
    is not compared: one is only used if it agrees with float32. Neither is `revision`, the commit on a model hub.
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
        """Raise EncoderMismatchError, with names and differences, unless `other` gives vectors comparable with these.

        `index_path` is the index whose vectors are this encoder's.
        """
        differences = list(self._differences(other))
        if not differences:
            return
        raise EncoderMismatchError(
            f"{index_path}: its vectors come from encoder {self.name}, not from {other.name} "
            f"({'; '.join(differences)}); name its own with --encoder, or make its vectors anew with: "
            f"claimhound index renew --index {index_path}"
        )

    def also_computed_in(self, precision: str) -> EncoderIdentity:
        """Return this identity for vectors of which further ones were computed in `precision`.

        Where one of the two is not known, neither is what they are together.
        """
        known = bool(self.precision and precision)
        together = sorted({*self.precision.split(", "), *precision.split(", ")}) if known else []
        return replace(self, precision=", ".join(together))

    def _differences(self, other: EncoderIdentity) -> Iterator[str]:
        """Yield what keeps the vectors of two encoders from being compared, in words."""
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

    `n_dead_text` documents still lie in the text segments, marked deleted; `n_dead_vectors` likewise. `n_tokens` is how
    many terms `analysis.tokenize` gives for the texts of all living documents, repeated ones included, exactly: deleted
    ones do not count, also where BM25's own statistics still hold them. `n_dated` of the living documents have a date.
    `has_titles` says that some have a title; in a large index, that some had one when its text was last written whole.

    `is_split` says that texts are indexed sentence by sentence unless told otherwise. `made_ids` names the source of
    the ids that were made for records without one: what stands before their colon, and where the records came from.
    None for one of these is not known: earlier formats do not say.

    `text_form`, `analysis` and `id_scheme` are the versions of rules: the form in which models read a document, the
    terms of BM25, the ids of records without one.
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
        """The file's exact bytes; they carry their own checksum, and no other bytes stand for this manifest."""
        body = asdict(self)
        for name in _UNSAID[self.format_version]:
            del body[name]
        if self.format_version == 1:
            for name in _UNSAID_OF_ENCODER_IN_FORMAT_1:
                del body["encoder"][name]
        return _canonical({"checksum": hashlib.sha256(_canonical(body)).hexdigest(), "manifest": body})

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest file of this format or an earlier one, by whatever rules its index was made.

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
        version = body["format_version"]
        if not isinstance(version, int) or version not in _UNSAID:
            raise _wrong_format(path.parent.parent, version)
        try:
            body = _UNSAID[version] | body
            if version == 1:
                body["encoder"] = _UNSAID_OF_ENCODER_IN_FORMAT_1 | body["encoder"]
            values = {item.name: body[item.name] for item in fields(cls)}
            values["encoder"] = EncoderIdentity(**body["encoder"])
            values["vector_files"] = tuple(VectorFile(**item) for item in body["vector_files"])
            values["files"] = {name: FileCheck(**check) for name, check in body["files"].items()}
        except (KeyError, TypeError) as error:
            raise IndexDamagedError(
                f"{path}: is no manifest of format version {version} ({error}); build the index anew"
            ) from error
        return cls(**values)

    @property
    def is_current(self) -> bool:
        """Whether the index is of the format and rules of this program."""
        return next(self._outdated(), None) is None

    def require_current(self, index_path: Path) -> None:
        """Raise IndexVersionError, with both versions, unless the index is of the format and rules of this program."""
        for name, found, current in self._outdated():
            raise IndexVersionError(
                f"{index_path}: made with version {found} of the {name}, this program has version {current}; "
                f"make it anew with: claimhound index renew --index {index_path}"
            )

    def _outdated(self) -> Iterator[tuple[str, int, int]]:
        """Yield each rule by which it was made that is not this program's: its name, that version, and this.

        Ids are only names: an index keeps those that it has, by whatever scheme they were made.
        """
        for name, found, current in (
            ("format", self.format_version, FORMAT_VERSION),
            ("text form", self.text_form, TEXT_FORM_VERSION),
            ("BM25 analysis", self.analysis, ANALYSIS_VERSION),
        ):
            if found != current:
                yield name, found, current


def _wrong_format(index_path: Path, version: object) -> IndexVersionError:
    return IndexVersionError(
        f"{index_path}: made with version {version} of the format, this program has version {FORMAT_VERSION}; "
        "use the program that wrote it, or a later version of this one"
    )


def _quoted(prompt: str | None) -> str | None:
    return prompt if prompt is None else repr(prompt) if prompt else "nothing"


def _canonical(value: object) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"
