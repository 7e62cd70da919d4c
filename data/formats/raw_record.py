"""A record as its file holds it, before anybody asks which field is the id and which the text."""

from __future__ import annotations

from typing import NamedTuple

from claimhound.data.records import Json


class Recast(dict[str, Json]):
    """The fields of a record of a known shape under the common names: which is which is no choice any more."""


class RawRecord(NamedTuple):
    """One record and where it stands.

    `line` counts from 1 and is the line that the record begins at; in a source without lines it is the record's
    number. `key` is the record's id where it stands outside the record, as in an `id -> text` object. `value` is the
    record's fields, or its text alone.
    """

    line: int
    key: str | None
    value: dict[str, Json] | str


class OddField(NamedTuple):
    """A field that was left out of a record, wholly or in part, and what it holds that JSON cannot."""

    name: str
    what: str


class FieldsWithOdd(dict[str, Json]):
    """The fields of a record from which others were left out; these spoil nothing, unless they are asked for."""

    def __init__(self, fields: dict[str, Json], odd: list[OddField]) -> None:
        super().__init__(fields)
        self.odd = odd


def json_kind(value: object) -> str:
    """Return what to call a JSON value in an error."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    for kind, name in ((int, "a number"), (float, "a number"), (str, "a text"), (dict, "an object")):
        if isinstance(value, kind):
            return name
    return "a list"
