"""`sets@k`: how often a whole set of evidence is among the first k hits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from claimhound.data.errors import InputError
from claimhound.data.records import EvidenceSets, Qrels, Run
from claimhound.pipeline.evaluation.measures import DEFAULT_MEASURES, Values, set_cutoff

SET_MEASURES = ("sets@5", "sets@100")
SETS_EXPLAINED = "sets@k is the share of claims with one whole set of evidence among the first k"


def default_measures(sets: EvidenceSets) -> tuple[str, ...]:
    """Return the default measures, which include measures of sets only if the judgments have sets."""
    return (*DEFAULT_MEASURES, *(SET_MEASURES if sets else ()))


def has_set_measures(measures: Sequence[str]) -> bool:
    """Return whether one of the measures is `sets@k`."""
    return any(set_cutoff(measure) is not None for measure in measures)


def require_sets(measures: Sequence[str], sets: EvidenceSets) -> None:
    """Raise InputError if a measure of sets is chosen and the judgments have no sets."""
    asked = [measure for measure in measures if set_cutoff(measure) is not None]
    if asked and not sets:
        raise InputError(f"{asked[0]}: these judgments have no sets of evidence, as FEVER's do; choose other measures")


def set_values(run: Run, qrels: Qrels, sets: EvidenceSets, k: int) -> Values:
    """Return (n_claims,) in the order of the qrels: 1 if a whole set is among the claim's first k hits, else 0.

    For a claim without sets any relevant document is enough.

    Source: the evidence recall of Thorne et al., The FEVER Shared Task, 2018, where k is 5.
    """
    found = []
    for query_id, grades in qrels.items():
        first = {hit.doc_id for hit in run.get(query_id, [])[:k]}
        wanted = sets.get(query_id) or [frozenset([doc_id]) for doc_id, grade in grades.items() if grade > 0]
        found.append(any(one <= first for one in wanted))
    return np.array(found, dtype=np.float64)
