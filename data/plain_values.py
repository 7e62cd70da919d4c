"""Rows with Python's own values turned into records of JSON's."""

from __future__ import annotations

import datetime
import decimal
import math
from typing import Any

from data.errors import RecordError
from data.notices import Notices
from data.raw_record import RawRecord
from data.records import Json
from data.rejects import Reject
from data.sources import Source


def plain_record(
    source: Source,
    number: int,
    row: dict[str, Any],
    reject: Reject,
    notices: Notices,  # noqa: ARG001
) -> RawRecord | None:
    """Return the row with Python's own values turned into JSON's, or None when it was rejected.

    A row of such tables has every column of its table, so that a null in one stands for a field that is missing.
    """
    try:
        plain = {name: _plain(value) for name, value in row.items()}
        return RawRecord(number, None, {name: value for name, value in plain.items() if value is not None})
    except TypeError:
        bad = next(name for name, value in row.items() if not _is_plain(value))
        kind = type(row[bad]).__name__
        reject(RecordError(source.name, number, f"the field {bad!r} holds a value that JSON cannot: {kind}"))
        return None


def _is_plain(value: Any) -> bool:
    try:
        _plain(value)
    except TypeError:
        return False
    return True


def _plain(value: Any) -> Json:
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise TypeError
        return None if math.isnan(value) else value
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    raise TypeError
