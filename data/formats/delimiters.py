"""The delimiter of a table: detected in its first rows, or given by the user."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from itertools import islice

from claimhound.data.formats.field_names import folded_name

CANDIDATES = (",", ";", "\t", "|")
_WORDS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_SAMPLE_ROWS = 20


def parse_delimiter(word: str) -> str:
    """Return the character that the user's word names; raises ValueError if it cannot separate cells."""
    delimiter = _WORDS.get(word.lower(), word)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ValueError(f"{word!r} is not a delimiter; give one character, such as ; or |, or the word tab")
    return delimiter


def declared_delimiter(line: str) -> str | None:
    """Return the delimiter in a first line such as `sep=;`, which some spreadsheets write; None for any other line."""
    text = line.strip("\r\n").strip('"')
    if text[:4].lower() != "sep=":
        return None
    delimiter = text[4:].rstrip(",;\t|") or text[4:5]
    return delimiter if len(delimiter) == 1 and not delimiter.isalnum() else None


def detect_delimiter(lines: Sequence[str], usual: str, text_names: Collection[str], columns: Sequence[str] = ()) -> str:
    """Return the delimiter of a table with these first lines: `usual`, unless another one is clearly right.

    Another one is clearly right if only it makes one of `text_names` a cell of the header. If the header has none of
    these names, or the columns are given: if only it gives all first rows the same width of at least two cells. So
    tables with a single column are possible, and commas in the texts of a table with semicolons do no harm.
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
    """Return the share of rows that have the width, by default that of the first row, and the width."""
    if not rows:
        return 0.0, 0
    width = width or len(rows[0])
    return sum(len(row) == width for row in rows) / len(rows), width
