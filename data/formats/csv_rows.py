"""Rows of a CSV file, which go on behind a quote that is never closed."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, Self

from claimhound.data.errors import RecordError
from claimhound.data.formats.sources import Source
from claimhound.data.formats.streams import TextStream, not_decodable
from claimhound.data.notices import Notices
from claimhound.data.rejects import Reject

LONGEST_CELL = 1 << 24
"""Characters. The csv module's own limit is 131,072, shorter than some articles; without any, one stray quote would
pull the rest of a large file into memory."""

ROW_LIKE_CELLS = "quoted cells of several lines, most of which could be rows of their own; is a quote missing?"

_QUOTES = re.compile('"+')
_FIRST_LOOK = 256  # lines that one row may take before it is looked at
_SAMPLE_ROWS = 200
_LONGEST_ID = 64
_FEW_ROWS = 3  # too few to tell by what an id looks like
_MANY_LINES = 10
_VERY_MANY_LINES = 50
_PATIENCE = 100


class CsvRows:
    """The rows of a CSV file, read again from the next line on where a quote was never closed.

    By the letter of CSV a stray quote makes one cell of all lines up to the next quote, or to the end of the file. It
    is taken for what it is, a fault of the line that it stands in, where

    - the quote is not closed before the file ends, or what follows the closing quote is no delimiter or line end;
    - the row that comes out is not as wide as the header, and most of its further lines are whole rows: as wide as the
      header and valid CSV by themselves, with ids (cells that had no white space in all rows before) of the same kind;
    - the row is as wide as the header, but all of its lines are whole rows, and their ids also count up from the row
      before to the row behind, or there are ten of them, all different; or fifty, where no column holds ids.

    The line where the quote was opened is then rejected, and reading goes on at the line behind it: what is no whole
    row there is rejected, line by line, so that every line that is lost is counted and named. A cell that holds a small
    table, mails or code is none of this: all cells whose quotes are closed, and whose lines are not like that, are read
    as they stand. Where most of their lines are whole rows, the notices tell it.

    `width` is the number of cells in the header, None before it is read.
    """

    def __init__(
        self, source: Source, stream: TextStream, delimiter: str, reject: Reject, notices: Notices, first_line: int = 1
    ) -> None:
        self._source = source
        self._lines = _Lines(self, source, stream, first_line)
        self._delimiter = delimiter
        self._reject = reject
        self._notices = notices
        self._sample: list[list[str]] = []
        self._last: list[str] = []
        self._ids: _Ids | None = None
        self._fault: int | None = None  # the line of an open quote behind which no whole row was found yet
        self._n_unlike = 0
        self.width: int | None = None

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Give each row behind the line that it begins at."""
        lines = self._lines
        taken = lines.taken
        n_sampled = 0
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        while True:
            first = lines.number + 1
            taken.clear()
            try:
                row = next(reader, None)
            except csv.Error as error:
                self._reject_line(first, error)
                continue
            if row is None:
                return
            if lines.errors and self._reject_undecodable(first):
                continue
            if len(taken) > 1 and self._is_swallowed(row):
                self._reject_opening(first, f"opened here and closed in line {lines.number:,}, with rows between")
            elif row and (self._fault is None or self._is_behind_fault(first, row)):
                if row[0]:
                    self._last = row
                    if n_sampled < _SAMPLE_ROWS and len(row) == self.width:
                        n_sampled += 1
                        self._sample.append(row)
                        self._ids = None
                yield first, row

    def _reject_line(self, first: int, error: csv.Error) -> None:
        taken = self._lines.taken
        reason = str(error)
        if reason.startswith("field larger"):
            what = f"a cell of more than {LONGEST_CELL:,} characters; is a quote never closed?"
        elif reason.startswith("unexpected end"):
            what = "a quote is opened and never closed"
        elif reason.startswith("new-line character"):
            what = "a carriage return outside quotes"
        else:
            what = reason
        if len(taken) > 1:
            at = "" if what != reason else f" ({reason} in line {self._lines.number:,})"
            self._reject_opening(first, "opened and never closed" + at, what if what != reason else None)
            return
        if not self._reject_undecodable(first):
            for part in taken[0].strip("\r\n").split("\r") if reason.startswith("new-line") else taken:
                if part.strip():
                    self._reject(RecordError(self._source.name, first, f"not valid CSV: {what}"))
        self._fault = first

    def _reject_opening(self, first: int, how: str, what: str | None = None) -> None:
        """Reject the row up to the line where its last quote was opened, and give all lines behind it again."""
        taken = self._lines.taken
        opening = self._last_opening(taken)
        here = first + opening
        begins = f"; the row begins in line {first:,}" if opening else ""
        self._lines.give_again(opening + 1)
        if not self._reject_undecodable(first):
            what = f"a quote is {how}" if what is None else what
            self._reject(RecordError(self._source.name, here, f"not valid CSV: {what}{begins}"))
        self._fault = here

    def _last_opening(self, lines: Sequence[str]) -> int:
        """Return the number, from 0, of the line where the quote was opened that is open at the end of the last line.

        If the last line ends outside quotes, it is the one that was closed last.
        """
        opening = 0
        is_quoted = False
        for number, line in enumerate(lines):
            for quotes in _QUOTES.finditer(line):
                if is_quoted:
                    is_quoted = len(quotes[0]) % 2 == 0
                elif quotes.start() == 0 or line[quotes.start() - 1] == self._delimiter:
                    is_quoted = len(quotes[0]) % 2 == 1
                    opening = number if is_quoted else opening
        return opening

    def _reject_undecodable(self, first: int) -> bool:
        errors = self._lines.errors
        found = [number for number in errors if first <= number <= self._lines.number]
        for place, number in enumerate(found):
            error = errors.pop(number)
            if place == 0:
                self._reject(error)
        return bool(found)

    def _is_behind_fault(self, first: int, row: list[str]) -> bool:
        """Tell whether a row can be taken; behind a fault only one that is like the rows before."""
        if self.width is None:
            return True
        fits = len(_trimmed(row, self.width)) == self.width
        if not fits or (self._n_unlike < _PATIENCE and not self._known_ids().fit(row)):
            if any(cell.strip() for cell in row):
                self._n_unlike += fits
                what = f"{len(row)} cells where the header has {self.width}" if not fits else "no id like those before"
                self._reject(
                    RecordError(
                        self._source.name, first, f"no whole row ({what}) behind the fault in line {self._fault:,}"
                    )
                )
            return False
        self._fault = None
        self._n_unlike = 0
        return True

    def _is_swallowed(self, row: list[str]) -> bool:
        """Tell whether the lines of a row, whose quotes are closed, are rows that a stray quote made one of."""
        if self.width is None or self.width < 2:
            return False
        taken = self._lines.taken
        following = [line for line in taken[1:] if line.strip()]
        inner = [cells for line in following if (cells := self._whole_row(line)) is not None]
        if 2 * len(inner) < len(following) or not inner:
            return False
        if len(_trimmed(row, self.width)) != self.width:
            return True
        all_are_rows = len(inner) == len(following)
        if all_are_rows and self._go_on_counting(taken[0], inner):
            return True
        if self._known_ids().columns or (all_are_rows and len(inner) > 1):
            self._notices.count(self._source.name, ROW_LIKE_CELLS, self._lines.number - len(taken) + 1)
        return False

    def _go_on_counting(self, first_line: str, inner: Sequence[list[str]]) -> bool:
        """Tell whether the lines of a cell, all of them rows, belong to the rows around them by their ids."""
        opening = next(csv.reader([first_line], delimiter=self._delimiter, quoting=csv.QUOTE_NONE), [])
        opening = _trimmed(opening, self.width or 0)
        if len(opening) != self.width:
            return False
        ids = self._known_ids()
        if len(self._sample) < _FEW_ROWS <= len(inner):
            ids = _Ids.of([opening, *inner])
        if not ids.columns or not ids.fit(opening):
            return not ids.columns and len(inner) >= _VERY_MANY_LINES
        behind = self._whole_row(self._lines.peek())
        rows = [opening, *inner, *([] if behind is None else [behind])]
        # Where no row follows that goes on counting, two lines may well be a list.
        if (behind is not None or len(inner) >= _FEW_ROWS) and ids.count_up(
            [self._last, *rows] if self._last else rows
        ):
            return True
        return len(inner) >= _MANY_LINES and ids.differ(rows)

    def looks_swallowed(self) -> bool:
        """Tell whether nearly all of the lines that the present row took last are whole rows of their own."""
        if self.width is None or self.width < 2:
            return False
        lines = [line for line in self._lines.taken[-_FIRST_LOOK + 1 :] if line.strip()]
        n_rows = sum(self._whole_row(line) is not None for line in lines)
        return n_rows > 0 and n_rows >= 0.95 * len(lines)

    def _whole_row(self, line: str) -> list[str] | None:
        """Return the cells of a line that is a row by itself, like those before; None for any other."""
        if self.width is None or line.count(self._delimiter) < self.width - 1:
            return None
        try:
            row = next(csv.reader([line], delimiter=self._delimiter, strict=True), [])
        except csv.Error:
            return None
        row = _trimmed(row, self.width)
        return row if len(row) == self.width and self._known_ids().fit(row) else None

    def _known_ids(self) -> _Ids:
        if self._ids is None:
            self._ids = _Ids.of(self._sample)
        return self._ids


