"""Figures of a reranker on pairs as text, JSON, CSV and LaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from claimhound.data.records import Json
from claimhound.data.text.terminal_text import printable
from claimhound.data.text.wording import counted
from claimhound.pipeline.evaluation.pairs import Figure, PairEvaluation
from claimhound.pipeline.evaluation.reporting import tables
from claimhound.pipeline.evaluation.reporting.json_records import FIGURES_SCHEMA
from claimhound.pipeline.evaluation.reporting.tables import (
    Column,
    Table,
    exact_columns,
    probability,
    resolved_width,
    short,
    with_interval,
    wrapped,
)
from claimhound.pipeline.evaluation.statistics import Interval

_NAMES = ("accuracy", "F1", "precision", "recall", "average precision")
_SHORT_NAMES = (*_NAMES[:-1], "AP")
_WIDE_FROM = 60


def as_text(evaluation: PairEvaluation, width: int | None = None) -> str:
    """Return the figures as text, as wide as the terminal unless `width` is given; at least 40."""
    width = max(40, resolved_width(width))
    if width >= _WIDE_FROM:
        table = tables.as_text(_shown(evaluation, _NAMES), width, gap=2)
        legend = "The baseline is the figure for calling every pair relevant."
    else:
        wide = _shown(evaluation, _SHORT_NAMES)
        table = tables.as_text(Table(wide.columns[:-1], [row[:-1] for row in wide.rows]), width)
        baseline = ", ".join(f"{row[0]} {row[-1]}" for row in wide.cells())
        legend = f"AP is average precision. Calling every pair relevant gives {baseline}."
    title = (
        f"{printable(evaluation.model)}: {evaluation.n_pairs:,} pairs of {counted(evaluation.n_claims, 'claim')}, "
        f"{100 * evaluation.share_relevant:.1f} % relevant"
    )
    return "\n\n".join([wrapped(title, width), table, *(wrapped(text, width) for text in (legend, *evaluation.notes))])


def as_record(evaluation: PairEvaluation) -> dict[str, Json]:
    """Return the figures as JSON; null where there is no number."""
    return {
        "schema": FIGURES_SCHEMA,
        "model": evaluation.model,
        "weights_sha256": evaluation.weights_sha256,
        "n_pairs": evaluation.n_pairs,
        "n_relevant": evaluation.n_relevant,
        "n_claims": evaluation.n_claims,
        "n_truncated": evaluation.n_truncated,
        "share_relevant": evaluation.share_relevant,
        "threshold": evaluation.threshold,
        "seed": evaluation.seed,
        "figures": figures_record(evaluation.figures),
        "notes": list(evaluation.notes),
    }


def figures_record(figures: Mapping[str, Figure]) -> dict[str, Json]:
    """Return figures by name as JSON; null where there is no number."""
    return tables.as_json(_exact(figures))


def as_csv(evaluation: PairEvaluation) -> str:
    """Return a line for each figure; empty cells where there is no number."""
    return tables.as_csv(_exact(evaluation.figures))


def as_latex(evaluation: PairEvaluation) -> str:
    """Return a booktabs table: a row for each figure."""
    return tables.as_latex(_shown(evaluation, _NAMES))


def _exact(figures: Mapping[str, Figure]) -> Table:
    return Table(exact_columns("figure", *Figure._fields), [(name, *figure) for name, figure in figures.items()])


def _shown(evaluation: PairEvaluation, names: Iterable[str]) -> Table:
    columns = (
        Column("", side="left"),
        Column("95 % interval", with_interval),
        Column("threshold", probability),
        Column("baseline", short),
    )
    rows = [
        (name, Interval(*figure[:3]), figure.threshold, figure.always_relevant)
        for name, figure in zip(names, evaluation.figures.values(), strict=True)
    ]
    return Table(columns, rows)
