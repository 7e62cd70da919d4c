"""Days in texts, in the forms in which people and programs write dates."""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import lru_cache

from claimhound.data.days import AMBIGUOUS, MISSING, UNREADABLE, Day, calendar_day, number_day
from claimhound.data.read_options import DateOrder

_NOTHING = frozenset(
    (
        *("", "0", "?", "-", "--", "–", "—", "na", "n/a", "n.a.", "nd", "n.d", "n.d.", "s.d.", "nan", "nat", "<na>"),
        *("nil", "none", "null", "unknown", "undated", "unspecified", "tba", "tbd"),
        *("no date", "not available", "not known", "date unknown", "unknown date", "not dated"),
    )
)
# The first is MySQL's; programs in Go and C# write the second for "never".
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
"""Characters; a longer text is not a date."""

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
_DIGITS = re.compile(r"[0-9]+")


@lru_cache(maxsize=16_384)
def short_text_day(text: str, order: DateOrder | None) -> Day:
    """Return what `text_day` does, cached: a corpus repeats the same few thousand days."""
    return text_day(text, order)


def text_day(text: str, order: DateOrder | None) -> Day:  # noqa: PLR0911
    """Return the day that a text means; see `read_day` for the forms."""
    text = text.strip()
    if len(text) > _LONGEST:
        return UNREADABLE
    if text.casefold() in _NOTHING or _NEVER.fullmatch(text):
        return MISSING
    if match := _YEAR_FIRST.fullmatch(text):
        return _year_first(match)
    if match := _NUMBER.fullmatch(text):
        whole, fraction = match.groups()
        return number_day(int(whole) if not fraction or not fraction.strip("0") else float(text))
    if match := _TOGETHER.fullmatch(text):
        return calendar_day(*match.groups())
    if match := _YEAR_LAST.fullmatch(text):
        return _year_last(int(match["first"]), int(match["second"]), match["year"], order)
    if match := _MONTH_AND_YEAR.fullmatch(text):
        return calendar_day(match[2], match[1])
    if match := _EAST_ASIAN.fullmatch(text):
        return calendar_day(*match.groups())
    if _WITH_MONTH_NAME.search(text):
        found = _with_month_name(text)
        if found.date is not None:
            return found
    return _part_of_year(text) or _range(text, order)


def _year_first(match: re.Match[str]) -> Day:
    year, mark, month, day = match["year"], match["mark"], match["month"], match["day"]
    if match["time"] and day is None:
        return UNREADABLE
    if day is None and mark in (".", ":"):
        # A number from a table of floats: 2021.0 is a year, 2021.25 could be anything.
        return calendar_day(year) if mark == "." and not month.strip("0") else UNREADABLE
    if mark == "/" and day is None and int(month) == int(year) % 100 + 1:
        return UNREADABLE  # 2011/12 is a season as often as a month
    return calendar_day(year, month, day)


def _year_last(first: int, second: int, year: str, order: DateOrder | None) -> Day:
    if not first or not second:
        return UNREADABLE
    ways = {"dmy": calendar_day(year, str(second), str(first)), "mdy": calendar_day(year, str(first), str(second))}
    found = {way for way in ways.values() if way.date is not None}
    if len(found) < 2:
        return found.pop() if found else UNREADABLE
    return AMBIGUOUS if order is None else ways[order]


def _with_month_name(text: str) -> Day:
    """Return the day of a text with a month name, if its numbers are one year, at most one day, and a time."""
    if _BEFORE_CHRIST.search(text):
        return UNREADABLE
    bare = _ASIDE.sub(" ", _TIME_WITHIN.sub(" ", text)).strip(" ,;.")
    numbers = _DIGITS.findall(bare)
    years = [part for part in numbers if len(part) == 4]
    days = [part for part in numbers if len(part) < 3]
    if len(years) != 1 or len(days) > 1 or len(numbers) != 1 + len(days):
        return UNREADABLE
    found = _parsed(bare)
    if found is None or found.year != int(years[0]) or found.day != int(days[0] if days else 1):
        return UNREADABLE
    return Day(f"{found.year:04}-{found.month:02}" + (f"-{found.day:02}" if days else ""))


@lru_cache(maxsize=4_096)
def _parsed(text: str) -> date | None:
    """Return the date that dateutil reads; it guesses and fills in missing parts, so callers must check the result.

    Cached, since it takes 0.1 ms and the same days recur.
    """
    from dateutil import parser

    try:
        # The default default is today.
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
            found = datetime.strptime(whole, "%Y-%j").date().isoformat()  # day 366 may be in the next year
            return Day(found) if found[:4] == whole[:4] else UNREADABLE
        if match := _WEEK.fullmatch(text):
            ends = (date.fromisocalendar(int(match[1]), int(match[2]), day).isoformat() for day in (1, 7))
            return _shared(*ends)
    except ValueError:
        return UNREADABLE
    if match := _QUARTER.fullmatch(text):
        return calendar_day(match[1] or match[2])
    return None


def _range(text: str, order: DateOrder | None) -> Day:
    parts = next((parts for mark in _BETWEEN if len(parts := mark.split(text)) == 2), [])
    if not all(_DIGITS.search(part) for part in parts) or not parts:
        return UNREADABLE
    first, last = (text_day(part, order) for part in parts)
    if first.date is None or last.date is None:
        return AMBIGUOUS if "ambiguous" in (first.no_day, last.no_day) else UNREADABLE
    return _shared(first.date, last.date)


def _shared(first: str, last: str) -> Day:
    """Return the year, month or day that contains all days from the first to the last."""
    if first > last:
        return UNREADABLE
    for length in (10, 7, 4):
        if len(first) >= length and first[:length] == last[:length]:
            return Day(first[:length])
    return UNREADABLE
