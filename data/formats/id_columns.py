"""Columns of a table that contain ids, which tell whether a line is a row of the table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Self

FEW_ROWS = 3  # too few to tell what an id looks like
_LONGEST_ID = 64


class IdColumns(NamedTuple):
    """The columns of ids or other single words: the column number, and whether every cell has a digit."""

    columns: tuple[tuple[int, bool], ...]

    @classmethod
    def of(cls, rows: Sequence[list[str]]) -> Self:
        """Return the id columns of some rows; none for fewer than three rows."""
        if len(rows) < FEW_ROWS:
            return cls(())
        columns = list(zip(*rows, strict=True))
        return cls(
            tuple(
                (number, all(_has_digit(cell) for cell in cells))
                for number, cells in enumerate(columns)
                if all(map(_is_word, cells))
            )
        )

    def fit(self, row: Sequence[str]) -> bool:
        """Tell whether a row has similar words in these columns."""
        return all(_is_word(row[number]) and (_has_digit(row[number]) or not digit) for number, digit in self.columns)

    def count_up(self, rows: Sequence[Sequence[str]]) -> bool:
        """Tell whether the numbers in one of the columns increase."""
        for number, _ in self.columns:
            cells = [row[number] if number < len(row) else "" for row in rows]
            if all(cell.isdecimal() for cell in cells):
                numbers = [int(cell) for cell in cells]
                if all(one < other for one, other in pairwise(numbers)):
                    return True
        return False

    def differ(self, rows: Sequence[Sequence[str]]) -> bool:
        """Tell whether the cells of one of the columns are all different."""
        return any(len({row[number] for row in rows}) == len(rows) for number, _ in self.columns)


def trimmed(row: list[str], width: int) -> list[str]:
    """Return the row without blank cells beyond the last column."""
    if len(row) > width and not any(cell.strip() for cell in row[width:]):
        return row[:width]
    return row


def _is_word(cell: str) -> bool:
    return 0 < len(cell) <= _LONGEST_ID and len(cell.split()) == 1


def _has_digit(cell: str) -> bool:
    return any(map(str.isdigit, cell))
