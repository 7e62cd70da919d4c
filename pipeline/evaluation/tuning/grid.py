"""Grid of settings to try."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import product

from claimhound.pipeline.search.config import Fusion, PipelineConfig

FIRST_STAGE_KS = (50, 100, 200, 400)
RERANK_KS = (50, 100, 200)
RRF_KS = (10, 30, 60, 100)
BM25_WEIGHTS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
TITLE_WEIGHTS = (0.0, 0.25, 0.5, 1.0)


def tuning_grid(
    default: PipelineConfig, *, with_reranker: bool, with_titles: bool = False
) -> tuple[PipelineConfig, ...]:
    """Return the settings to try, without repeats: the default, then the others from cheap to costly.

    Each of FIRST_STAGE_KS and BM25_WEIGHTS is combined with reciprocal rank fusion at each of RRF_KS and with min-max
    fusion: 140 settings. With a reranker each comes at each of RERANK_KS (420), and if documents have titles at each of
    TITLE_WEIGHTS. Cheaper settings let the reranker read less, then search less deep.
    """
    fusions: list[tuple[Fusion, int]] = [*(("reciprocal-rank", rrf_k) for rrf_k in RRF_KS), ("min-max", default.rrf_k)]
    rerank_ks = RERANK_KS if with_reranker else (default.rerank_k,)
    title_weights = TITLE_WEIGHTS if with_titles else (default.title_weight,)
    others = [
        replace(
            default,
            fusion=fusion,
            rrf_k=rrf_k,
            bm25_weight=weight,
            title_weight=title_weight,
            first_stage_k=first_stage_k,
            rerank_k=rerank_k,
        )
        for rerank_k, first_stage_k in product(rerank_ks, FIRST_STAGE_KS)
        for fusion, rrf_k in fusions
        for weight, title_weight in product(BM25_WEIGHTS, title_weights)
    ]
    return tuple(dict.fromkeys([default, *others]))


def changes(config: PipelineConfig, default: PipelineConfig) -> str:
    """Return in one line the fields of a setting that differ from the default."""
    found = [
        f"{field.name} {getattr(config, field.name)}"
        for field in fields(config)
        if getattr(config, field.name) != getattr(default, field.name)
    ]
    return ", ".join(found) or "the default"
