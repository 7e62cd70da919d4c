"""Tables as text, CSV, JSON and LaTeX."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from claimhound.data.formats.spreadsheet import guarded_table
from claimhound.data.records import Json
from claimhound.pipeline.evaluation.statistics import Interval

NO_NUMBER = "–"
UNLIMITED = 10_000
"""A width that no table reaches."""
_NARROWEST = 30
Side: TypeAlias = Literal["left", "right"]


class Column(NamedTuple):
    """A column: its name, how a cell is written, and the side that text is aligned to."""

    name: str
    show: Callable[[Any], str] = str
    side: Side = "right"


class Table(NamedTuple):
    """Columns, and rows of one cell for each; the title is printed above the text."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    title: str = ""

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    def cells(self) -> list[list[str]]:
        """Return every cell as it is written."""
        return [[column.show(cell) for column, cell in zip(self.columns, row, strict=True)] for row in self.rows]


def exact_columns(*names: str) -> tuple[Column, ...]:
    """Return columns that show every digit of a number, and nothing for a missing one."""
    return tuple(Column(name, exact) for name in names)


def as_text(table: Table, width: int | None = None, *, gap: int = 1) -> str:
    """Return the table as text, as wide as the terminal unless `width` is given; unnamed columns have no header.

    rich folds long cells and counts wide characters, which tabulate does not.
    """
    grid = Grid(box=None, padding=(0, gap, 0, 0), show_edge=False, pad_edge=False, show_header=any(table.names))
    for column in table.columns:
        grid.add_column(column.name, justify=column.side, overflow="fold")
    for row in table.cells():
        grid.add_row(*row)
    text = _printed(grid, width)
    return f"{wrapped(table.title, width)}\n{text}" if table.title else text


def as_csv(table: Table) -> str:
    """Return lines of CSV under a header, ended by LF; text that a spreadsheet would read as a formula is guarded."""
    page = io.StringIO()
    csv.writer(page, lineterminator="\n").writerows(guarded_table([table.names, *table.cells()]))
    return page.getvalue()


def as_latex(table: Table) -> str:
    """Return a table for the LaTeX package booktabs; special characters are escaped."""
    from tabulate import tabulate

    text: str = tabulate(
        [[cell.replace(NO_NUMBER, "--") for cell in row] for row in table.cells()],
        headers=table.names,
        tablefmt="latex_booktabs",
        disable_numparse=True,
    )
    return text


def as_json(table: Table) -> dict[str, Json]:
    """Return an object for each row, named by its first cell; null where there is no number."""
    _, *names = table.names
    return {
        str(name): dict(zip(names, (None if _is_missing(cell) else cell for cell in cells), strict=True))
        for name, *cells in table.rows
    }


def wrapped(text: str, width: int | None = None) -> str:
    """Return the text in lines that fit, all with the indent of the first; a word is broken only if it is too long."""
    indent = text[: len(text) - len(text.lstrip())]
    return _printed(Padding(Text(text.strip()), (0, 0, 0, len(indent))), width)


def fits(text: str, width: int | None) -> bool:
    """Return whether every line fits in the width, by default the terminal's."""
    return max(map(cell_len, text.splitlines())) <= resolved_width(width)


def resolved_width(width: int | None) -> int:
    """Return the width, by default the terminal's; at least 30."""
    return max(_NARROWEST, Console(file=io.StringIO()).width if width is None else width)


def _printed(content: RenderableType, width: int | None) -> str:
    page = io.StringIO()
    console = Console(file=page, width=resolved_width(width), highlight=False, markup=False)
    console.print(content)
    return "\n".join(line.rstrip(" ") for line in page.getvalue().rstrip("\n").split("\n"))


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def exact(value: Any) -> str:
    """Return every digit of a number, text unchanged, and nothing for a missing number."""
    return "" if _is_missing(value) else str(value)


def six_decimals(value: float) -> str:
    """Return a number with six decimals, and nothing for a missing one."""
    return "" if _is_missing(value) else f"{value:.6f}"


def count(number: int) -> str:
    """Return a whole number with commas."""
    return f"{number:,}"


def short(value: float, *, signed: bool = False) -> str:
    """Return three decimals without the zero before the point: .157, 1.000, +.031."""
    if math.isnan(value):
        return NO_NUMBER
    text = f"{value:+.3f}" if signed else f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(value) < 0.9995 else text


def with_interval(interval: Interval, *, signed: bool = False) -> str:
    """Return a value with its interval: .157 [.130, .184]."""
    mean = short(interval.mean, signed=signed)
    if math.isnan(interval.low):
        return mean
    return f"{mean} [{short(interval.low, signed=signed)}, {short(interval.high, signed=signed)}]"


def difference(interval: Interval) -> str:
    """Return a difference with its interval: +.031 [-.002, +.064]."""
    return with_interval(interval, signed=True)


def p_value(p: float) -> str:
    """Return a p-value; 9,999 resamples cannot tell one below .001 from 0."""
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def probability(value: float | None) -> str:
    """Return three decimals; rounding never turns a probability into a certainty."""
    if value is None:
        return NO_NUMBER
    shown = short(value)
    return {".000": "<.001", "1.000": ">.999"}.get(shown, shown) if 0 < value < 1 else shown
