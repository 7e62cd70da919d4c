"""CSV rows, with recovery from unclosed quotes."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Self

from claimhound.data.errors import RecordError
from claimhound.data.formats.id_columns import FEW_ROWS, IdColumns, trimmed
from claimhound.data.formats.sources import Source
from claimhound.data.formats.streams import TextStream, not_decodable
from claimhound.data.notices import Notices
from claimhound.data.rejects import Reject

LONGEST_CELL = 1 << 24
"""Characters. The csv module's default limit of 131,072 is shorter than some articles; without a limit, one stray quote
would pull the rest of a large file into memory."""

ROW_LIKE_CELLS = "quoted cells of several lines, most of which look like rows; is a quote missing?"

_QUOTES = re.compile('"+')
_FIRST_LOOK = 256  # lines of one row before it is checked
_SAMPLE_ROWS = 200
_MANY_LINES = 10
_VERY_MANY_LINES = 50
_PATIENCE = 100


class CsvRows:
    """The rows of a CSV file; after a quote that is never closed, reading resumes at the next line.

    In strict CSV, a stray quote makes one cell of all lines up to the next quote or the end of the file. It is treated
    as an error of its own line if

    - the file ends before the quote is closed, or the closing quote is not followed by a delimiter or a line end;
    - the resulting row is not as wide as the header, and most of its further lines are whole rows: valid CSV as wide as
      the header, with ids (cells without white space in all previous rows) of the same kind;
    - the row is as wide as the header, but all of its lines are whole rows, and their ids either increase from the
      previous row to the next one or are at least ten, all different; or fifty lines, if no column has ids.

    The line where the quote opens is then rejected and reading resumes at the next line. Lines there that are not whole
    rows are rejected one by one, so every lost line is counted and named. A cell with a small table, an email or code
    is not affected: cells with closed quotes and other lines are read as they are. There is a notice if most of their
    lines are whole rows.

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
        self._ids: IdColumns | None = None
        self._fault: int | None = None  # the line of an open quote after which no whole row was found yet
        self._n_unlike = 0
        self.width: int | None = None

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each row after the number of its first line."""
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
                self._reject_opening(first, f"opened here and closed in line {lines.number:,}, with rows in between")
            elif row and (self._fault is None or self._fits_after_fault(first, row)):
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
        """Reject the row up to the line where its last quote opens, and read the lines after it again."""
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
        """Return the number, from 0, of the line with the opening quote that is open at the end of the last line.

        If the last line ends outside quotes, return the line of the last opening quote.
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

    def _fits_after_fault(self, first: int, row: list[str]) -> bool:
        """Tell whether a row can be accepted; after a fault, only one that is like the previous rows."""
        if self.width is None:
            return True
        fits = len(trimmed(row, self.width)) == self.width
        if not fits or (self._n_unlike < _PATIENCE and not self._known_ids().fit(row)):
            if any(cell.strip() for cell in row):
                self._n_unlike += fits
                what = f"{len(row)} cells where the header has {self.width}" if not fits else "no id like those above"
                self._reject(
                    RecordError(
                        self._source.name, first, f"not a whole row ({what}), after the fault in line {self._fault:,}"
                    )
                )
            return False
        self._fault = None
        self._n_unlike = 0
        return True

    def _is_swallowed(self, row: list[str]) -> bool:
        """Tell whether a row with closed quotes consists of rows that a stray quote joined."""
        if self.width is None or self.width < 2:
            return False
        taken = self._lines.taken
        following = [line for line in taken[1:] if line.strip()]
        inner = [cells for line in following if (cells := self._whole_row(line)) is not None]
        if 2 * len(inner) < len(following) or not inner:
            return False
        if len(trimmed(row, self.width)) != self.width:
            return True
        all_are_rows = len(inner) == len(following)
        if all_are_rows and self._continues_ids(taken[0], inner):
            return True
        if self._known_ids().columns or (all_are_rows and len(inner) > 1):
            self._notices.count(self._source.name, ROW_LIKE_CELLS, self._lines.number - len(taken) + 1)
        return False

    def _continues_ids(self, first_line: str, inner: Sequence[list[str]]) -> bool:
        """Tell whether the lines of a cell, which are all rows, continue the ids of the rows around them."""
        opening = next(csv.reader([first_line], delimiter=self._delimiter, quoting=csv.QUOTE_NONE), [])
        opening = trimmed(opening, self.width or 0)
        if len(opening) != self.width:
            return False
        ids = self._known_ids()
        if len(self._sample) < FEW_ROWS <= len(inner):
            ids = IdColumns.of([opening, *inner])
        if not ids.columns or not ids.fit(opening):
            return not ids.columns and len(inner) >= _VERY_MANY_LINES
        following = self._whole_row(self._lines.peek())
        rows = [opening, *inner, *([] if following is None else [following])]
        # Without a next row that continues the ids, two lines may be a list.
        previous = [self._last] if self._last else []
        if (following is not None or len(inner) >= FEW_ROWS) and ids.count_up([*previous, *rows]):
            return True
        return len(inner) >= _MANY_LINES and ids.differ(rows)

    def looks_swallowed(self) -> bool:
        """Tell whether nearly all of the last lines of the current row are whole rows."""
        if self.width is None or self.width < 2:
            return False
        lines = [line for line in self._lines.taken[-_FIRST_LOOK + 1 :] if line.strip()]
        n_rows = sum(self._whole_row(line) is not None for line in lines)
        return n_rows > 0 and n_rows >= 0.95 * len(lines)

    def _whole_row(self, line: str) -> list[str] | None:
        """Return the cells of a line that is a whole row like the previous ones; None for any other line."""
        if self.width is None or line.count(self._delimiter) < self.width - 1:
            return None
        try:
            row = next(csv.reader([line], delimiter=self._delimiter, strict=True), [])
        except csv.Error:
            return None
        row = trimmed(row, self.width)
        return row if len(row) == self.width and self._known_ids().fit(row) else None

    def _known_ids(self) -> IdColumns:
        if self._ids is None:
            self._ids = IdColumns.of(self._sample)
        return self._ids


class _Lines:
    """The lines of a stream for csv.reader, which cannot continue after an exception in its source.

    So an invalid line is yielded with replacement characters, and its error is kept in `errors` by line number.
    `taken` are the lines yielded since it was cleared; `number` is the number of the last line.
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
        """Return the next line without consuming it; empty at the end."""
        if not self._again:
            raw = next(self._stream, b"")
            if not raw:
                return ""
            self._again.append(self._read(raw))
        return self._again[0]

    def give_again(self, first: int) -> None:
        """Yield the taken lines again, starting at number `first`, counted from 0."""
        again = self.taken[first:]
        self._again.extendleft(reversed(again))
        self.number -= len(again)
        del self.taken[first:]
