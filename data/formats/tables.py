"""Records of CSV and TSV tables, with columns named by a header or by the user."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain

from claimhound.data.errors import InputError, RecordError
from claimhound.data.formats.csv_rows import LONGEST_CELL, CsvRows
from claimhound.data.formats.delimiters import declared_delimiter, detect_delimiter
from claimhound.data.formats.field_names import folded_name, matches
from claimhound.data.formats.raw_record import RawRecord
from claimhound.data.formats.sources import Source
from claimhound.data.formats.streams import TextStream, not_decodable, open_text
from claimhound.data.notices import Notices
from claimhound.data.records import Json
from claimhound.data.rejects import Reject

_SHOWN_NAMES = 5
_SHOWN_CELLS = 8
_HEAD_LINES = 100
_USUAL_NAMES = frozenset(
    (
        *("id", "_id", "doc_id", "docid", "evidence_id", "query_id", "claim_id", "qid", "pair_id", "title", "text"),
        *("claim", "url", "link", "date", "published", "source", "label", "verdict"),
    )
)
_BLANK_ROWS = "blank rows left out"
_NAMES_OF_DELIMITERS = {"\t": "tabs", " ": "spaces"}


def read_table(
    source: Source, reject: Reject, notices: Notices, text_names: Collection[str] = ()
) -> Iterator[RawRecord]:
    """Yield one record for each row below the header; its line is the first line of the row.

    Cells are texts. The delimiter is the user's, or that of a first line `sep=;`, or else detected in the first rows,
    with a notice if it is not the usual one of the format. In a CSV file, a quoted cell may contain delimiters, quotes
    and line ends; see `CsvRows` for quotes that are never closed. A TSV file with tabs has one row per line: quotes are
    removed if that gives a row as wide as the header, and are text otherwise, as some programs write them.

    Rows of blank cells, and repeated headers in files that were joined, are left out and counted in `notices`. Blank
    cells beyond the last column are ignored. Rows of another width, invalid CSV and invalid bytes are rejected.

    A source with given columns has no header; a first line with the same names is left out. Raises InputError for an
    invalid header, a header with a duplicate of an important column, and one without any of `text_names`, in any case.
    """
    csv.field_size_limit(LONGEST_CELL)
    with open_text(source, notices) as stream:
        head = _first_lines(stream)
        declared = declared_delimiter(head[0]) if head else None
        usual = "\t" if source.format == "tsv" else ","
        delimiter = source.delimiter or declared or detect_delimiter(head, usual, text_names, source.columns)
        first_line = 1
        if declared is not None:
            next(stream)
            first_line = 2
        if source.delimiter is None and delimiter != usual:
            why = ", as its first line says" if declared is not None else ""
            notices.say(source.name, f"cells are separated by {_delimiter_name(delimiter)}{why}")
        header: _Header | None = None

        def reject_row(error: RecordError) -> None:
            if header is None:
                raise error
            reject(error)

        rows: CsvRows | _TsvRows
        if source.format == "tsv" and delimiter == "\t":
            rows = _TsvRows(source, stream, reject_row, first_line)
        else:
            rows = CsvRows(source, stream, delimiter, reject_row, notices, first_line)
        if source.columns:
            header = _Header(source, source.columns, text_names, notices)
            rows.width = len(header.names)
        each = iter(rows)
        for line, cells in each:
            if _is_blank(cells):
                notices.count(source.name, _BLANK_ROWS, line)
            elif header is None:
                header = _Header(source, cells, text_names, notices)
                rows.width = len(cells)
                break
            elif header.is_named_by(cells):
                notices.say(source.name, f"the first line is a header and is left out: {_shown(cells)}")
                break
            else:
                each = chain([(line, cells)], each)
                break
        if header is not None:
            yield from _records(source, header, each, reject, notices)


def _records(
    source: Source, header: _Header, rows: Iterator[tuple[int, list[str]]], reject: Reject, notices: Notices
) -> Iterator[RawRecord]:
    names, first_words = header.names, header.first_words
    plain_width = len(names) if all(names) else -1
    for line, cells in rows:
        first_cell = cells[0]
        if (not first_cell or first_cell.isspace()) and _is_blank(cells):
            notices.count(source.name, _BLANK_ROWS, line)
        elif first_cell in first_words and header.is_repeated_by(line, cells):
            notices.count(source.name, "repeated header lines left out", line)
        elif len(cells) == plain_width:
            yield RawRecord(line, None, dict(zip(names, cells)))  # noqa: B905 (a tenth slower, and the lengths are equal)
        elif (record := header.record(line, cells, reject)) is not None:
            yield record


def _is_blank(cells: Iterable[str]) -> bool:
    return not any(cell.strip() for cell in cells)


class _Header:
    """The names of a table's columns; converts rows to records."""

    def __init__(self, source: Source, cells: Sequence[str], text_names: Collection[str], notices: Notices) -> None:
        self._source = source
        self._notices = notices
        self._text_names = text_names
        self.names = [cell.strip().strip("\ufeff").strip() for cell in cells]
        self._known = _USUAL_NAMES | {folded_name(name) for name in text_names}
        own = {folded_name(name) for name in self.names}
        self.first_words = frozenset(
            form for name in self._known | own for form in (name, name.upper(), name.capitalize(), name.title())
        ).union(cells, self.names) - {""}
        """Possible first cells of a repeated header."""
        self._make_different()
        self._require_text_name()
        self._blank = [number for number, name in enumerate(self.names) if not name]

    def _make_different(self) -> None:
        for number, name in enumerate(self.names):
            if name and name in self.names[:number]:
                if folded_name(name) in self._known:
                    raise InputError(f"{self._source.name}: the header names the column {name!r} twice")
                new = next(new for n in range(2, len(self.names) + 2) if (new := f"{name}_{n}") not in self.names)
                self._notices.say(self._source.name, f"the second column {name!r} is renamed {new!r}")
                self.names[number] = new

    def _require_text_name(self) -> None:
        if not self._text_names or matches(self._text_names, self.names):
            return
        wanted = list(self._text_names)
        several = f" (or {', '.join(wanted[1:_SHOWN_NAMES])}{', …' if len(wanted) > _SHOWN_NAMES else ''})"
        text_name = f"{wanted[0]!r}{several if len(wanted) > 1 else ''}"
        if self._source.columns:
            raise InputError(f"{self._source.name}: none of the columns {_shown(self.names)} is {text_name}")
        raise InputError(
            f"{self._source.name}: its first line has no column {text_name}, only {_shown(self.names)}; name "
            "the text column with --text-field or, if the file has no header, all columns with "
            f"--columns id,{wanted[0]}"
        )

    def is_named_by(self, cells: Sequence[str]) -> bool:
        """Tell whether the first row of a table with given columns is a header: only the same names, or usual ones."""
        own = {folded_name(name) for name in self.names}
        return {folded_name(cell) for cell in cells} <= own | self._known

    def is_repeated_by(self, line: int, cells: Sequence[str]) -> bool:
        """Tell whether a row repeats the header, in any case.

        Raises InputError for a header with other columns or another order, since the rows after it would be misread.
        """
        folded = [folded_name(cell) for cell in cells]
        own = [folded_name(name) for name in self.names]
        if folded == own:
            return True
        if len(cells) > 1 and len(set(folded)) == len(folded) and {*own, *self._known}.issuperset(folded):
            raise InputError(
                f"{self._source.name}:{line}: another header, {_shown(cells)}; the first was {_shown(self.names)}: "
                "if files with different columns were joined, give each file separately"
            )
        return False

    def record(self, line: int, cells: list[str], reject: Reject) -> RawRecord | None:
        """Return the row as a record, or None if it was rejected."""
        n_names = len(self.names)
        if len(cells) > n_names and not any(cell.strip() for cell in cells[n_names:]):
            del cells[n_names:]
        elif len(cells) < n_names and not any(self.names[len(cells) :]):
            cells = cells + [""] * (n_names - len(cells))
        if len(cells) != n_names:
            reject(RecordError(self._source.name, line, self._width_reason(cells)))
            return None
        fields: dict[str, Json] = dict(zip(self.names, cells, strict=False))
        if self._blank:
            del fields[""]
            for number in self._blank:
                if cells[number].strip():
                    fields[f"column_{number + 1}"] = cells[number]
                    self._notices.count(
                        self._source.name, f"cells without a column name, kept as column_{number + 1}", line
                    )
        return RawRecord(line, None, fields)

    def _width_reason(self, cells: Sequence[str]) -> str:
        where = "" if self._source.columns else " as in the header"
        reason = f"expected {len(self.names)} cells{where}, got {len(cells)}"
        missing = [name for name in self.names[len(cells) :] if name]
        return f"{reason}; missing: {', '.join(missing[:_SHOWN_NAMES])}" if missing else reason


