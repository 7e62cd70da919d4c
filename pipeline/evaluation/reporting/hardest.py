"""The hardest claims of an evaluation, with what a reader is shown for them and what is missed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from claimhound.data.records import Query, ScoredDoc
from claimhound.pipeline.evaluation.evaluating import Evaluation, StageReport
from claimhound.pipeline.evaluation.losses import Loss
from claimhound.pipeline.evaluation.verdict import leading_measure

HARDEST_CLAIMS = 15
MISSED_PER_CLAIM = 20


class ShownHit(NamedTuple):
    """A hit that a reader is shown; `score` is the last stage's, None for a hit that was not rescored."""

    rank: int
    doc_id: str
    score: float | None
    judgment: str


class HardClaim(NamedTuple):
    """A claim with the hits shown for it, and the first of the relevant documents that were missed."""

    claim: Query
    value: float
    n_relevant: int
    shown: list[ShownHit]
    n_missed: int
    missed: list[Loss]


def final_list(evaluation: Evaluation) -> str:
    """Return the name of the last list: for a pipeline, the list that a reader is shown if it was measured."""
    return list(evaluation.runs)[-1]


def _hardest(evaluation: Evaluation, values: Mapping[str, float]) -> list[tuple[Query, int]]:
    """Return the claims of lowest value with their numbers of relevant documents; of equal claims the richest first."""
    n_relevant = {
        query_id: sum(grade > 0 for grade in grades.values()) for query_id, grades in evaluation.judged.qrels.items()
    }
    claims = list(evaluation.judged.claims)
    claims.sort(key=lambda claim: (values[claim.query_id], -n_relevant[claim.query_id], claim.query_id))
    return [(claim, n_relevant[claim.query_id]) for claim in claims[:HARDEST_CLAIMS]]


def hardest_claims(evaluation: Evaluation, stages: StageReport) -> list[HardClaim]:
    """Return the hardest claims of the last list, hardest first."""
    final = final_list(evaluation)
    row = evaluation.values[final][leading_measure(evaluation.measures)]
    values = {query_id: float(value) for query_id, value in zip(evaluation.judged.query_ids, row, strict=True)}
    found = []
    for claim, n_relevant in _hardest(evaluation, values):
        shown = evaluation.runs[final].get(claim.query_id, [])[: stages.shown_k]
        grades = evaluation.judged.qrels[claim.query_id]
        hits = [_shown_hit(rank, hit, grades, final) for rank, hit in enumerate(shown, 1)]
        places = {hit.doc_id for hit in shown}
        missed = [loss for loss in stages.losses if loss.query_id == claim.query_id and loss.doc_id not in places]
        missed.sort(key=lambda loss: (*(rank or math.inf for rank in list(loss.ranks.values())[::-1]), loss.doc_id))
        found.append(HardClaim(claim, values[claim.query_id], n_relevant, hits, len(missed), missed[:MISSED_PER_CLAIM]))
    return found


def _shown_hit(rank: int, hit: ScoredDoc, grades: Mapping[str, int], final: str) -> ShownHit:
    grade = grades.get(hit.doc_id)
    judgment = "not judged" if grade is None else "relevant" if grade > 0 else "judged not relevant"
    was_rescored = final != "reranked" or hit.score >= 0
    return ShownHit(rank, hit.doc_id, hit.score if was_rescored else None, judgment)


def hardest_rows(evaluation: Evaluation) -> list[tuple[Query, int, list[float]]]:
    """Return the claims with the lowest means over all lists, with their numbers of relevant documents and values."""
    measure = leading_measure(evaluation.measures)
    rows = np.stack([values[measure] for values in evaluation.values.values()])
    columns = dict(zip(evaluation.judged.query_ids, rows.T.tolist(), strict=True))
    means = {query_id: math.fsum(column) for query_id, column in columns.items()}
    return [(claim, n_relevant, columns[claim.query_id]) for claim, n_relevant in _hardest(evaluation, means)]
