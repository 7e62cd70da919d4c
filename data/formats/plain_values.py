"""Values that JSON cannot represent, from tables and from invalid JSON: converted, or left out."""

from __future__ import annotations

import datetime
import decimal
import math
import uuid
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from claimhound.data.errors import RecordError
from claimhound.data.formats.raw_record import FieldsWithOdd, OddField, RawRecord
from claimhound.data.formats.sources import Source
from claimhound.data.notices import Notices
from claimhound.data.records import Json
from claimhound.data.rejects import Reject

DEEPEST = 100
"""Levels of lists and objects in a field. Python's own JSON reader fails somewhere below 1,000."""

_MOST_DIGITS = 4_300  # of a whole number that Python converts to text and back
LONE_SURROGATE = "half of a surrogate pair: an escape such as \\ud83d without its other half is not a character"
_LONG = f"a whole number of more than {_MOST_DIGITS:,} digits"
_NESTED = f"lists or objects nested more than {DEEPEST} levels deep"


class LongNumber:
    """Stands for a whole number with more digits than Python reads."""


def plain_record(number: int, row: Mapping[str, Any]) -> RawRecord:
    """Return the row as a record with JSON values; see `plain_fields`.

    Every row has all columns of its table, so a null means a missing field, and so do the NaN and NaT of pandas.
    """
    fields = plain_fields(row, nan_is_null=True)
    for name in [name for name, value in fields.items() if value is None]:
        del fields[name]
    return RawRecord(number, None, fields)


def plain_fields(row: Mapping[str, Any], *, nan_is_null: bool) -> dict[str, Json]:
    """Return the fields with JSON values; FieldsWithOdd if there are values that JSON cannot represent.

    Times become ISO 8601, tuples and arrays become lists, decimal numbers and UUIDs become texts. Bytes, durations,
    infinite numbers, sets and the like are odd: their key in an object is left out, and in a list they become null.
    """
    plain: dict[str, Json] = {}
    odd: list[OddField] = []
    for name, value in row.items():
        reasons: list[str] = []
        try:
            found = _plain(value, 1, reasons, nan_is_null=nan_is_null)
        except _TooDeepError:
            found, reasons = _LEFT_OUT, [_NESTED]
        if _is_broken(str(name)):
            found, reasons = _LEFT_OUT, [f"{LONE_SURROGATE}, in its name"]
        if found is not _LEFT_OUT:
            plain[str(name)] = found
        if reasons:
            odd.append(OddField(str(name), reasons[0]))
    return FieldsWithOdd(plain, odd) if odd else plain


def without_odd(
    source: Source,
    raw: RawRecord,
    asked_for: Sequence[tuple[str, ...]],
    reject: Reject,
    notices: Notices,
) -> RawRecord | None:
    """Return the record without odd values, which are counted in the notices; None if it was rejected.

    It is rejected if a needed field is odd: the first field that is present of each tuple in `asked_for`.
    """
    fields = raw.value
    if not isinstance(fields, FieldsWithOdd):
        return raw
    odd = {field.name.casefold(): field for field in fields.odd}
    there = odd.keys() | {name.casefold() for name in fields}
    for names in asked_for:
        chosen = next((name.casefold() for name in names if name.casefold() in there), None)
        if chosen in odd:
            name, what = odd[chosen]
            reject(RecordError(source.name, raw.line, f"the field {name!r} contains {what}"))
            return None
    for name, what in fields.odd:
        shown = ascii(name) if _is_broken(name) else repr(name)
        notices.count(source.name, f"values of the field {shown} left out, which JSON cannot represent", raw.line, what)
    return raw._replace(value=dict(fields))


class _TooDeepError(Exception):
    """A field is nested too deeply."""


_LEFT_OUT: Any = object()


def _plain(value: Any, depth: int, reasons: list[str], *, nan_is_null: bool) -> Any:  # noqa: PLR0911
    """Return the JSON value, or _LEFT_OUT; reasons for leaving it or parts of it out are added to `reasons`."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _left_out(reasons, LONE_SURROGATE) if _is_broken(value) else str(value)
    if isinstance(value, int):
        return int(value) if _is_short(value) else _left_out(reasons, _LONG)
    if isinstance(value, float | decimal.Decimal):
        return _plain_number(value, reasons, nan_is_null=nan_is_null)
    if isinstance(value, Mapping):
        return _plain_object(value, depth, reasons, nan_is_null=nan_is_null)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _plain_object(value._asdict(), depth, reasons, nan_is_null=nan_is_null)
    if isinstance(value, (list, tuple)):
        return _plain_list(value, depth, reasons, nan_is_null=nan_is_null)
    if isinstance(value, (datetime.date, datetime.time)):
        text = value.isoformat()
        return None if text == "NaT" else text
    if isinstance(value, uuid.UUID):
        return str(value)
    return _plain_of_library(value, depth, reasons, nan_is_null=nan_is_null)


def _plain_number(value: float | decimal.Decimal, reasons: list[str], *, nan_is_null: bool) -> Any:
    if math.isfinite(value):
        return float(value) if isinstance(value, float) else str(value)
    if math.isnan(value):
        return None if nan_is_null else _left_out(reasons, "NaN")
    return _left_out(reasons, "an infinite number")


def _plain_of_library(value: Any, depth: int, reasons: list[str], *, nan_is_null: bool) -> Any:  # noqa: PLR0911
    """Return the JSON value of a numpy or pandas value, recognised without importing these libraries."""
    kind = type(value).__name__
    if kind in ("NAType", "NaTType"):
        return None
    if kind == "datetime64":
        return None if str(value) == "NaT" else str(value)
    if hasattr(value, "tolist") and kind != "timedelta64" and not isinstance(value, memoryview):
        return _plain(value.tolist(), depth, reasons, nan_is_null=nan_is_null)
    if isinstance(value, LongNumber):
        return _left_out(reasons, _LONG)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _left_out(reasons, "bytes")
    if isinstance(value, datetime.timedelta) or kind == "timedelta64":
        return _left_out(reasons, "a duration")
    return _left_out(reasons, "a set" if isinstance(value, AbstractSet) else f"a value of type {kind}")


def _plain_object(value: Mapping[Any, Any], depth: int, reasons: list[str], *, nan_is_null: bool) -> dict[str, Json]:
    if depth > DEEPEST:
        raise _TooDeepError
    plain: dict[str, Json] = {}
    for name, item in value.items():
        if _is_broken(str(name)):
            reasons.append(f"{LONE_SURROGATE}, in the name of a field")
            continue
        found = _plain(item, depth + 1, reasons, nan_is_null=nan_is_null)
        if found is not _LEFT_OUT:
            plain[str(name)] = found
    return plain


def _plain_list(value: Sequence[Any], depth: int, reasons: list[str], *, nan_is_null: bool) -> list[Json]:
    if depth > DEEPEST:
        raise _TooDeepError
    found = [_plain(item, depth + 1, reasons, nan_is_null=nan_is_null) for item in value]
    return [None if item is _LEFT_OUT else item for item in found]


def _left_out(reasons: list[str], reason: str) -> Any:
    reasons.append(reason)
    return _LEFT_OUT


def _is_short(value: int) -> bool:
    return value.bit_length() < 3.32 * _MOST_DIGITS


def _is_broken(text: str) -> bool:
    """Tell whether the text contains half of a surrogate pair."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
