"""Figures of a comparison as text, JSON, CSV and LaTeX."""

from __future__ import annotations

from claimhound.data.records import Json
from claimhound.data.text.terminal_text import printable
from claimhound.pipeline.evaluation.comparison import ClaimChange, Comparison
from claimhound.pipeline.evaluation.reporting import run_figures, tables
from claimhound.pipeline.evaluation.reporting.json_records import FIGURES_SCHEMA, paired_test_record
from claimhound.pipeline.evaluation.reporting.tables import (
    NO_NUMBER,
    UNLIMITED,
    Column,
    Table,
    difference,
    exact_columns,
    fits,
    p_value,
    short,
    six_decimals,
    wrapped,
)
from claimhound.pipeline.evaluation.statistics import PairedTest


def as_text(comparison: Comparison, width: int | None = None) -> str:
    """Return the differences as text, as wide as the terminal unless `width` is given."""
    n_tests = sum(len(row) for row in comparison.tests.values())
    title = (
        f"{len(comparison.evaluation.judged.claims):,} claims; differences with 95 % intervals over claims; p of a "
        f"randomisation test, and Holm's p for the {n_tests} tests together"
    )
    parts = [wrapped(title, width)]
    for name, tests in comparison.tests.items():
        against = f"{printable(name)} against {printable(comparison.baseline)}"
        parts.append(f"{against}\n{_differences_text(comparison, name, tests, width)}")
        if comparison.changes[name]:
            lines = [f"Claims that changed most in {comparison.change_measure}, and where relevant documents went"]
            for change in comparison.changes[name]:
                lines += _change_lines(change)
            parts.append("\n".join(wrapped(line, width) for line in lines))
    return "\n\n".join(parts)


def as_record(comparison: Comparison) -> dict[str, Json]:
    """Return all figures as JSON; null where there is no number."""
    evaluation = run_figures.as_record(comparison.evaluation)
    return {
        "schema": FIGURES_SCHEMA,
        "n_claims": evaluation["n_claims"],
        "baseline": comparison.baseline,
        "measures": evaluation["measures"],
        "change_measure": comparison.change_measure,
        "differences": {
            name: {measure: paired_test_record(test) for measure, test in row.items()}
            for name, row in comparison.tests.items()
        },
        "changes": {
            name: [
                {
                    "claim": change.query_id,
                    "text": change.text,
                    "before": change.before,
                    "after": change.after,
                    "moved": [move._asdict() for move in change.moved],
                }
                for change in changes
            ]
            for name, changes in comparison.changes.items()
        },
        "findings": evaluation["findings"],
        "settings": comparison.evaluation.settings,
    }


def as_csv(comparison: Comparison) -> str:
    """Return a line for each run and measure."""
    numbers = ("before", "after", "difference", "low", "high", "p", "p_holm")
    columns = (
        *exact_columns("run", "against", "measure"),
        *(Column(name, six_decimals) for name in numbers),
        *exact_columns("won", "lost", "tied"),
    )
    means = comparison.evaluation.means
    rows = [
        (
            name,
            comparison.baseline,
            measure,
            means[comparison.baseline][measure],
            means[name][measure],
            *test.difference,
            *test[1:],
        )
        for name, tests in comparison.tests.items()
        for measure, test in tests.items()
    ]
    return tables.as_csv(Table(columns, rows))


def as_latex(comparison: Comparison) -> str:
    """Return a booktabs table: a row for each run and measure."""
    columns = (
        Column("run"),
        Column("measure"),
        Column(f"difference to {comparison.baseline}", difference),
        Column("p", p_value),
        Column("p (Holm)", p_value),
    )
    rows = [
        (name, measure, test.difference, test.p, test.p_holm)
        for name, tests in comparison.tests.items()
        for measure, test in tests.items()
    ]
    return tables.as_latex(Table(columns, rows))


def _differences_text(comparison: Comparison, name: str, tests: dict[str, PairedTest], width: int | None) -> str:
    means = comparison.evaluation.means
    columns = (
        Column("", side="left"),
        Column("before", short),
        Column("after", short),
        Column("difference", difference),
        Column("p", p_value),
        Column("p Holm", p_value),
        Column("won/lost/tied"),
    )
    rows = [
        (
            measure,
            means[comparison.baseline][measure],
            means[name][measure],
            test.difference,
            test.p,
            test.p_holm,
            f"{test.won}/{test.lost}/{test.tied}",
        )
        for measure, test in tests.items()
    ]
    table = Table(columns, rows)
    wide = tables.as_text(table, UNLIMITED)
    if fits(wide, width):
        return wide
    return "\n".join(
        wrapped(f"{row[0]}: {row[1]} to {row[2]}, {row[3]}, p {row[4]}, Holm's {row[5]}, {row[6]}", width)
        for row in table.cells()
    )


def _change_lines(change: ClaimChange) -> list[str]:
    values = f"{short(change.before)} to {short(change.after)}"
    lines = [f"{values}  {printable(change.query_id)}  {printable(change.text)}".rstrip()]
    for move in change.moved:
        before = NO_NUMBER if move.before is None else f"#{move.before}"
        after = NO_NUMBER if move.after is None else f"#{move.after}"
        lines.append(f"    {before} to {after}  {printable(move.doc_id)}  {printable(move.text)}".rstrip())
    return lines
