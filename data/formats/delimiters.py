"""What parts the cells of a table: found in its first rows, or said by the user."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from itertools import islice

from claimhound.data.formats.field_names import folded_name

CANDIDATES = (",", ";", "\t", "|")
_WORDS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_SAMPLE_ROWS = 20


def parse_delimiter(word: str) -> str:
    """Return the character that a user's word names; raises ValueError for what can part no cells."""
    delimiter = _WORDS.get(word.lower(), word)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ValueError(f"{word!r} cannot part cells; give one character, such as ; or |, or the word tab")
    return delimiter


def said_delimiter(line: str) -> str | None:
    """Return the delimiter that a first line `sep=;` names, as some spreadsheets write it; None for any other line."""
    text = line.strip("\r\n").strip('"')
    if text[:4].lower() != "sep=":
        return None
    delimiter = text[4:].rstrip(",;\t|") or text[4:5]
    return delimiter if len(delimiter) == 1 and not delimiter.isalnum() else None


def found_delimiter(lines: Sequence[str], usual: str, text_names: Collection[str], columns: Sequence[str] = ()) -> str:
    """Return what parts the cells of a table whose first lines these are; `usual` unless another is clearly it.

    Clearly means that the header holds one of `text_names` under the other delimiter and not under the usual one. For a
    header without these names, and a table without a header, whose columns are then given: that the first rows are of
    one width, of two cells or more, under the other and not under the usual one. So a table of one column is possible,
    and a comma within the texts of a table of semicolons misleads nobody.
    """
    rows = {candidate: _first_rows(lines, candidate) for candidate in (usual, *CANDIDATES)}
    if not columns:
        wanted = {folded_name(name) for name in text_names}
        named = [
            candidate
            for candidate, found in rows.items()
            if found and not wanted.isdisjoint(folded_name(cell) for cell in found[0])
        ]
        if named:
            return usual if usual in named else max(named, key=lambda candidate: _fit(rows[candidate]))
    fits = {candidate: _fit(found, len(columns)) for candidate, found in rows.items()}
    best = max(rows, key=lambda candidate: fits[candidate])
    share, width = fits[best]
    return best if share == 1 and width > 1 and fits[usual] < (1, 2) else usual


def _first_rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    try:
        rows = (row for row in csv.reader(lines, delimiter=delimiter) if any(cell.strip() for cell in row))
        return list(islice(rows, _SAMPLE_ROWS))
    except csv.Error:
        return []


def _fit(rows: list[list[str]], width: int = 0) -> tuple[float, int]:
    """Return the share of rows of the width that is wanted, the first row's if none is, and that width."""
    if not rows:
        return 0.0, 0
    width = width or len(rows[0])
    return sum(len(row) == width for row in rows) / len(rows), width
