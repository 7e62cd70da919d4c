"""Plain text with one record per line; other formats that look like text are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator

from claimhound.data.errors import InputError
from claimhound.data.formats.delimiters import CANDIDATES
from claimhound.data.formats.field_names import folded_name
from claimhound.data.formats.raw_record import RawRecord
from claimhound.data.formats.sources import Source
from claimhound.data.formats.streams import decoded_lines, open_text
from claimhound.data.formats.wrapped_lines import joined_lines, look_wrapped
from claimhound.data.notices import Notices
from claimhound.data.rejects import Reject

_LOOKED_AT = 20
_WRAPPED_LOOK = 200
_NAME = re.compile(r"\w[\w-]{0,39}")  # without spaces: "In the text, see" is not a header
_JSON_BEGINS = re.compile(r'\[\s*\{\s*"|\{\s*"[^"]*"\s*:')


def read_plain_text(
    source: Source, reject: Reject, text_names: Collection[str], notices: Notices, *, can_join: bool = False
) -> Iterator[RawRecord]:
    """Yield one record for each line that is not blank, or for each text if the source joins wrapped lines.

    A notice is given if the first lines look wrapped and are not joined; `can_join` tells whether the user has an
    option to join them. Raises InputError, with a fix, if the first lines are JSON or a table with a header, unless
    the user named the format.
    """
    with open_text(source, notices) as stream:
        if not source.is_named_format:
            _refuse_other_formats(source, stream.head(), text_names)
        lines = decoded_lines(source, stream, reject)
        if source.joins_lines:
            lines = joined_lines(lines)
        elif look_wrapped(stream.head().decode(errors="replace").split("\n", _WRAPPED_LOOK)[:_WRAPPED_LOOK]):
            fix = "; index build --split-sentences joins them" if can_join else ""
            notices.say(source.name, f"lines look wrapped, but each is read as a separate text{fix}")
        for line_number, line in lines:
            yield RawRecord(line_number, None, line)


def _refuse_other_formats(source: Source, head: bytes, text_names: Collection[str]) -> None:
    """Raise InputError if a text begins like JSON, JSON Lines or a table."""
    lines = [line.strip() for line in head.decode(errors="replace").split("\n", _LOOKED_AT)[:_LOOKED_AT]]
    lines = [line for line in lines if line]
    if not lines:
        return
    found = None
    if all(_is_object(line) for line in (lines if len(lines) == 1 else lines[:-1])):
        found = "its lines are JSON objects", "jsonl"
    elif lines[0] in ("[", "{", "[{") or _JSON_BEGINS.match(lines[0]):
        found = "it begins like JSON", "json"
    elif delimiter := _header_delimiter(lines, text_names):
        found = f"its first line is the header of a table ({lines[0]})", "tsv" if delimiter == "\t" else "csv"
    if found is not None:
        what, file_format = found
        raise InputError(
            f"{source.name}: {what}; give --input-format {file_format}, or --input-format text if each line is a text"
        )


def _is_object(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _header_delimiter(lines: list[str], text_names: Collection[str]) -> str | None:
    """Return the delimiter of a first line that is a header with one of the text names; None for any other line."""
    wanted = {folded_name(name) for name in text_names}
    for delimiter in CANDIDATES:
        cells: list[str] = [cell.strip('"') for cell in lines[0].split(delimiter)]
        if (
            len(cells) > 1
            and all(_NAME.fullmatch(cell) for cell in cells)
            and not wanted.isdisjoint(map(folded_name, cells))
            and all(delimiter in line for line in lines[1:2])
        ):
            return delimiter
    return None
