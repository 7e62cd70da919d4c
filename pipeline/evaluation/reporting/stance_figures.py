"""Figures of a stance model as text, JSON, CSV and LaTeX."""

from __future__ import annotations

from claimhound.data.labelled_sets.stances import STANCES
from claimhound.data.records import Json
from claimhound.data.text.terminal_text import printable
from claimhound.data.text.wording import counted
from claimhound.pipeline.evaluation.reporting import tables
from claimhound.pipeline.evaluation.reporting.json_records import FIGURES_SCHEMA, interval_record
from claimhound.pipeline.evaluation.reporting.tables import (
    Column,
    Table,
    count,
    exact_columns,
    resolved_width,
    short,
    with_interval,
    wrapped,
)
from claimhound.pipeline.evaluation.stance import SetEvaluation, StanceEvaluation

_SHORT = {"SUPPORTS": "S", "REFUTES": "R", "NOT_ENOUGH_INFO": "N"}
_CSV_COLUMNS = (
    "set", "pairs", "claims", *STANCES, "accuracy", "accuracy low", "accuracy high", "macro-F1", "macro-F1 low",
    "macro-F1 high", "majority", "majority accuracy", "majority macro-F1", "calibration error", "two-way accuracy",
    "two-way accuracy low", "two-way accuracy high", "majority two-way accuracy",
)  # fmt: skip


def as_text(evaluation: StanceEvaluation, width: int | None = None) -> str:
    """Return figures and confusion matrix of each set as text, as wide as the terminal unless `width` is given.

    No line is longer than the width, or 40 if it is less.
    """
    width = max(40, resolved_width(width))
    legend = (
        'Intervals are 95 % over claims. The baseline is always predicting the most common label. "supports or '
        'refutes" is the accuracy of the likelier of the two over the pairs labelled one of them. In the table '
        "below it rows are labels and columns predictions: S is SUPPORTS, R is REFUTES, N is NOT_ENOUGH_INFO."
    )
    return "\n\n".join(
        [
            *(wrapped(text, width) for text in (printable(evaluation.model), legend)),
            *(_set_text(found, width) for found in evaluation.sets),
            *(wrapped(note, width) for note in evaluation.notes),
        ]
    )


def as_record(evaluation: StanceEvaluation) -> dict[str, Json]:
    """Return the figures as JSON; null where there is no number."""
    return {
        "schema": FIGURES_SCHEMA,
        "model": evaluation.model,
        "weights_sha256": evaluation.weights_sha256,
        **evaluation.labels.record,
        "seed": evaluation.seed,
        "sets": [_set_record(found) for found in evaluation.sets],
        "notes": list(evaluation.notes),
    }


def as_csv(evaluation: StanceEvaluation) -> str:
    """Return a line for each set; empty cells where there is no number."""
    rows = [
        (
            found.name,
            found.n_pairs,
            found.n_claims,
            *found.confusion.sum(axis=1).tolist(),
            *found.accuracy,
            *found.macro_f1,
            found.majority,
            found.majority_accuracy,
            found.majority_macro_f1,
            found.calibration_error,
            *(found.two_way or (None, None, None)),
            found.majority_two_way,
        )
        for found in evaluation.sets
    ]
    return tables.as_csv(Table(exact_columns(*_CSV_COLUMNS), rows))


def as_latex(evaluation: StanceEvaluation) -> str:
    """Return a booktabs table: a row for each set."""
    columns = (
        Column("set"),
        Column("pairs", count),
        Column("accuracy", with_interval),
        Column("majority", short),
        Column("macro-F1", with_interval),
        Column("majority", short),
    )
    rows = [
        (
            found.name,
            found.n_pairs,
            found.accuracy,
            found.majority_accuracy,
            found.macro_f1,
            found.majority_macro_f1,
        )
        for found in evaluation.sets
    ]
    return tables.as_latex(Table(columns, rows))


def _set_record(found: SetEvaluation) -> dict[str, Json]:
    rows = [dict(zip(STANCES, row, strict=True)) for row in found.confusion.tolist()]
    return {
        "name": found.name,
        "n_pairs": found.n_pairs,
        "n_claims": found.n_claims,
        "n_truncated": found.n_truncated,
        "accuracy": interval_record(found.accuracy),
        "macro_f1": interval_record(found.macro_f1),
        "majority": {
            "label": found.majority,
            "accuracy": found.majority_accuracy,
            "macro_f1": found.majority_macro_f1,
            "two_way": found.majority_two_way,
        },
        "two_way": None if found.two_way is None else interval_record(found.two_way),
        "beats_majority": found.beats_majority,
        "calibration_error": found.calibration_error,
        "confusion": dict(zip(STANCES, rows, strict=True)),
    }


def _set_text(found: SetEvaluation, width: int) -> str:
    figures = Table(
        (Column("", side="left"), Column("", with_interval), Column("baseline", short)),
        [
            ("accuracy", found.accuracy, found.majority_accuracy),
            ("macro-F1", found.macro_f1, found.majority_macro_f1),
            *([] if found.two_way is None else [("supports or refutes", found.two_way, found.majority_two_way)]),
        ],
        title=f"{printable(found.name)}: {found.n_pairs:,} pairs of {counted(found.n_claims, 'claim')}",
    )
    matrix = Table(
        (Column("", side="left"), *(Column(_SHORT[stance], count) for stance in STANCES)),
        [(_SHORT[stance], *row) for stance, row in zip(STANCES, found.confusion.tolist(), strict=True) if any(row)],
    )
    return f"{tables.as_text(figures, width)}\n{tables.as_text(matrix, width, gap=2)}"
