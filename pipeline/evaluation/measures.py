"""Retrieval measures for each claim, computed by ir_measures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import InputError
from claimhound.data.records import Qrels, Run

DEFAULT_MEASURES = ("R@1", "R@5", "R@10", "R@20", "R@50", "R@100", "RR@10", "nDCG@10")
Values: TypeAlias = NDArray[np.float64]
_SET_MEASURE = re.compile(r"sets@([1-9][0-9]{0,5})")


def parse_measures(text: str) -> tuple[str, ...]:
    """Return the measures named in a text, separated by spaces or commas, without repeats, as ir_measures spells them.

    `sets@5`, at any depth, is a measure in addition to those of ir_measures.

    Raises InputError if no measure is named, and for a measure that ir_measures does not know, cannot compute here, or
    does not average over claims (a count).
    """
    words = text.replace(",", " ").split()
    names = dict.fromkeys(word if set_cutoff(word) is not None else str(_parsed(word)) for word in words)
    if not names:
        raise InputError('no measure is named; name some, as in --measures "R@5 R@100 nDCG@10 RR"')
    return tuple(names)


def values_by_claim(
    run: Run, qrels: Qrels, measures: Sequence[str], query_ids: Sequence[str] | None = None
) -> dict[str, Values]:
    """Return each measure's values, (n,) in the order of `query_ids`, by default the order of the qrels.

    A claim that the run lacks counts as 0, and so does a claim without a relevant judgment, as in trec_eval. Rankings
    keep the run's own order, also where scores are equal. Negative grades count as not relevant.

    Raises ValueError for a query id that has no judgments.
    """
    import ir_measures

    wanted = list(qrels) if query_ids is None else list(query_ids)
    rows = {query_id: row for row, query_id in enumerate(wanted)}
    unjudged = [query_id for query_id in wanted if query_id not in qrels]
    if unjudged:
        raise ValueError(f"{len(unjudged)} of {len(wanted)} claims have no judgments, among them {unjudged[0]!r}")
    parsed = {_parsed(name): name for name in measures}
    values = {name: np.zeros(len(wanted), dtype=np.float64) for name in measures}
    judgments = {query_id: {doc_id: max(grade, 0) for doc_id, grade in qrels[query_id].items()} for query_id in wanted}
    # Hits below every cutoff are left out: with lists of 1,000 and measures at 100 this takes a third of the time.
    cutoffs = [cutoff(name) for name in measures]
    depth = None if None in cutoffs else max((k for k in cutoffs if k is not None), default=None)
    hits = {query_id: _falling([hit.doc_id for hit in run.get(query_id, [])[:depth]]) for query_id in wanted}
    for scores in (judgments, hits):
        _require_whole_ids(scores)
    for metric in ir_measures.iter_calc(list(parsed), judgments, hits):
        values[parsed[metric.measure]][rows[metric.query_id]] = metric.value
    return values


def mean_measures(run: Run, qrels: Qrels, measures: Sequence[str] = DEFAULT_MEASURES) -> dict[str, float]:
    """Return each measure's mean over the claims of the qrels; a claim that the run lacks counts as 0."""
    return {name: float(values.mean()) for name, values in values_by_claim(run, qrels, measures).items()}


def cutoff(measure: str) -> int | None:
    """Return the rank at which a measure stops reading; None if it reads the whole list."""
    found = _parsed(measure).params.get("cutoff")
    return None if found is None else int(found)


def set_cutoff(measure: str) -> int | None:
    """Return the k of `sets@k`, None for any other measure."""
    match = _SET_MEASURE.fullmatch(measure)
    return None if match is None else int(match[1])


def _parsed(name: str) -> Any:
    import ir_measures

    try:
        measure = ir_measures.parse_measure(name)
        ir_measures.evaluator([measure], [ir_measures.Qrel("1", "1", 1)])
    except (NameError, SyntaxError, ValueError, TypeError, AssertionError, KeyError) as error:
        raise InputError(
            f"{name!r} is not a measure that can be computed; some that can: {' '.join(DEFAULT_MEASURES)} P@5 AP SetF"
        ) from error
    if type(measure.aggregator()).__name__ != "MeanAgg":
        raise InputError(f"{name!r} is summed over claims, not averaged; choose a measure that is averaged")
    return measure


def _falling(doc_ids: Sequence[str]) -> dict[str, float]:
    """Return strictly falling scores: each of ir_measures' providers breaks ties in its own way."""
    return {doc_id: float(score) for doc_id, score in zip(doc_ids, range(len(doc_ids), 0, -1), strict=True)}


def _require_whole_ids(scores: Mapping[str, Mapping[str, object]]) -> None:
    """Raise InputError for an id that contains NUL, where trec_eval's code would cut it off."""
    for query_id, of_documents in scores.items():
        if "\0" in query_id or "\0" in "".join(of_documents):
            raise InputError(f"an id of claim {query_id!r} or its documents contains a NUL character; rename it")
