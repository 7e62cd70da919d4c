"""Search conditions on a document's date and fields, and the index terms that answer them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from claimhound.data.records import Document, Json

_LONGEST_TERM_BYTES = 1_000
_SHOWN_OF_LONG_NAME = 100
# Limits on one field: how deep objects nest in it, and how many values it has.
_DEEPEST_FIELD = 3
_MOST_VALUES = 1_000
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,17})?")
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")


@dataclass(frozen=True)
class Conditions:
    """Conditions on a document: its date is before a day, and fields equal given values.

    A document is before a day if every day its date can mean is: one dated `2020` is not before 2020-07-01, and one
    without a date is not before any day. A field is `title`, `source`, `url`, `date`, `parent_id` or a key of
    `Document.fields`. A list matches if one item is equal; `publisher.name` is the field of an object in a field. Texts
    are compared exactly, numbers by value, true and false in any case.

    Raises ValueError for an invalid day, and TypeError if `before` is not a string or `where` not pairs of strings.
    """

    before: str | None = None
    where: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.before is not None:
            if not isinstance(self.before, str):
                raise TypeError(f"before must be a date as a string, got {self.before!r}")
            first_day(self.before)
        for pair in self.where:
            if not (isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
                raise TypeError(f"where must be (field, value) pairs of strings, got {pair!r}")

    def __bool__(self) -> bool:
        return self.before is not None or bool(self.where)


NO_CONDITIONS = Conditions()


def first_day(date: str) -> int:
    """Return the first day that an ISO date (`YYYY`, `YYYY-MM` or `YYYY-MM-DD`) can mean, as the number YYYYMMDD.

    Raises ValueError for anything else.
    """
    match = _DATE.fullmatch(date)
    if match is None:
        raise ValueError(f"expected a date as YYYY, YYYY-MM or YYYY-MM-DD, got {date!r}")
    return int("".join(part or "01" for part in match.groups()))


def last_day(date: str) -> int:
    """Return the last day that an ISO date can mean, as the number YYYYMMDD; every month has 31 days here.

    Raises ValueError for anything else.
    """
    first_day(date)
    year, month, day = (*date.split("-"), "", "")[:3]
    return int(f"{year}{month or '12'}{day or '31'}")


def field_term(name: str, value: str) -> str:
    """Return the index term for "this field has this value"; a long value is replaced by its digest."""
    term = f"{name}={value}".encode("utf-8", "replace")
    if len(term) > _LONGEST_TERM_BYTES:
        shown = name[:_SHOWN_OF_LONG_NAME].encode("utf-8", "replace").decode()
        return f"{shown}=sha256:{hashlib.sha256(term).hexdigest()}"
    return term.decode()


def field_terms(document: Document) -> Iterator[str]:
    """Yield the terms for every field and value of a document that conditions can ask for."""
    for name in ("title", "source", "url", "date", "parent_id"):
        value = getattr(document, name)
        if value is not None:
            yield field_term(name, value)
    for name, field_value in document.fields.items():
        for path, value in islice(_values(name, field_value, _DEEPEST_FIELD), _MOST_VALUES):
            yield field_term(path, value)


def asked_terms(name: str, value: str) -> list[str]:
    """Return the terms that match a value typed by a user."""
    asked = {value}
    if value.lower() in ("true", "false"):
        asked.add(value.lower())
    if _NUMBER.fullmatch(value):
        asked.add(_number_text(json.loads(value)))
    return [field_term(name, one) for one in sorted(asked)]


def _values(name: str, value: Json, depth: int) -> Iterator[tuple[str, str]]:
    """Yield path and text of each scalar in a field."""
    if isinstance(value, list):
        for item in value:
            yield from () if isinstance(item, list) else _values(name, item, depth)
    elif isinstance(value, dict):
        for key, item in value.items() if depth else ():
            yield from _values(f"{name}.{key}", item, depth - 1)
    elif isinstance(value, str):
        yield name, value
    elif value is not None:
        yield name, _number_text(value)


def _number_text(value: float) -> str:
    """Return a number or boolean as its shortest JSON: 1998 for 1998.0."""
    is_whole = isinstance(value, float) and value.is_integer()
    return json.dumps(int(value) if is_whole else value)
