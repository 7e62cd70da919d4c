"""Figures of claims' summaries as text, JSON, CSV and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from claimhound.data.labelled_sets.stances import SIDES, VERDICTS
from claimhound.data.records import Json
from claimhound.data.text.terminal_text import printable
from claimhound.data.text.wording import counted
from claimhound.pipeline.evaluation.reporting import tables
from claimhound.pipeline.evaluation.reporting.json_records import FIGURES_SCHEMA
from claimhound.pipeline.evaluation.reporting.tables import (
    NO_NUMBER,
    Column,
    Table,
    count,
    exact_columns,
    resolved_width,
    short,
    with_interval,
    wrapped,
)
from claimhound.pipeline.evaluation.statistics import Interval
from claimhound.pipeline.evaluation.summaries import FieldSummaries, SummaryEvaluation
from claimhound.pipeline.models.summary_rule import SideMeasures, measures_record, summary_record

_POOLED = "all, each weighing the same"
_SHORT = {"SUPPORTS": "S", "REFUTES": "R", "DISPUTED": "D", "NOT_ENOUGH_INFO": "N"}
_CSV_COLUMNS = (
    "field", "label", "claims", "labelled", "called", "right", "precision", "precision low", "precision high",
    "share", "share low", "share high",
)  # fmt: skip


def as_text(evaluation: SummaryEvaluation, width: int | None = None) -> str:
    """Return the figures and the confusion table of each field as text, as wide as the terminal unless given."""
    width = max(40, resolved_width(width))
    how = (
        f"Thresholds were chosen for a precision of {evaluation.rule.target:g}; the figures are from "
        f"{evaluation.n_folds}-fold cross-validation by claim."
        if evaluation.n_folds
        else "The figures are those of the thresholds that a search uses."
    )
    legend = (
        "Precision is the share of the claims called so that have the label, share that of the claims with the label "
        "that are called so; intervals are 95 %. In the tables with S, R, D and N rows are labels and columns what "
        "claims are called: SUPPORTS, REFUTES, DISPUTED, and NOT_ENOUGH_INFO, which says nothing."
    )
    parts = [
        wrapped(printable(evaluation.model), width),
        wrapped(f"{_rule_text(evaluation)} {how}", width),
        wrapped(legend, width),
        *(_field_text(found, width) for found in evaluation.fields),
    ]
    if len(evaluation.fields) > 1:
        parts.append(tables.as_text(_sides_table(evaluation.pooled, _POOLED), width))
    if evaluation.alternatives:
        parts.append(tables.as_text(_alternatives_table(evaluation), width))
    return "\n\n".join([*parts, *(wrapped(note, width) for note in evaluation.notes)])


def as_record(evaluation: SummaryEvaluation) -> dict[str, Json]:
    """Return the figures as JSON; null where there is no number."""
    return {
        "schema": FIGURES_SCHEMA,
        "model": evaluation.model,
        "rule": summary_record(evaluation.rule),
        "n_folds": evaluation.n_folds,
        "fields": [_field_record(found) for found in evaluation.fields],
        "pooled": [measures_record(side) for side in evaluation.pooled],
        "alternatives": [
            {"combination": one.combination, "threshold": one.threshold, **measures_record(one.measured)}
            for one in evaluation.alternatives
        ],
        "notes": list(evaluation.notes),
    }


def as_csv(evaluation: SummaryEvaluation) -> str:
    """Return a line for each side of each field, and of all; empty cells where there is no number."""
    rows = [
        (
            name,
            side.side,
            side.n_claims,
            side.n_labelled,
            side.n_called,
            side.n_right,
            *_precision(side),
            *_share(side),
        )
        for name, side in _rows(evaluation)
    ]
    return tables.as_csv(Table(exact_columns(*_CSV_COLUMNS), rows))


def as_latex(evaluation: SummaryEvaluation) -> str:
    """Return a booktabs table: a row for each side of each field, and of all."""
    columns = (
        Column("field"),
        Column("label"),
        Column("labelled", count),
        Column("called", count),
        Column("precision", with_interval),
        Column("share", with_interval),
    )
    rows = [
        (name, side.side, side.n_labelled, side.n_called, _precision(side), _share(side))
        for name, side in _rows(evaluation)
    ]
    return tables.as_latex(Table(columns, rows))


def _rows(evaluation: SummaryEvaluation) -> list[tuple[str, SideMeasures]]:
    rows = [(found.name, side) for found in evaluation.fields for side in found.sides]
    return rows + ([("all", side) for side in evaluation.pooled] if len(evaluation.fields) > 1 else [])


def _rule_text(evaluation: SummaryEvaluation) -> str:
    rule = evaluation.rule
    called = [f"{side} from {_threshold(rule.threshold(side))}" for side in SIDES if rule.threshold(side) is not None]
    if not called:
        return f"Score by {rule.combination}: nothing is called."
    return f"Score by {rule.combination}: called {' and '.join(called)}."


def _threshold(value: float | None) -> str:
    return NO_NUMBER if value is None else short(value)


def _precision(side: SideMeasures) -> Interval:
    return Interval(side.precision, side.precision_low, side.precision_high)


def _share(side: SideMeasures) -> Interval:
    return Interval(side.share, side.share_low, side.share_high)


def _sides_table(sides: Sequence[SideMeasures], title: str) -> Table:
    columns = (
        Column("", side="left"),
        Column("labelled", count),
        Column("called", count),
        Column("right", count),
        Column("precision", with_interval),
        Column("share", with_interval),
    )
    rows = [(side.side, side.n_labelled, side.n_called, side.n_right, _precision(side), _share(side)) for side in sides]
    return Table(columns, rows, title)


def _alternatives_table(evaluation: SummaryEvaluation) -> Table:
    columns = (
        Column("", side="left"),
        Column("", side="left"),
        Column("threshold", _threshold),
        Column("called", count),
        Column("precision", with_interval),
        Column("share", with_interval),
    )
    rows = [
        (
            one.combination,
            one.measured.side,
            one.threshold,
            one.measured.n_called,
            _precision(one.measured),
            _share(one.measured),
        )
        for one in evaluation.alternatives
    ]
    return Table(columns, rows, "Ways to combine the pieces of evidence, cross-validated")


def _field_text(found: FieldSummaries, width: int) -> str:
    title = f"{printable(found.name)}: {counted(found.n_claims, 'claim')}"
    matrix = Table(
        (Column("", side="left"), *(Column(_SHORT[verdict], count) for verdict in VERDICTS)),
        [
            (_SHORT[label], *(found.confusion[label][verdict] for verdict in VERDICTS))
            for label in VERDICTS
            if any(found.confusion[label].values())
        ],
    )
    return f"{tables.as_text(_sides_table(found.sides, title), width)}\n{tables.as_text(matrix, width, gap=2)}"


def _field_record(found: FieldSummaries) -> dict[str, Json]:
    return {
        "name": found.name,
        "n_claims": found.n_claims,
        "sides": [measures_record(side) for side in found.sides],
        "confusion": {label: dict(row.items()) for label, row in found.confusion.items()},
    }
