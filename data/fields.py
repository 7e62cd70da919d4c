"""Which field of a record is its id and which its text, found by convention or given by the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from data.errors import BlankText, RecordError
from data.raw_record import RawRecord, json_kind
from data.records import Json
from data.sources import Source

ID_SCHEME_VERSION = 1
"""Version of the ids that records without one get; 1 is `<file stem>:<line>`."""


class MadeId(str):
    """An id that was made for a record that has none. It is a text as any other, and says so by its type."""

    __slots__ = ()

    @classmethod
    def of(cls, source: Source, line: int) -> MadeId:
        """Return the id of a record by the scheme of this version."""
        return cls(f"{source.stem}:{line}")

    @property
    def stem(self) -> str:
        """What the source's ids begin with."""
        return self.rpartition(":")[0]


@dataclass(frozen=True, slots=True)
class FieldNames:
    """Names to look for, the first that is there counts. Where `id_required`, a record without an id is an error."""

    id: tuple[str, ...]
    text: tuple[str, ...]
    id_required: bool = False

    def given(self, id_field: str | None, text_field: str | None) -> FieldNames:
        """Return these names with those that the user gave in their stead."""
        return FieldNames(
            id=self.id if id_field is None else (id_field,),
            text=self.text if text_field is None else (text_field,),
            id_required=id_field is not None,
        )


class Record(NamedTuple):
    """A record whose id and text are found; `fields` is everything else that it held, the values as they were."""

    source: Source
    line: int
    record_id: str
    text: str
    fields: dict[str, Json]


def find_fields(source: Source, raw: RawRecord, names: FieldNames) -> Record:
    """Return the record with its id and its text, both without white space around them.

    An id that is a whole number becomes its decimal string; a record without any gets `<stem>:<line>`. A text that is a
    list of texts is joined by spaces. The raw record's dict is used up.

    Raises RecordError for a record without a text, or whose id is blank or of another type, or text is; BlankText for
    one whose text is blank or null.
    """
    line, key, value = raw
    if isinstance(value, str):
        record_id: Json = MadeId.of(source, line) if key is None else key
        record_id = usable_id(source, line, record_id, None)
        return Record(source, line, record_id, _checked_text(source, line, value, None, record_id, {}), {})
    text_name = first_name(names.text, value)
    if text_name is None:
        raise RecordError(source.name, line, missing_field(names.text, value))
    id_name = first_name(names.id, value) if key is None or names.id_required else None
    if id_name is not None:
        record_id = value.pop(id_name) if id_name != text_name else value[id_name]
    elif names.id_required:
        raise RecordError(source.name, line, missing_field(names.id, value))
    else:
        record_id = MadeId.of(source, line) if key is None else key
    record_id = usable_id(source, line, record_id, id_name)
    text = _checked_text(source, line, value.pop(text_name), text_name, record_id, value)
    return Record(source, line, record_id, text, value)


def first_name(names: tuple[str, ...], fields: dict[str, Json]) -> str | None:
    """Return the first of the names that the record has as a field, None where it has none of them."""
    for name in names:
        if name in fields:
            return name
    return None


def usable_id(source: Source, line: int, value: Json, name: str | None) -> str:
    """Return the id without white space around it, a whole number as its decimal string.

    `name` is the field that it stands in, if any. Raises RecordError for a blank one, and for any other type.
    """
    if isinstance(value, MadeId):
        return value
    if isinstance(value, str) and (stripped := value.strip()):
        return stripped
    if type(value) is int:
        return str(value)
    where = "the id" if name is None else f"the id in field {name!r}"
    if not isinstance(value, str):
        raise RecordError(source.name, line, f"{where} is {json_kind(value)}, not a text or a whole number")
    raise RecordError(source.name, line, f"{where} is blank")


def _checked_text(
    source: Source, line: int, value: Json, name: str | None, record_id: str, others: dict[str, Json]
) -> str:
    if isinstance(value, str) and (stripped := value.strip()):
        return stripped
    where = "the text" if name is None else f"the text in field {name!r}"
    if isinstance(value, list):
        parts = [part for part in value if isinstance(part, str)]
        if len(parts) != len(value):
            raise RecordError(source.name, line, f"{where} is a list that holds other things than texts")
        value = " ".join(parts)
    if not isinstance(value, str):
        reason = f"{where} is {json_kind(value)}, not a text or a list of texts"
        if value is None:
            raise BlankText(source.name, line, reason, record_id, others)
        raise RecordError(source.name, line, reason)
    stripped = value.strip()
    if not stripped:
        raise BlankText(source.name, line, f"{where} is blank", record_id, others)
    return stripped


def missing_field(names: tuple[str, ...], fields: dict[str, Json]) -> str:
    """Return what an error says of a record that has none of the names."""
    others = f" (or {', '.join(names[1:])})" if len(names) > 1 else ""
    there = f"has only {', '.join(list(fields)[:8])}{', …' if len(fields) > 8 else ''}" if fields else "is empty"
    return f"missing field {names[0]!r}{others}; the record {there}"
