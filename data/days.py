"""Days of the calendar, from their parts and from numbers."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple, TypeAlias

NoDay: TypeAlias = Literal["missing", "unreadable", "ambiguous"]


class Day(NamedTuple):
    """A date of the calendar, `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; or None, and why.

    `missing` means that the value says nothing is known (null, blank, `n.d.`, `unknown`, `0000-00-00`), `ambiguous`
    that it is one day if the day comes first and another if the month does, `unreadable` everything else.
    """

    date: str | None
    no_day: NoDay | None = None


MISSING = Day(None, "missing")
UNREADABLE = Day(None, "unreadable")
AMBIGUOUS = Day(None, "ambiguous")


def calendar_day(year: str, month: str | None = None, day: str | None = None) -> Day:
    """Return the day with these parts; a month or day of zero is unknown."""
    known = [int(part or 0) for part in (month, day)]
    if known[1] and not known[0]:
        return UNREADABLE
    text = "-".join([year, *(f"{part:02}" for part in known if part)])
    return Day(text) if _is_day(text) else UNREADABLE


def _is_day(text: str) -> bool:
    """Tell whether an ISO date is in the calendar."""
    try:
        date(int(text[:4]), int(text[5:7] or 1), int(text[8:10] or 1))
    except ValueError:
        return False
    return True


_SECONDS_FROM, _SECONDS_TO = 100_000_000, 4_102_444_800  # 1973-03-03, 2100-01-01


def number_day(value: float) -> Day:  # noqa: PLR0911
    """Return the day of a number: a year, YYYYMMDD, or a time since 1970 in seconds to nanoseconds."""
    if isinstance(value, float):
        if math.isnan(value):
            return MISSING
        if not math.isfinite(value):
            return UNREADABLE
        if value.is_integer():
            value = int(value)
    if value == 0:
        return MISSING
    if isinstance(value, int):
        if 1000 <= value <= 9999:
            return Day(str(value))
        if (found := _digits_day(value)) is not None:
            return found
    for per_second in (1, 1_000, 1_000_000, 1_000_000_000):
        if _SECONDS_FROM * per_second <= value < _SECONDS_TO * per_second:
            return Day(datetime.fromtimestamp(value // per_second, UTC).date().isoformat())
    return UNREADABLE


def _digits_day(value: int) -> Day | None:
    """Return the day of YYYYMMDD, optionally followed by hours and minutes, or hours, minutes and seconds.

    Eight digits as seconds would be a day in 1970, and twelve as milliseconds a day in the 1970s.
    """
    if not 0 < value < 10**14:
        return None
    digits = str(value)
    if len(digits) not in (8, 12, 14) or not "1000" <= digits[:4] <= "2999":
        return None
    hour, minute, second = digits[8:10] or "0", digits[10:12] or "0", digits[12:] or "0"
    if int(hour) > 23 or int(minute) > 59 or int(second) > 60:
        return None
    found = calendar_day(digits[:4], digits[4:6], digits[6:8])
    return found if found.date is not None and len(found.date) == 10 else None
