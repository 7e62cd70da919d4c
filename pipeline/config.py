"""Every setting of a search with its default, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Fusion = Literal["reciprocal-rank", "min-max"]
Device = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True)
class PipelineConfig:
    """How a claim is searched.

    `first_stage_k` candidates come from BM25 and as many from the vectors; the best `rerank_k` of the fused list are
    rescored. The vectors find a document from cosine `min_cosine` on: below it nothing is near. `probe_share` is the
    part of the inverted lists that a search of a large index scans.
    """

    first_stage_k: int = 100
    rerank_k: int = 100
    fusion: Fusion = "reciprocal-rank"
    rrf_k: int = 60
    bm25_weight: float = 0.5
    min_cosine: float = 0.2
    probe_share: float = 0.075

    def __post_init__(self) -> None:
        if self.first_stage_k < 1 or self.rerank_k < 1:
            raise ValueError(f"first_stage_k and rerank_k start at 1, got {self.first_stage_k} and {self.rerank_k}")
        if self.fusion not in get_args(Fusion):
            raise ValueError(f"fusion is one of {', '.join(get_args(Fusion))}, got {self.fusion!r}")
        if self.rrf_k < 0:
            raise ValueError(f"rrf_k starts at 0, got {self.rrf_k}")
        if not -1 <= self.min_cosine <= 1:
            raise ValueError(f"min_cosine lies in [-1, 1], got {self.min_cosine}")
        if not 0 <= self.bm25_weight <= 1:
            raise ValueError(f"bm25_weight lies in [0, 1], got {self.bm25_weight}")
        if not 0 < self.probe_share <= 1:
            raise ValueError(f"probe_share lies in (0, 1], got {self.probe_share}")
