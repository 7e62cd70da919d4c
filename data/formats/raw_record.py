"""A record as it is in its file, before its id and text are looked up."""

from __future__ import annotations

from typing import NamedTuple

from claimhound.data.records import Json


class Recast(dict[str, Json]):
    """The fields of a record of a known shape, under the common names."""


class RawRecord(NamedTuple):
    """One record and its position.

    `line` counts from 1 and is the first line of the record, or the record's number in a source without lines. `key` is
    the record's id if it is outside the record, as in an `id -> text` object. `value` is the record's fields, or just
    its text.
    """

    line: int
    key: str | None
    value: dict[str, Json] | str


class OddField(NamedTuple):
    """A field that was left out of a record, in whole or in part, and the value that JSON cannot represent."""

    name: str
    what: str


class FieldsWithOdd(dict[str, Json]):
    """The fields of a record that lost odd values; those matter only if their fields are needed."""

    def __init__(self, fields: dict[str, Json], odd: list[OddField]) -> None:
        super().__init__(fields)
        self.odd = odd


def json_kind(value: object) -> str:
    """Return the word for a JSON value in an error."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    for kind, name in ((int, "a number"), (float, "a number"), (str, "a text"), (dict, "an object")):
        if isinstance(value, kind):
            return name
    return "a list"
