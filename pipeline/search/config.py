"""Settings of a search: their defaults and their file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.errors import InputError

Fusion = Literal["reciprocal-rank", "min-max"]

_NOTE = "note"


@dataclass(frozen=True)
class PipelineConfig:
    """Settings of a search.

    BM25 and the vectors each give `first_stage_k` candidates; the best `rerank_k` of the fused list are rescored.
    `bm25_weight` is the weight of BM25 in the fusion, the vectors get the rest. A document's BM25 score is that of
    its text plus `title_weight` times that of its title. The vectors do not find documents below a cosine of
    `min_cosine`. `probe_share` is the share of the inverted lists that a search of a large index scans. For
    `adaptive_share` see `adaptive_k`, for `min_stance` and `min_relevance` see `points_to`.
    """

    first_stage_k: int = 400
    rerank_k: int = 100
    fusion: Fusion = "min-max"
    rrf_k: int = 60
    bm25_weight: float = 0.4
    title_weight: float = 0.5
    min_cosine: float = 0.2
    probe_share: float = 0.075
    adaptive_share: float = 0.4
    min_stance: float = 0.5
    min_relevance: float = 0.05

    def __post_init__(self) -> None:
        if self.first_stage_k < 1 or self.rerank_k < 1:
            raise ValueError(
                f"first_stage_k and rerank_k must be at least 1, got {self.first_stage_k} and {self.rerank_k}"
            )
        if self.fusion not in get_args(Fusion):
            raise ValueError(f"fusion must be one of {', '.join(get_args(Fusion))}, got {self.fusion!r}")
        if self.rrf_k < 0:
            raise ValueError(f"rrf_k must be at least 0, got {self.rrf_k}")
        if not -1 <= self.min_cosine <= 1:
            raise ValueError(f"min_cosine must be in [-1, 1], got {self.min_cosine}")
        if not 0 <= self.bm25_weight <= 1:
            raise ValueError(f"bm25_weight must be in [0, 1], got {self.bm25_weight}")
        if not 0 <= self.title_weight <= 10:
            raise ValueError(f"title_weight must be in [0, 10], got {self.title_weight}")
        if not 0 < self.probe_share <= 1:
            raise ValueError(f"probe_share must be in (0, 1], got {self.probe_share}")
        if not 0 < self.adaptive_share <= 1:
            raise ValueError(f"adaptive_share must be in (0, 1], got {self.adaptive_share}")
        for name in ("min_stance", "min_relevance"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")


def read_config(path: Path) -> PipelineConfig:
    """Return the settings in a JSON file: an object with any of PipelineConfig's fields and an optional note.

    Raises InputError, naming file and field, for a field that is unknown, of the wrong type or out of range.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # also bytes that are not UTF-8
        raise InputError(f"{path}: is not valid JSON ({error})") from error
    if not isinstance(record, dict):
        raise InputError(f"{path}: is not a JSON object of settings")
    if not isinstance(record.pop(_NOTE, ""), str):
        raise InputError(f"{path}: field {_NOTE!r} must be a string")
    known: dict[str, type[Any]] = {field.name: type(field.default) for field in fields(PipelineConfig)}
    for name, value in record.items():
        if name not in known:
            raise InputError(f"{path}: unknown field {name!r}; the fields are {', '.join(known)} and {_NOTE}")
        if not _is_of(known[name], value):
            raise InputError(f"{path}: field {name!r} must be {_KINDS[known[name]]}, got {json.dumps(value)}")
    try:
        return PipelineConfig(**{name: known[name](value) for name, value in record.items()})
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: {error}") from error


def write_config(config: PipelineConfig, path: Path, *, note: str = "") -> None:
    """Write every setting and an optional note as JSON, atomically.

    Raises InputError if the file cannot be written.
    """
    record: dict[str, Any] = {_NOTE: note} if note else {}
    with write_atomically(path) as file:
        file.write(json.dumps(record | asdict(config), indent=2) + "\n")


_KINDS = {int: "a whole number", float: "a number", str: "a string"}


def _is_of(kind: type, value: object) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float if kind is float else kind)
