"""Texts guarded against being read as spreadsheet formulas, and the original texts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from claimhound.data.formats.raw_record import RawRecord

BYTE_ORDER_MARK = "\ufeff"
"""At the start of a CSV file, it tells a spreadsheet that the file is UTF-8."""
GUARDED_COLUMN = "a ' before = + - @ is added"
"""The empty last column of a CSV file with guarded cells; it informs people and our readers."""

_STARTS_FORMULA = frozenset("=+-@")
_PLAIN_NUMBER = re.compile(r"[+-]?(\d+([.,]\d+)*|[.,]\d+)(e[+-]?\d+)?%?", re.ASCII | re.IGNORECASE)


def guarded(text: str) -> str:
    """Return the text, prefixed with an apostrophe if a spreadsheet would take it for a formula.

    A formula begins with `=`, `+`, `-` or `@`, also in full width or after white space and control characters, or with
    a tab or a line end. A plain number is not a formula. A text that has apostrophes before such a beginning gets one
    more, so `unguarded` restores every text.

    Source: OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f"'{text}" if _is_live(text.lstrip("'")) else text


def unguarded(text: str) -> str:
    """Return the text that was given to `guarded`."""
    return text[1:] if text.startswith("'") and _is_live(text.lstrip("'")) else text


def _is_live(text: str) -> bool:
    if text[:1] in ("\t", "\r", "\n"):
        return True
    for place, char in enumerate(text):
        if char.isspace() or unicodedata.category(char) in ("Cc", "Cf"):
            continue
        # NFKC turns a full-width sign into the plain sign.
        return unicodedata.normalize("NFKC", char)[:1] in _STARTS_FORMULA and not _PLAIN_NUMBER.fullmatch(
            text[place:].rstrip()
        )
    return False


def guarded_table(rows: Iterable[Sequence[object]]) -> list[list[object]]:
    """Return the rows, header first, with guarded texts; if any is guarded, GUARDED_COLUMN is added."""
    found = [list(row) for row in rows]
    safe: list[list[object]] = [[guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in found]
    if safe != found:
        safe = [[*row, "" if number else GUARDED_COLUMN] for number, row in enumerate(safe)]
    return safe


def for_spreadsheets(text: str) -> str:
    """Return the text of a CSV file, with a byte order mark unless it is ASCII."""
    return text if text.isascii() else BYTE_ORDER_MARK + text


def unguarded_records(records: Iterator[RawRecord]) -> Iterator[RawRecord]:
    """Yield the records of a table; those of a guarded file get their original names and texts back."""
    for record in records:
        fields = record.value
        if isinstance(fields, dict) and GUARDED_COLUMN in fields:
            was = {
                unguarded(name): unguarded(value) if isinstance(value, str) else value
                for name, value in fields.items()
                if name != GUARDED_COLUMN
            }
            yield record._replace(value=was)
        else:
            yield record
