"""Evaluation of claims' summaries: how many of those called SUPPORTS or REFUTES are rightly called so."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.labelled_sets.claim_verdicts import LabelledClaim
from claimhound.data.labelled_sets.stances import SIDES, STANCES, VERDICTS, Side, Verdict
from claimhound.data.progress import Progress, batches, silent
from claimhound.data.records import Json, Query
from claimhound.pipeline.evaluation.statistics import Floats, Interval, effective_number, wilson_interval
from claimhound.pipeline.models.summary_rule import COMBINATIONS, Combination, SideMeasures, SummaryRule
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.results import Evidence
from claimhound.pipeline.search.summary import SUMMARISED_K, SideScores, relevance_of, side_scores

Confusion: TypeAlias = Mapping[Verdict, Mapping[Verdict, int]]
"""How many claims with each label (first key) are called what (second key)."""

_CLAIMS_AT_A_TIME = 16


class ScoredClaim(NamedTuple):
    """A labelled claim of a field, the scores of its sides for each combination, and the evidence they come from.

    A field is a set of claims over one index.
    """

    field: str
    claim: Query
    label: Verdict
    scores: Mapping[Combination, SideScores]
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class FieldSummaries:
    """The measures of one field, for each of SIDES, and its confusion table."""

    name: str
    sides: tuple[SideMeasures, ...]
    confusion: Confusion

    @property
    def n_claims(self) -> int:
        """The number of claims."""
        return sum(sum(row.values()) for row in self.confusion.values())


@dataclass(frozen=True)
class FittedSide:
    """The threshold of a side by one combination, and its measures on claims that did not choose it."""

    combination: Combination
    threshold: float | None
    measured: SideMeasures


@dataclass(frozen=True)
class SummaryEvaluation:
    """The figures of a rule: for each field, and `pooled` over all, where each field weighs the same.

    If the rule was fitted, `n_folds` is the number of folds of its cross-validation, by which all figures were
    measured, and `alternatives` compares the combinations; otherwise they are 0 and empty. `called` is what each claim
    was called, in order.
    """

    model: str
    rule: SummaryRule
    fields: tuple[FieldSummaries, ...]
    pooled: tuple[SideMeasures, ...]
    called: tuple[Verdict, ...]
    n_folds: int = 0
    alternatives: tuple[FittedSide, ...] = ()

    @property
    def notes(self) -> list[str]:
        """What the rule does not say, and what it rests on, in sentences."""
        silent_sides = [side for side in SIDES if self.rule.threshold(side) is None]
        notes = [
            f"No claim is called {side}: no threshold reaches the precision of {self.rule.target:g}."
            for side in silent_sides
            if self.rule.target is not None
        ]
        if not self.rule.relevance_sha256:
            notes.append(
                "The stance model has no thresholds that were measured with this reranker: the figures are those of "
                "fixed ones. Fit them with --fit."
            )
        return notes


def score_claims(
    field: str, claims: Sequence[LabelledClaim], pipeline: EvidencePipeline, on_progress: Progress = silent
) -> list[ScoredClaim]:
    """Search for the claims of a field and score both sides of each, as a search with default settings shows them.

    Raises ValueError for a pipeline without a reranker or without a stance model.
    """
    if pipeline.reranker is None or pipeline.stance is None:
        raise ValueError("a summary needs a reranker and a stance model")
    least = {"min_stance": pipeline.config.min_stance, "min_relevance": pipeline.config.min_relevance}
    found: list[ScoredClaim] = []
    for batch in batches(claims, _CLAIMS_AT_A_TIME, f"searching {field}", on_progress):
        for one, answer in zip(
            batch, pipeline.find_evidence([one.claim.text for one in batch], SUMMARISED_K), strict=True
        ):
            scores = {name: side_scores(answer.evidence, name, **least) for name in COMBINATIONS}
            found.append(ScoredClaim(field, one.claim, one.label, scores, answer.evidence))
    return found


def evaluate_summaries(claims: Sequence[ScoredClaim], rule: SummaryRule, model: str) -> SummaryEvaluation:
    """Measure a rule on scored claims."""
    called = [rule.verdict(*one.scores[rule.combination]) for one in claims]
    return SummaryEvaluation(model, rule, measured_fields(claims, called), pooled_sides(claims, called), tuple(called))


def measured_fields(claims: Sequence[ScoredClaim], called: Sequence[Verdict]) -> tuple[FieldSummaries, ...]:
    """Return the measures of each field, in the order in which they appear."""
    fields: list[FieldSummaries] = []
    for name in dict.fromkeys(one.field for one in claims):
        rows = [(one.label, verdict) for one, verdict in zip(claims, called, strict=True) if one.field == name]
        counts = Counter(rows)
        confusion = {label: {verdict: counts[label, verdict] for verdict in VERDICTS} for label in VERDICTS}
        labels, verdicts = [label for label, _ in rows], [verdict for _, verdict in rows]
        sides = tuple(side_measures(side, labels, verdicts, np.ones(len(rows))) for side in SIDES)
        fields.append(FieldSummaries(name, sides, confusion))
    return tuple(fields)


def pooled_sides(claims: Sequence[ScoredClaim], called: Sequence[Verdict]) -> tuple[SideMeasures, ...]:
    """Return the measures of each of SIDES over all claims, with the same weight for each field."""
    labels = [one.label for one in claims]
    return tuple(side_measures(side, labels, called, field_weights(claims)) for side in SIDES)


def field_weights(claims: Sequence[ScoredClaim]) -> Floats:
    """Return (n,) weights of the claims: they sum to 1 in each field."""
    sizes = Counter(one.field for one in claims)
    return np.array([1 / sizes[one.field] for one in claims], dtype=np.float64)


def side_measures(side: Side, labels: Sequence[Verdict], called: Sequence[Verdict], weights: Floats) -> SideMeasures:
    """Measure how often claims are rightly called `side`, given the label and weight of each.

    Intervals are Wilson's, for as many claims as the weighted ones are worth.
    """
    is_labelled = np.array([label == side for label in labels], dtype=np.bool_)
    is_called = np.array([verdict == side for verdict in called], dtype=np.bool_)
    precision = _weighted_share(is_labelled, is_called, weights)
    share = _weighted_share(is_called, is_labelled, weights)
    return SideMeasures(
        side,
        n_claims=len(labels),
        n_labelled=int(is_labelled.sum()),
        n_called=int(is_called.sum()),
        n_right=int((is_labelled & is_called).sum()),
        precision=precision.mean,
        precision_low=precision.low,
        precision_high=precision.high,
        share=share.mean,
        share_low=share.low,
        share_high=share.high,
    )


def _weighted_share(chosen: NDArray[np.bool_], among: NDArray[np.bool_], weights: Floats) -> Interval:
    """Return the weighted share of the rows `among` that are chosen."""
    total = math.fsum(weights[among])
    share = math.fsum(weights[among & chosen]) / total if total else math.nan
    return wilson_interval(share, effective_number(weights[among]))


def write_scored_claims(claims: Sequence[ScoredClaim], called: Sequence[Verdict], path: Path) -> list[Path]:
    """Write a JSON line for each claim, in order, and return the path; the file is written atomically.

    Raises InputError if the file cannot be written.
    """
    with write_atomically(path) as file:
        for record in _records(claims, called):
            file.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
    return [path]


def _records(claims: Sequence[ScoredClaim], called: Sequence[Verdict]) -> Iterator[dict[str, Json]]:
    for one, verdict in zip(claims, called, strict=True):
        yield {
            "field": one.field,
            "id": one.claim.query_id,
            "claim": one.claim.text,
            "label": one.label,
            "called": verdict,
            "scores": {name: dict(zip(SIDES, scores, strict=True)) for name, scores in one.scores.items()},
            "evidence": [
                {
                    "doc_id": hit.document.doc_id,
                    "relevance": relevance_of(hit),
                    "probabilities": None
                    if hit.stance is None
                    else {stance: hit.stance.probabilities[stance] for stance in STANCES},
                }
                for hit in one.evidence
            ],
        }
