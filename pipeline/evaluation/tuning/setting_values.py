"""Value of each setting on each claim, from one search and one reranking of each claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from claimhound.data.progress import Progress, batches, silent
from claimhound.data.records import Query, Ranking
from claimhound.data.text.claim_text import searched_text
from claimhound.data.text.text_form import read_form
from claimhound.pipeline.evaluation.judged import JudgedClaims
from claimhound.pipeline.evaluation.measures import Values, cutoff, values_by_claim
from claimhound.pipeline.models.cross_encoders import Reranker
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.copies import CopyFinder
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.fusion import fuse_stages
from claimhound.pipeline.search.rescoring import rescored

_CLAIMS_AT_A_TIME = 16


def setting_values(
    pipeline: EvidencePipeline,
    judged: JudgedClaims,
    settings: Sequence[PipelineConfig],
    measure: str,
    on_progress: Progress = silent,
) -> tuple[Values, int]:
    """Return (n_settings, n_claims) values of the final list, and the number of pairs that the reranker scored.

    Only a few claims' lists are in memory at a time.
    """
    list_k = max(setting.first_stage_k for setting in settings)
    title_weights = sorted({setting.title_weight for setting in settings})
    searchers = {
        weight: EvidencePipeline(
            pipeline.index,
            # The vectors ignore the title weight: one search by them serves all.
            pipeline.encoder if weight == title_weights[0] else None,
            None,
            replace(pipeline.config, title_weight=weight),
        )
        for weight in title_weights
    }
    rows_by_first_stage: dict[PipelineConfig, list[int]] = {}
    for row, setting in enumerate(settings):
        rows_by_first_stage.setdefault(replace(setting, rerank_k=1), []).append(row)
    rows = [str(row) for row in range(len(settings))]
    depth = cutoff(measure)
    n_claims, n_pairs = len(judged.claims), 0
    values = np.zeros((len(settings), n_claims), dtype=np.float64)
    column = 0
    for batch in batches(judged.claims, _CLAIMS_AT_A_TIME):
        texts = [claim.text for claim in batch]
        found = {weight: searcher.rank(texts, list_k=list_k) for weight, searcher in searchers.items()}
        for place, claim in enumerate(batch):
            dense = found[title_weights[0]][place].dense
            candidates = [
                _Candidates(
                    found[setting.title_weight][place].bm25,
                    dense,
                    setting,
                    [(row, settings[row].rerank_k) for row in of_setting],
                )
                for setting, of_setting in rows_by_first_stage.items()
            ]
            read = _read(pipeline, claim, candidates)
            n_pairs += len(read.logits)
            # One call for all settings: ir_measures sees them as queries with the same judgments. A measure with a
            # cutoff reads no further than that.
            run = {
                str(row): final[:depth]
                for item in candidates
                for row, final in item.final_lists(pipeline.reranker, read)
            }
            qrels = dict.fromkeys(rows, judged.qrels[claim.query_id])
            values[:, column] = values_by_claim(run, qrels, [measure], rows)[measure]
            column += 1
            on_progress("tune", column, n_claims)
    return values, n_pairs


class _Read(NamedTuple):
    """What the reranker read of all documents that at least one setting rescores, and which of them read the same."""

    logits: Mapping[str, float]
    decides: Mapping[str, float] | None
    alike: Mapping[str, str]


class _Candidates:
    """The fused list of one claim for one setting of the first stage, and the settings that rescore it."""

    def __init__(
        self,
        bm25: Ranking | None,
        dense: Ranking | None,
        setting: PipelineConfig,
        rows: Sequence[tuple[int, int]],
    ) -> None:
        """Take the numbers of settings in `rows`, each with its rerank_k."""
        self.bm25 = (bm25 or [])[: setting.first_stage_k]
        self.dense = (dense or [])[: setting.first_stage_k]
        self.fused = fuse_stages(self.bm25, self.dense, setting)
        self.rows = rows

    def rescored_ids(self) -> set[str]:
        """Return the documents that at least one of the settings rescores."""
        return {hit.doc_id for hit in self.fused[: max(rerank_k for _, rerank_k in self.rows)]}

    def final_lists(self, reranker: Reranker | None, read: _Read) -> Iterator[tuple[int, Ranking]]:
        """Yield each setting's number and its final list."""
        for row, rerank_k in self.rows:
            if reranker is None:
                yield row, self.fused
                continue
            ids = [hit.doc_id for hit in self.fused[:rerank_k]]
            logits = np.array([read.logits[doc_id] for doc_id in ids], dtype=np.float64)
            decides = None if read.decides is None else np.array([read.decides[doc_id] for doc_id in ids])
            yield row, rescored(self.fused, logits, reranker.blend, self.bm25, self.dense, read.alike, decides)


def _read(pipeline: EvidencePipeline, claim: Query, candidates: Sequence[_Candidates]) -> _Read:
    if pipeline.reranker is None:
        return _Read({}, None, {})
    wanted = sorted(set().union(*(item.rescored_ids() for item in candidates)))
    pairs = [(searched_text(claim.text), read_form(document)) for document in pipeline.index.documents(wanted)]
    logits = pipeline.reranker.score(pairs).logits.tolist()
    decides = pipeline.reranker.decides(pairs).tolist() if pipeline.reranker.blend.uses("decides") else None
    return _Read(
        dict(zip(wanted, logits, strict=True)),
        None if decides is None else dict(zip(wanted, decides, strict=True)),
        CopyFinder(pipeline.index.documents).alike(wanted, read_form),
    )
