"""Comparison of runs on the same judged claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from claimhound.data.records import Qrels, Query, Run
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.evaluation.evaluating import Evaluation, MeasureSettings, evaluate_runs
from claimhound.pipeline.evaluation.judged import held_documents
from claimhound.pipeline.evaluation.statistics import PairedTest, paired_tests
from claimhound.pipeline.evaluation.verdict import leading_measure


class Move(NamedTuple):
    """A judged document whose rank (from 1) differs between two runs; None where a run lacks it."""

    doc_id: str
    grade: int
    before: int | None
    after: int | None
    text: str = ""


@dataclass(frozen=True)
class ClaimChange:
    """A claim whose value differs between two runs, with the relevant documents that moved."""

    query_id: str
    text: str
    before: float
    after: float
    moved: tuple[Move, ...]


@dataclass(frozen=True)
class Comparison:
    """Runs compared with the first of them, the `baseline`.

    `tests` holds the differences from it by run and measure, Holm-corrected over all of them together. `changes` holds
    by run the claims that changed most in `change_measure`, the largest change first.
    """

    baseline: str
    change_measure: str
    evaluation: Evaluation
    tests: dict[str, dict[str, PairedTest]]
    changes: dict[str, tuple[ClaimChange, ...]]


def compare(
    runs: Mapping[str, Run],
    qrels: Qrels,
    *,
    claims: Sequence[Query] | None = None,
    index: IndexSnapshot | None = None,
    measuring: MeasureSettings = MeasureSettings(),  # noqa: B008 (frozen)
    n_changes: int = 5,
) -> Comparison:
    """Compare runs, by name, with the first of them.

    If `claims` are given, only they count; the `index` supplies the texts of documents. Changes are those in nDCG@10,
    or in the first measure if nDCG@10 is not measured. Raises ValueError for fewer than two runs, and what
    `evaluate_runs` raises.
    """
    if len(runs) < 2:
        raise ValueError(f"a comparison needs two runs or more, got {len(runs)}")
    evaluation = evaluate_runs(runs, claims, qrels, measuring)
    baseline, *others = runs
    first = np.stack(list(evaluation.values[baseline].values()))  # (measures, claims)
    rows = [np.stack(list(evaluation.values[name].values())) for name in others]
    found = iter(paired_tests(np.concatenate([first] * len(others)), np.concatenate(rows), measuring.seed))
    tests = {name: {measure: next(found) for measure in evaluation.measures} for name in others}
    change_measure = leading_measure(evaluation.measures)
    changes = {name: _changes(evaluation, baseline, name, change_measure, n_changes) for name in others}
    if index is not None:
        moved = {move.doc_id for some in changes.values() for change in some for move in change.moved}
        texts = {doc_id: document.text for doc_id, document in held_documents(index, moved).items()}
        changes = {name: tuple(_with_texts(change, texts) for change in some) for name, some in changes.items()}
    return Comparison(baseline, change_measure, evaluation, tests, changes)


def _changes(evaluation: Evaluation, baseline: str, name: str, measure: str, n_changes: int) -> tuple[ClaimChange, ...]:
    before, after = evaluation.values[baseline][measure], evaluation.values[name][measure]
    differences = np.abs(after - before)
    order = [int(row) for row in np.argsort(-differences, kind="stable") if differences[row] > 1e-12]
    claims = evaluation.judged.claims
    return tuple(
        ClaimChange(
            claims[row].query_id,
            claims[row].text,
            float(before[row]),
            float(after[row]),
            tuple(_moves(claims[row].query_id, evaluation, baseline, name)),
        )
        for row in order[:n_changes]
    )


def _moves(query_id: str, evaluation: Evaluation, baseline: str, name: str) -> Iterator[Move]:
    before, after = (
        {hit.doc_id: rank for rank, hit in enumerate(evaluation.runs[run].get(query_id, []), start=1)}
        for run in (baseline, name)
    )
    for doc_id, grade in evaluation.judged.qrels[query_id].items():
        if grade > 0 and before.get(doc_id) != after.get(doc_id):
            yield Move(doc_id, grade, before.get(doc_id), after.get(doc_id))


def _with_texts(change: ClaimChange, texts: Mapping[str, str]) -> ClaimChange:
    moved = tuple(move._replace(text=texts.get(move.doc_id, "")) for move in change.moved)
    return replace(change, moved=moved)
