"""Records out of tables: CSV and TSV, whose columns a header line or the caller names."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import IO, Self

from data.errors import InputError, RecordError
from data.notices import Notices
from data.raw_record import RawRecord
from data.rejects import Reject
from data.sources import Source
from data.streams import not_utf8, open_stream, read_lines

_LONGEST_CELL = 1 << 24
"""Characters. The csv module's own limit is 131,072, shorter than some articles; without any, one stray quote would
pull the rest of a large file into memory."""


def read_csv(source: Source, reject: Reject, notices: Notices) -> Iterator[RawRecord]:  # noqa: ARG001
    """Give one record for each row under the header; its line is the one that the row begins at.

    Cells are texts; a quoted cell may hold commas, quotes and line ends. Rejects rows of another width than the header,
    with stray quotes, or not in UTF-8. Raises InputError for a header that is bad so, or names a column twice. A source
    that names its columns has no header.
    """
    csv.field_size_limit(_LONGEST_CELL)
    with open_stream(source) as stream:
        lines = _CsvLines(source, stream)
        rows = csv.reader(lines, strict=True)
        header = _checked_header(source, list(source.columns)) if source.columns else None
        while True:
            line_number = rows.line_num + 1
            try:
                row = next(rows, None)
                error = lines.take_error()
            except csv.Error as bad:
                row, error = [], RecordError(source.name, line_number, f"not valid CSV: {_csv_reason(bad)}")
            if row is None:
                return
            if error is not None:
                if header is None:
                    raise error
                reject(error)
            elif row and header is None:
                header = _checked_header(source, row)
            elif row:
                record = _row_record(source, line_number, header or [], row, reject)
                if record is not None:
                    yield record


def read_tsv(source: Source, reject: Reject, notices: Notices) -> Iterator[RawRecord]:  # noqa: ARG001
    """Give one record for each line under the header.

    Some programs quote cells in a TSV as in a CSV, others write quotes as plain characters: a line's quotes are taken
    off where they are those of a CSV row as wide as the header, and are text everywhere else. A row is one line: a line
    end within quotes makes lines of another width, which are rejected. A source that names its columns has no header.
    Raises InputError for a bad one.
    """
    header = _checked_header(source, list(source.columns))

    def reject_row(error: RecordError) -> None:
        if not header:
            raise error
        reject(error)

    for line_number, line in read_lines(source, reject_row, strip="\r\n"):
        if not header:
            header.extend(_checked_header(source, _tsv_cells(line, None)))
            continue
        record = _row_record(source, line_number, header, _tsv_cells(line, len(header)), reject)
        if record is not None:
            yield record


class _CsvLines:
    """The lines of a stream for csv.reader, which cannot go on after an exception out of them.

    So a line that is not UTF-8 is given with replacement characters, and its error waits to be taken.
    """

    def __init__(self, source: Source, stream: IO[bytes]) -> None:
        self._source = source
        self._stream = stream
        self._line_number = 0
        self._error: RecordError | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        self._line_number += 1
        raw = next(self._stream)
        try:
            return raw.decode("utf-8-sig" if self._line_number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            self._error = not_utf8(self._source, self._line_number, error)
            return raw.decode(errors="replace")

    def take_error(self) -> RecordError | None:
        """Return the error of the lines given since the last call, if any."""
        error, self._error = self._error, None
        return error


def _checked_header(source: Source, row: list[str]) -> list[str]:
    header = [name.strip() for name in row]
    twice = next((name for number, name in enumerate(header) if name in header[:number]), None)
    if twice is not None:
        raise InputError(f"{source.name}: the header names the column {twice!r} twice")
    return header


def _row_record(
    source: Source, line_number: int, header: list[str], row: list[str], reject: Reject
) -> RawRecord | None:
    if len(row) == len(header):
        return RawRecord(line_number, None, dict(zip(header, row, strict=True)))
    where = "" if source.columns else " as in the header"
    reject(RecordError(source.name, line_number, f"expected {len(header)} cells{where}, got {len(row)}"))
    return None


def _tsv_cells(line: str, width: int | None) -> list[str]:
    """Return the line's cells, unquoted where that gives a row of the width wanted."""
    cells = line.split("\t")
    if '"' not in line:
        return cells
    try:
        unquoted = next(csv.reader([line], delimiter="\t", strict=True), [])
    except csv.Error:
        return cells
    return unquoted if width in (None, len(unquoted)) else cells


def _csv_reason(error: csv.Error) -> str:
    reason = str(error)
    if reason.startswith("new-line character"):
        return "a carriage return outside quotes"
    if reason.startswith("unexpected end"):
        return "a quote is opened and never closed"
    if reason.startswith("field larger"):
        return f"a cell of more than {_LONGEST_CELL:,} characters; is a quote never closed?"
    return reason