class _TsvRows:
    """The rows of a TSV file, one per line; `width` is the header's width, None before it is read."""

    def __init__(self, source: Source, stream: TextStream, reject: Reject, first_line: int) -> None:
        self._source = source
        self._stream = stream
        self._reject = reject
        self._first_line = first_line
        self.width: int | None = None

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each row after its line number."""
        for line_number, raw in enumerate(self._stream, self._first_line):
            try:
                line = raw.decode().strip("\r\n")
            except UnicodeDecodeError as error:
                self._reject(not_decodable(self._source, line_number, error, self._stream.encoding))
                continue
            if line:
                yield line_number, _tsv_cells(line, self.width)


def _tsv_cells(line: str, width: int | None) -> list[str]:
    """Return the cells of a line, unquoted if that gives a row of the right width."""
    cells = line.split("\t")
    if '"' not in line:
        return cells
    try:
        unquoted = next(csv.reader([line], delimiter="\t", strict=True), [])
    except csv.Error:
        return cells
    return unquoted if width in (None, len(unquoted)) else cells


def _first_lines(stream: TextStream) -> list[str]:
    """Return the first lines of the text without consuming them; the last may be cut."""
    lines = stream.head().decode(errors="replace").split("\n", _HEAD_LINES)
    return [f"{line}\n" for line in lines[:_HEAD_LINES] if line]


def _delimiter_name(delimiter: str) -> str:
    return _NAMES_OF_DELIMITERS.get(delimiter, repr(delimiter))


def _shown(cells: Iterable[str]) -> str:
    shown = [cell if len(cell) <= 40 else f"{cell[:39]}…" for cell in cells]
    return ", ".join(shown[:_SHOWN_CELLS]) + (", …" if len(shown) > _SHOWN_CELLS else "")
