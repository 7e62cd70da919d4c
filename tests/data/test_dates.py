"""Dates as people and programs write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.dates import iso_day, read_day
from claimhound.data.days import AMBIGUOUS, MISSING, UNREADABLE, Day
from claimhound.data.records import Json
from claimhound.indexes.conditions import first_day

THE_DAY = "1998-05-14"
THE_SAME_DAY = [
    "1998-05-14", " 1998-05-14\n", "1998-5-14", "1998/05/14", "1998.05.14", "1998:05:14 08:30:00", "19980514",
    "19980514T083000Z", "19980514083000", "1998-05-14T08:30Z", "1998-05-14T08:30:00+0000", "1998-05-14 08:30:00 UTC",
    "1998-05-14T08:30:00.123456789Z", "1998-05-14T24:00:00Z", "1998-05-14T23:59:60Z", "1998-05-14T23:30:00-08:00",
    "1998-05-14 08:30:00.000000+00", "1998-05-14 08:30:00 +0100 CET", "1998-05-14T08:30+02:00[Europe/Berlin]",
    "1998-05-14Z", "1998-134", "1998-W20-4",
    "14 May 1998", "14th of May, 1998", "May 14, 1998", "May 14th 1998", "Thursday, May 14, 1998", "14-May-1998",
    "1998 May 14", "MAY 14, 1998", "Thu, 14 May 1998 08:30:00 GMT", "Thu, 14 May 1998 08:30:00 -0700 (PDT)",
    "Thu May 14 08:30:00 +0000 1998", "Thu May 14 08:30:00 UTC 1998", "08:30, 14 May 1998 (UTC)",
    "May 14, 1998, 8:30 a.m. ET", "May 14, 1998 at 8:30 PM",
    "14.5.1998", "14-5-1998", "14/05/1998", "5/14/1998", "5/14/1998 8:30:00 PM", "14 05 1998", "1998年5月14日",
    19980514, 19980514.0, "19980514.0", 895104000, "895104000", 895104000.5, 895104000000, 895104000000000000,
    199805140830, 19980514083000, [1998, 5, 14], [1998, 5, 14, 8, 30], ["1998-05-14"],
    {"$date": "1998-05-14T08:30:00Z"},
    {"$date": {"$numberLong": "895104000000"}}, {"@type": "xsd:date", "@value": "1998-05-14"},
    {"date-parts": [[1998, 5, 14]]}, {"year": 1998, "month": 5, "day": 14},
    {"Year": "1998", "Month": "05", "Day": "14"},
    "1998-05-14/1998-05-14",
]  # fmt: skip


@pytest.mark.parametrize("value", THE_SAME_DAY, ids=str)
def test_a_day_is_read_in_every_form(value: Json) -> None:
    assert read_day(value) == Day(THE_DAY)


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("1998", "1998"), (1998, "1998"), (1998.0, "1998"), ("1998.0", "1998"), ("1998-05", "1998-05"),
        ("May 1998", "1998-05"), ("1998 May", "1998-05"), ("05/1998", "1998-05"), ("1998/10", "1998-10"),
        ("1998-05-00", "1998-05"), ("+1998-00-00T00:00:00Z", "1998"), ({"date-parts": [[1998, 5]]}, "1998-05"),
        # A range is what all of its days have in common.
        ("1998-05-14/1998-05-16", "1998-05"), ("14 May 1998 - 2 June 1998", "1998"), ("1998-W20", "1998-05"),
        ("1998-Q2", "1998"), ("Q2 1998", "1998"),
    ],
)  # fmt: skip
def test_a_date_is_as_narrow_as_it_was_written(value: Json, date: str) -> None:
    assert read_day(value) == Day(date)


@pytest.mark.parametrize(
    "value",
    [None, "", " \t", "n.d.", "N/A", "Unknown", "none", "NaT", "-", "0000-00-00", "0000-00-00 00:00:00", 0, math.nan,
     [], {}, "0001-01-01T00:00:00Z"],
    ids=str,
)  # fmt: skip
def test_a_value_that_means_unknown_is_missing(value: Json) -> None:
    assert read_day(value) == MISSING


@pytest.mark.parametrize(
    "value",
    [
        "c. 1850", "-0044-03-15", "15 March 44 BC", "15 March 0044 BC", "10", "19", "May", "10 May", "May 14",
        "14 May 0098", "May 98", "14 May 98",
        "5/14/98", "1998-02-30", "1998-13", "31.2.1998", "30 February 1998", "1998-05-14Tea", "today",
        "now", "3 days ago", "Spring 1998", "2011/12", "1998-2001", "1998-W53", "1998-366", "March 3-5, 2021",
        "May 1998 10 12", "Published in May", "1998-05-16/1998-05-14", "1998-05-14/..", "08:30", "1998.25", "202103",
        True, -1, 7, 44258, 19981405, 1e300, math.inf, ["1998", "1999"], [1998], [[["1998"]]], [1998, 15, 5],
        {"$date": {"$date": "1998"}}, {"year": 98}, {"day": "1998-05-14"}, "1998" * 100, "９９９９-05-14",
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_doubtful_values_have_no_day(value: Json) -> None:
    found = read_day(value)
    assert found == (Day("1998") if value == [1998] else UNREADABLE)


def test_the_order_decides_between_day_and_month_first_if_both_are_possible() -> None:
    for text in ("03/04/2021", "3.4.2021", "03-04-2021 10:00"):
        assert read_day(text) == AMBIGUOUS
        assert (read_day(text, "dmy").date, read_day(text, "mdy").date) == ("2021-04-03", "2021-03-04")
    assert [read_day(text, "dmy").date for text in ("4/25/2021", "25/4/2021", "4/4/2021")] == [
        "2021-04-25", "2021-04-25", "2021-04-04",
    ]  # fmt: skip
    assert read_day("03/04/2021/05/06/2021") == UNREADABLE
    assert read_day("03/04/2021 - 05/04/2021") == AMBIGUOUS
    assert read_day("03/04/2021 - 05/04/2021", "dmy") == Day("2021-04")


def test_the_strict_form_is_only_iso() -> None:
    assert [iso_day(text) for text in ("2021", "2021-03", "2021-03-04", "2021-03-04T10:00")] == [
        "2021", "2021-03", "2021-03-04", "2021-03-04",
    ]  # fmt: skip
    assert [iso_day(text) for text in ("2021-3-4", "4 March 2021", "20210304", "2021-02-30", "")] == [None] * 5


WORDS = "1998 05 14 3 31 2021 12 0 May mar Thu PM am T Z UTC + - / . : , ( ) ~ to W Q at of BC st 年 月 24:00 +0100 ½ ٣"
pieces = st.sampled_from(WORDS.split())
values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.lists(pieces, max_size=9).map("".join) | st.lists(pieces, max_size=9).map(" ".join),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["$date", "@value", "date-parts", "year", "month"]), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


@given(value=values, order=st.sampled_from(["dmy", "mdy", None]))
def test_every_value_gives_a_calendar_date_or_a_reason(value: Json, order: str | None) -> None:
    found = read_day(value, order)  # type: ignore[arg-type]
    if found.date is None:
        assert found.no_day in ("missing", "unreadable", "ambiguous")
    else:
        assert found.no_day is None
        assert iso_day(found.date) == found.date
        assert first_day(found.date)
