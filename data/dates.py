"""The day that a JSON value means; a doubtful value has no day."""

from __future__ import annotations

import re
from datetime import date, datetime

from claimhound.data.date_texts import short_text_day, text_day
from claimhound.data.days import MISSING, UNREADABLE, Day, calendar_day, number_day
from claimhound.data.read_options import DateOrder
from claimhound.data.records import Json

_ISO = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})([T ].+)?)?)?")


def iso_day(text: str) -> str | None:
    """Return the text cut to its day, or None if it is not an ISO 8601 date in the calendar."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, time = match.groups()
    try:
        date(int(year), int(month or 1), int(day or 1))
        if time:
            datetime.fromisoformat(text)
    except ValueError:
        return None
    return text[:10]


def read_day(value: Json, order: DateOrder | None = None) -> Day:
    """Return the day that a value means, as written: a time and its zone are ignored.

    These forms are read, each with or without a time after it:

    - ISO 8601: `2021`, `2021-03`, `2021-03-03`, `20210303`, `2021-062`, `2021-W09-3`; also `2021-3-3`, `2021/03/03`,
      `2021.03.03`; a month or day of `00` is unknown;
    - `3 March 2021`, `March 3, 2021`, `Mar 2021`, `2021 Mar 3` and similar, in English, and the dates of mails and
      tweets (`Wed, 03 Mar 2021 10:00:00 GMT`);
    - day, month and year in digits (`25-8-2020`, `3.3.2021`) if they can be read in only one way; if there are two ways
      (`03/04/2021`), by the given `order`;
    - numbers: years, `20210303`, and seconds, milliseconds, microseconds and nanoseconds since 1970 from March 1973 to
      2099, as days in UTC;
    - a range, a week or a quarter, as what all of its days have in common: `2021-03-03/2021-03-05` is `2021-03`;
    - a list with one date, `[2021, 3, 3]`, and objects with `$date`, `@value`, `date-parts`, or `year` and `month`.

    Years have four digits. Never raises.
    """
    if isinstance(value, str):
        return short_text_day(value, order) if len(value) <= 10 else text_day(value, order)
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return UNREADABLE
    if isinstance(value, (int, float)):
        return number_day(value)
    if isinstance(value, list):
        return _list_day(value, order)
    return _object_day(value, order)


def _list_day(value: list[Json], order: DateOrder | None) -> Day:
    if not value:
        return MISSING
    if len(value) == 1:
        inner = value[0]
        return UNREADABLE if isinstance(inner, list) and len(inner) == 1 else read_day(inner, order)
    if len(value) <= 7 and all(type(part) is int for part in value):  # year, month, day and time, as Java writes them
        year, *rest = (str(part) for part in value)
        return (
            calendar_day(year, *rest[:2])
            if re.fullmatch("[0-9]{4}", year) and all(map(str.isdecimal, rest))
            else UNREADABLE
        )
    return UNREADABLE


def _object_day(value: dict[str, Json], order: DateOrder | None) -> Day:
    for name in ("$date", "@value"):
        if name in value:
            inner = value[name]
            if name == "$date" and isinstance(inner, dict):
                inner = inner.get("$numberLong", inner)
            return UNREADABLE if isinstance(inner, (list, dict)) else read_day(inner, order)
    if "date-parts" in value:
        parts = value["date-parts"]
        inner = parts[0] if isinstance(parts, list) and len(parts) == 1 else None
        return _list_day(inner, order) if isinstance(inner, list) else UNREADABLE
    named = {name.casefold(): str(part) for name, part in value.items() if part is not None}
    if not named.keys() <= {"year", "month", "day"} or not all(
        re.fullmatch("[0-9]{1,4}", part) for part in named.values()
    ):
        return UNREADABLE
    if not named:
        return MISSING
    return (
        calendar_day(named["year"], named.get("month"), named.get("day"))
        if len(named.get("year", "")) == 4
        else UNREADABLE
    )