class _Ids(NamedTuple):
    """The columns that hold ids or other single words: number of the column, and whether all of them had a digit."""

    columns: tuple[tuple[int, bool], ...]

    @classmethod
    def of(cls, rows: Sequence[list[str]]) -> Self:
        if len(rows) < _FEW_ROWS:
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
        """Tell whether a row has such words in these columns."""
        return all(_is_word(row[number]) and (_has_digit(row[number]) or not digit) for number, digit in self.columns)

    def count_up(self, rows: Sequence[Sequence[str]]) -> bool:
        """Tell whether in one of the columns the rows are numbered upwards."""
        for number, _ in self.columns:
            cells = [row[number] if number < len(row) else "" for row in rows]
            if all(cell.isdecimal() for cell in cells):
                numbers = [int(cell) for cell in cells]
                if all(one < other for one, other in pairwise(numbers)):
                    return True
        return False

    def differ(self, rows: Sequence[Sequence[str]]) -> bool:
        """Tell whether in one of the columns no two rows have the same."""
        return any(len({row[number] for row in rows}) == len(rows) for number, _ in self.columns)


def _trimmed(row: list[str], width: int) -> list[str]:
    """Return the row without the blank cells behind the last column."""
    if len(row) > width and not any(cell.strip() for cell in row[width:]):
        return row[:width]
    return row


