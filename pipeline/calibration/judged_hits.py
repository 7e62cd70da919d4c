"""Hits that a reranker read, with their scores and judgments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from claimhound.data.progress import Progress, batches, silent
from claimhound.data.records import Qrels, Query, Ranking
from claimhound.pipeline.models.blending import Blend, HitScores
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.rescoring import hit_scores, rescored
from claimhound.pipeline.search.results import StageRankings

Bools: TypeAlias = NDArray[np.bool_]
Folds: TypeAlias = NDArray[np.int64]
"""The fold of each claim, from 0."""

CLAIMS_AT_A_TIME = 16


class JudgedHits(NamedTuple):
    """The rankings of a claim, and the scores and judgments of the hits that the reranker read.

    `grades` are all judgments of the claim, by document. `field` names the field of the claim, if there are several.
    """

    claim: Query
    stages: StageRankings
    scores: HitScores
    relevant: Bools
    grades: Mapping[str, int]
    field: str = ""

    @property
    def fused(self) -> Ranking:
        """The list that was rescored."""
        return self.stages.first_stage

    def rescored(self, blend: Blend) -> Ranking:
        """Return the list as the blend would rank it."""
        bm25, dense, same = self.stages.bm25 or [], self.stages.dense, self.stages.alike
        return rescored(self.fused, self.scores.logit, blend, bm25, dense, same, self.scores.decides)


def judged_hits(
    pipeline: EvidencePipeline,
    claims: Sequence[Query],
    qrels: Qrels,
    on_progress: Progress = silent,
    *,
    with_decides: bool = False,
    field: str = "",
) -> list[JudgedHits]:
    """Search for each claim and return its judged hits; `with_decides` as in `EvidencePipeline.rank`."""
    found: list[JudgedHits] = []
    for batch in batches(claims, CLAIMS_AT_A_TIME, f"searching {field}".strip(), on_progress):
        ranked = pipeline.rank([claim.text for claim in batch], with_decides=with_decides)
        for claim, stages in zip(batch, ranked, strict=True):
            fused = stages.first_stage
            logits = np.array(stages.logits, dtype=np.float64)
            decides = np.array(stages.decides, dtype=np.float64) if stages.decides else None
            scores = hit_scores(fused, logits, stages.bm25 or [], stages.dense, stages.alike, decides)
            grades = qrels.get(claim.query_id, {})
            relevant = np.array([grades.get(hit.doc_id, 0) > 0 for hit in fused[: len(logits)]], dtype=np.bool_)
            found.append(JudgedHits(claim, stages, scores, relevant, grades, field))
    return found
