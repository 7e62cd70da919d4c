"""Texts that a spreadsheet shows and does not compute, and the same texts as they were."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from claimhound.data.formats.raw_record import RawRecord

BYTE_ORDER_MARK = "\ufeff"
"""In front of a CSV file it tells a spreadsheet that this is UTF-8."""
GUARDED_COLUMN = "a ' before = + - @ is added"
"""The last column of a CSV file whose cells are guarded; itself empty. It tells both people and our readers."""

_STARTS_FORMULA = frozenset("=+-@")
_PLAIN_NUMBER = re.compile(r"[+-]?(\d+([.,]\d+)*|[.,]\d+)(e[+-]?\d+)?%?", re.ASCII | re.IGNORECASE)


def guarded(text: str) -> str:
    """Return a text with an apostrophe before it where a spreadsheet would take it for a formula.

    That is one which begins with `=`, `+`, `-` or `@`, also in full width or after blanks and control characters, or
    with a tab or a line end. A plain number is none. A text with apostrophes before such a beginning gets one more, so
    that `unguarded` gives every text back.

    Source: OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f"'{text}" if _is_live(text.lstrip("'")) else text


def unguarded(text: str) -> str:
    """Return the text that `guarded` was given."""
    return text[1:] if text.startswith("'") and _is_live(text.lstrip("'")) else text


def _is_live(text: str) -> bool:
    if text[:1] in ("\t", "\r", "\n"):
        return True
    for place, char in enumerate(text):
        if char.isspace() or unicodedata.category(char) in ("Cc", "Cf"):
            continue
        # The compatibility form of a full-width sign is the sign itself.
        return unicodedata.normalize("NFKC", char)[:1] in _STARTS_FORMULA and not _PLAIN_NUMBER.fullmatch(
            text[place:].rstrip()
        )
    return False


def guarded_table(rows: Iterable[Sequence[object]]) -> list[list[object]]:
    """Return rows, the first of them the header, with their texts guarded; where one is, that is the last column."""
    found = [list(row) for row in rows]
    safe: list[list[object]] = [[guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in found]
    if safe != found:
        safe = [[*row, "" if number else GUARDED_COLUMN] for number, row in enumerate(safe)]
    return safe


def for_spreadsheets(text: str) -> str:
    """Return a CSV's text so that a spreadsheet reads its UTF-8 as that; plain ASCII needs no mark."""
    return text if text.isascii() else BYTE_ORDER_MARK + text


def as_written(records: Iterator[RawRecord]) -> Iterator[RawRecord]:
    """Yield the records of a table, those of a guarded file with names and texts as they were before."""
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