def _is_word(cell: str) -> bool:
    return 0 < len(cell) <= _LONGEST_ID and len(cell.split()) == 1


def _has_digit(cell: str) -> bool:
    return any(map(str.isdigit, cell))


class _Lines:
    """The lines of a stream for csv.reader, which cannot go on after an exception out of them.

    So a line that is not of the encoding is given with replacement characters, and its error waits in `errors` under
    its number. `taken` are the lines given since it was emptied; `number` is that of the last one.
    """

    def __init__(self, rows: CsvRows, source: Source, stream: TextStream, first_line: int) -> None:
        self._rows = rows
        self._source = source
        self._stream = stream
        self._again: deque[str] = deque()
        self._n_read = self.number = first_line - 1
        self.taken: list[str] = []
        self.errors: dict[int, RecordError] = {}

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        n_taken = len(self.taken)
        if n_taken >= _FIRST_LOOK and not n_taken & (n_taken - 1) and self._rows.looks_swallowed():
            raise StopIteration
        line = self._again.popleft() if self._again else self._read(next(self._stream))
        self.number += 1
        self.taken.append(line)
        return line

    def _read(self, raw: bytes) -> str:
        self._n_read += 1
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            self.errors[self._n_read] = not_decodable(self._source, self._n_read, error, self._stream.encoding)
            return raw.decode(errors="replace")

    def peek(self) -> str:
        """Return the line that comes next without giving it; empty at the end."""
        if not self._again:
            raw = next(self._stream, b"")
            if not raw:
                return ""
            self._again.append(self._read(raw))
        return self._again[0]

    def give_again(self, first: int) -> None:
        """Give the lines taken from `first` on, counted from 0, once more."""
        again = self.taken[first:]
        self._again.extendleft(reversed(again))
        self.number -= len(again)
        del self.taken[first:]
