"""The day that a value means, in the forms in which people and programs write dates; what is doubtful is no date."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from claimhound.data.read_options import DateOrder
from claimhound.data.records import Json

NoDay: TypeAlias = Literal["missing", "unreadable", "ambiguous"]


class Day(NamedTuple):
    """A date of the calendar, `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; or None, and why there is none.

    `missing` is what says that nothing is known (null, blank, `n.d.`, `unknown`, `0000-00-00`), `ambiguous` what is
    one day with the day first and another with the month first, `unreadable` everything else.
    """

    date: str | None
    no_day: NoDay | None = None


MISSING = Day(None, "missing")
UNREADABLE = Day(None, "unreadable")
AMBIGUOUS = Day(None, "ambiguous")


def iso_day(text: str) -> str | None:
    """Return the text cut to its day, or None if it is not an ISO 8601 date of the calendar."""
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
    """Return the day that a value means, as it is written there: a time and its zone are passed over.

    Read are, each with or without a time behind it:

    - ISO 8601: `2021`, `2021-03`, `2021-03-03`, `20210303`, `2021-062`, `2021-W09-3`; also `2021-3-3`, `2021/03/03`,
      `2021.03.03`; a month or day of `00` is one that is not known;
    - `3 March 2021`, `March 3, 2021`, `Mar 2021`, `2021 Mar 3` and the like, in English, and the dates of mails and
      tweets (`Wed, 03 Mar 2021 10:00:00 GMT`);
    - day, month and year in figures (`25-8-2020`, `3.3.2021`) that can be meant in one way only; where there are two
      (`03/04/2021`), in the `order` given;
    - numbers: years, `20210303`, and seconds, milli-, micro- and nanoseconds since 1970 from March 1973 to 2099, whose
      day is that of UTC;
    - a range, a week or a quarter, as what all of its days have in common: `2021-03-03/2021-03-05` is `2021-03`;
    - a list with one date, `[2021, 3, 3]`, and objects with `$date`, `@value`, `date-parts`, or `year` and `month`.

    Years have four digits. Never raises.
    """
    if isinstance(value, str):
        return _of_short_text(value, order) if len(value) <= 10 else _of_text(value.strip(), order)
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return UNREADABLE
    if isinstance(value, (int, float)):
        return _of_number(value)
    if isinstance(value, list):
        return _of_list(value, order)
    return _of_object(value, order)


_ISO = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})([T ].+)?)?)?")
_NOTHING = frozenset(
    (
        *("", "0", "?", "-", "--", "–", "—", "na", "n/a", "n.a.", "nd", "n.d", "n.d.", "s.d.", "nan", "nat", "<na>"),
        *("nil", "none", "null", "unknown", "undated", "unspecified", "tba", "tbd"),
        *("no date", "not available", "not known", "date unknown", "unknown date", "not dated"),
    )
)
# The first is MySQL's, the second what programs in Go and C# write for "never".
_NEVER = re.compile(r"0000-00-00\b.*|0001-01-01[T ]00:00(:00(\.0+)?)?(Z|[+-]00:?00)?", re.DOTALL)

_TIME = r"""
    [0-9]{1,2} (?: :? [0-5][0-9] (?: :? (?:[0-5][0-9]|60) (?: [.,][0-9]+ )? )? )?
    \ ? (?: [AaPp]\.?[Mm]\.? )?
    \ ? (?: Z | [A-Z]{2,5} (?: [+-][0-9]{1,2} )? | [+-][0-9]{2} (?: :?[0-9]{2} )? (?: \ [A-Z]{2,5} )? )?
    (?: \ ? \[ [A-Za-z_/+-]+ \] )?
"""
_ZONE = r"(?: Z | [+-][0-9]{2}:?[0-9]{2} )"
_YEAR_FIRST = re.compile(
    rf"""\+? (?P<year>[0-9]{{4}})
    (?: (?P<mark>[-/.:]) (?P<month>[0-9]{{1,2}}) (?: (?P=mark) (?P<day>[0-9]{{1,2}}) )? )?
    (?P<time> (?: [Tt_,]\ ? | \ + ) {_TIME} | {_ZONE} )?""",
    re.VERBOSE,
)
_TOGETHER = re.compile(rf"([0-9]{{4}}) ([0-9]{{2}}) ([0-9]{{2}}) (?: [Tt_\ ] {_TIME} | {_ZONE} )?", re.VERBOSE)
_YEAR_LAST = re.compile(
    rf"(?P<first>[0-9]{{1,2}}) (?P<mark>[-/.\ ]) (?P<second>[0-9]{{1,2}}) (?P=mark) (?P<year>[0-9]{{4}}) "
    rf"(?: (?: ,?\ + | [Tt] ) {_TIME} )?",
    re.VERBOSE,
)
_MONTH_AND_YEAR = re.compile(r"([0-9]{1,2})[-/.]([0-9]{4})")
_ORDINAL_OR_WEEK = re.compile(rf"([0-9]{{4}}-(?:[0-9]{{3}}|W[0-9]{{2}}-[1-7])) (?: [Tt\ ] {_TIME} )?", re.VERBOSE)
_WEEK = re.compile(r"([0-9]{4})-?W([0-9]{2})")
_QUARTER = re.compile(r"([0-9]{4})[- ]?Q[1-4]|Q[1-4][-/ ]?([0-9]{4})")
_EAST_ASIAN = re.compile(r"([0-9]{4})\s*[年년]\s*([0-9]{1,2})\s*[月월](?:\s*([0-9]{1,2})\s*[日일])?.*", re.DOTALL)
_BETWEEN = (re.compile(r"\s*(?:\.\.|–|—|\s-\s|\sto\s|\suntil\s)\s*"), re.compile("/"))
_NUMBER = re.compile(r"([0-9]{4,19})(?:\.([0-9]{1,9}))?")
_LONGEST = 100
"""Characters; a text that is longer is no date, whatever it holds."""

_WITH_MONTH_NAME = re.compile(r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b", re.IGNORECASE)
_BEFORE_CHRIST = re.compile(r"\bB\.? ?C\b", re.IGNORECASE)
_TIME_WITHIN = re.compile(
    r"""(?: \bT | \bat\ )?
    \b[0-9]{1,2} (?: (?: :[0-5][0-9] (?: :(?:[0-5][0-9]|60) (?:[.,][0-9]+)? )? ) (?: \ ?[AaPp]\.?[Mm]\b\.? )?
        | \ ?[AaPp]\.?[Mm]\b\.? )
    (?: \ ?\(? (?!JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC) [A-Z]{1,5}\b \)? )?
    (?: \ ?[+-][0-9]{1,2} (?: :?[0-9]{2} )? \b )?
    | \ [+-][0-9]{4}\b""",
    re.VERBOSE,
)
_ASIDE = re.compile(r"\([A-Za-z ]+\)")
_FIGURES = re.compile(r"[0-9]+")


@lru_cache(maxsize=16_384)
def _of_short_text(text: str, order: DateOrder | None) -> Day:
    """Return what _of_text does; a corpus has the same few thousand days again and again."""
    return _of_text(text.strip(), order)


def _of_text(text: str, order: DateOrder | None) -> Day:  # noqa: PLR0911
    if len(text) > _LONGEST:
        return UNREADABLE
    if text.casefold() in _NOTHING or _NEVER.fullmatch(text):
        return MISSING
    if match := _YEAR_FIRST.fullmatch(text):
        return _year_first(match)
    if match := _NUMBER.fullmatch(text):
        whole, fraction = match.groups()
        return _of_number(int(whole) if not fraction or not fraction.strip("0") else float(text))
    if match := _TOGETHER.fullmatch(text):
        return _day(*match.groups())
    if match := _YEAR_LAST.fullmatch(text):
        return _year_last(int(match["first"]), int(match["second"]), match["year"], order)
    if match := _MONTH_AND_YEAR.fullmatch(text):
        return _day(match[2], match[1])
    if match := _EAST_ASIAN.fullmatch(text):
        return _day(*match.groups())
    if _WITH_MONTH_NAME.search(text):
        found = _with_month_name(text)
        if found.date is not None:
            return found
    return _part_of_year(text) or _range(text, order)


def _day(year: str, month: str | None = None, day: str | None = None) -> Day:
    """Return the day of the calendar; a month or day of zero is one that is not known."""
    known = [int(part or 0) for part in (month, day)]
    if known[1] and not known[0]:
        return UNREADABLE
    text = "-".join([year, *(f"{part:02}" for part in known if part)])
    return Day(text) if _is_day(text) else UNREADABLE


def _is_day(text: str) -> bool:
    """Return whether a text of the form of an ISO date is one of the calendar."""
    try:
        date(int(text[:4]), int(text[5:7] or 1), int(text[8:10] or 1))
    except ValueError:
        return False
    return True


def _year_first(match: re.Match[str]) -> Day:
    year, mark, month, day = match["year"], match["mark"], match["month"], match["day"]
    if match["time"] and day is None:
        return UNREADABLE
    if day is None and mark in (".", ":"):
        # A number, as a table of floats has it: 2021.0 is a year, and 2021.25 may be anything.
        return _day(year) if mark == "." and not month.strip("0") else UNREADABLE
    if mark == "/" and day is None and int(month) == int(year) % 100 + 1:
        return UNREADABLE  # 2011/12 is a season as often as a month
    return _day(year, month, day)


def _year_last(first: int, second: int, year: str, order: DateOrder | None) -> Day:
    if not first or not second:
        return UNREADABLE
    ways = {"dmy": _day(year, str(second), str(first)), "mdy": _day(year, str(first), str(second))}
    found = {way for way in ways.values() if way.date is not None}
    if len(found) < 2:
        return found.pop() if found else UNREADABLE
    return AMBIGUOUS if order is None else ways[order]


def _with_month_name(text: str) -> Day:
    """Return the day of a text with the name of a month, if all its figures are one year, one day and a time."""
    if _BEFORE_CHRIST.search(text):
        return UNREADABLE
    bare = _ASIDE.sub(" ", _TIME_WITHIN.sub(" ", text)).strip(" ,;.")
    figures = _FIGURES.findall(bare)
    years = [part for part in figures if len(part) == 4]
    days = [part for part in figures if len(part) < 3]
    if len(years) != 1 or len(days) > 1 or len(figures) != 1 + len(days):
        return UNREADABLE
    found = _parsed(bare)
    if found is None or found.year != int(years[0]) or found.day != int(days[0] if days else 1):
        return UNREADABLE
    return Day(f"{found.year:04}-{found.month:02}" + (f"-{found.day:02}" if days else ""))


@lru_cache(maxsize=4_096)
def _parsed(text: str) -> date | None:
    """Return what dateutil takes the text for; it fills what is missing and guesses, so that its result is checked.

    It takes 0.1 ms, and the same days come again and again.
    """
    from dateutil import parser

    try:
        # Without the default, today fills what is missing.
        found: datetime = parser.parse(text, default=datetime(2000, 1, 1), ignoretz=True)
    except (ValueError, OverflowError, TypeError):
        return None
    return found.date()


def _part_of_year(text: str) -> Day | None:
    try:
        if match := _ORDINAL_OR_WEEK.fullmatch(text):
            whole = match[1]
            if "W" in whole:
                return Day(date.fromisoformat(whole).isoformat())
            found = datetime.strptime(whole, "%Y-%j").date().isoformat()  # day 366 is one of the next year
            return Day(found) if found[:4] == whole[:4] else UNREADABLE
        if match := _WEEK.fullmatch(text):
            ends = (date.fromisocalendar(int(match[1]), int(match[2]), day).isoformat() for day in (1, 7))
            return _shared(*ends)
    except ValueError:
        return UNREADABLE
    if match := _QUARTER.fullmatch(text):
        return _day(match[1] or match[2])
    return None


def _range(text: str, order: DateOrder | None) -> Day:
    parts = next((parts for mark in _BETWEEN if len(parts := mark.split(text)) == 2), [])
    if not all(_FIGURES.search(part) for part in parts) or not parts:
        return UNREADABLE
    first, last = (read_day(part, order) for part in parts)
    if first.date is None or last.date is None:
        return AMBIGUOUS if "ambiguous" in (first.no_day, last.no_day) else UNREADABLE
    return _shared(first.date, last.date)


def _shared(first: str, last: str) -> Day:
    """Return the year, month or day that all days from the first to the last lie in."""
    if first > last:
        return UNREADABLE
    for length in (10, 7, 4):
        if len(first) >= length and first[:length] == last[:length]:
            return Day(first[:length])
    return UNREADABLE


_SECONDS_FROM, _SECONDS_TO = 100_000_000, 4_102_444_800  # 1973-03-03, 2100-01-01


def _of_number(value: float) -> Day:  # noqa: PLR0911
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
        if (found := _of_figures(value)) is not None:
            return found
    for per_second in (1, 1_000, 1_000_000, 1_000_000_000):
        if _SECONDS_FROM * per_second <= value < _SECONDS_TO * per_second:
            return Day(datetime.fromtimestamp(value // per_second, UTC).date().isoformat())
    return UNREADABLE


def _of_figures(value: int) -> Day | None:
    """Return the day of YYYYMMDD, alone or with hours and minutes or also seconds behind it.

    As seconds since 1970, eight figures are days of that year; as milliseconds, twelve are days of 1976.
    """
    if not 0 < value < 10**14:
        return None
    figures = str(value)
    if len(figures) not in (8, 12, 14) or not "1000" <= figures[:4] <= "2999":
        return None
    hour, minute, second = figures[8:10] or "0", figures[10:12] or "0", figures[12:] or "0"
    if int(hour) > 23 or int(minute) > 59 or int(second) > 60:
        return None
    found = _day(figures[:4], figures[4:6], figures[6:8])
    return found if found.date is not None and len(found.date) == 10 else None


def _of_list(value: list[Json], order: DateOrder | None) -> Day:
    if not value:
        return MISSING
    if len(value) == 1:
        inner = value[0]
        return UNREADABLE if isinstance(inner, list) and len(inner) == 1 else read_day(inner, order)
    if len(value) <= 7 and all(type(part) is int for part in value):  # year, month, day and time, as Java writes it
        year, *rest = (str(part) for part in value)
        return _day(year, *rest[:2]) if re.fullmatch("[0-9]{4}", year) and all(map(str.isdecimal, rest)) else UNREADABLE
    return UNREADABLE


def _of_object(value: dict[str, Json], order: DateOrder | None) -> Day:
    if "$date" in value:
        inner = value["$date"]
        if isinstance(inner, dict):
            inner = inner.get("$numberLong", inner)
        return UNREADABLE if isinstance(inner, (list, dict)) else read_day(inner, order)
    if "@value" in value:
        inner = value["@value"]
        return UNREADABLE if isinstance(inner, (list, dict)) else read_day(inner, order)
    if "date-parts" in value:
        parts = value["date-parts"]
        inner = parts[0] if isinstance(parts, list) and len(parts) == 1 else None
        return _of_list(inner, order) if isinstance(inner, list) else UNREADABLE
    named = {name.casefold(): str(part) for name, part in value.items() if part is not None}
    if not named.keys() <= {"year", "month", "day"} or not all(
        re.fullmatch("[0-9]{1,4}", part) for part in named.values()
    ):
        return UNREADABLE
    if not named:
        return MISSING
    return _day(named["year"], named.get("month"), named.get("day")) if len(named.get("year", "")) == 4 else UNREADABLE
