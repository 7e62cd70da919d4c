"""The id and the text of a record, in fields found by convention or named by the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from claimhound.data.errors import BlankText, RecordError
from claimhound.data.formats.field_names import matches
from claimhound.data.formats.raw_record import RawRecord, Recast, json_kind
from claimhound.data.formats.sources import Source
from claimhound.data.notices import Notices
from claimhound.data.records import Json

ID_SCHEME_VERSION = 1
"""Version of the ids generated for records without one; 1 is `<file stem>:<line>`."""

_LAYOUTS_KEPT = 256
_NAMES_IN_ERROR = 7


class MadeId(str):
    """A generated id of a record that has none; only its type tells it from other texts."""

    __slots__ = ()

    @classmethod
    def of(cls, source: Source, line: int) -> MadeId:
        """Return the generated id of a record."""
        return cls(f"{source.stem}:{line}")

    @property
    def stem(self) -> str:
        """The part before the line, shared by all ids of the source."""
        return self.rpartition(":")[0]


@dataclass(frozen=True, slots=True)
class FieldNames:
    """Names to look for, in any case; the first that is present is used.

    With `id_required`, a record without an id is an error. `what` is the word for the text in notices.
    """

    id: tuple[str, ...]
    text: tuple[str, ...]
    id_required: bool = False
    what: str = "text"

    def given(self, id_field: str | None, text_field: str | None) -> FieldNames:
        """Return these names, replaced by those that the user gave."""
        return FieldNames(
            id=self.id if id_field is None else (id_field,),
            text=self.text if text_field is None else (text_field,),
            id_required=id_field is not None,
            what=self.what,
        )


class Record(NamedTuple):
    """A record with its id and text; `fields` are its other fields, with unchanged values."""

    source: Source
    line: int
    record_id: str
    text: str
    fields: dict[str, Json]


class FieldFinder:
    """Finds the ids and texts of a source's records.

    The fields are looked up once for all records with the same fields. A notice is given once if there was a choice:
    several fields that could be the text or the id, a name in another case, or no id.
    """

    def __init__(self, source: Source, names: FieldNames, notices: Notices) -> None:
        self._source = source
        self._names = names
        self._notices = notices
        self._found: dict[tuple[str, ...], tuple[str | None, str | None]] = {}

    def find(self, raw: RawRecord) -> Record:
        """Return the record with its id and its text, both stripped.

        An id that is a whole number becomes its decimal string; a record without an id gets `<stem>:<line>`. A text
        that is a list of texts is joined by spaces. The raw record's dict is consumed.

        Raises RecordError for a missing text and for an id or text of another type, or a blank id; BlankText for a text
        that is blank or null.
        """
        line, key, value = raw
        source = self._source
        if isinstance(value, str):
            record_id: Json = MadeId.of(source, line) if key is None else key
            record_id = usable_id(source, line, record_id, None)
            return Record(source, line, record_id, _checked_text(source, line, value, None, record_id, {}), {})
        layout = tuple(value)
        found = self._found.get(layout)
        text_name, id_name = found or self._look_up(layout, is_plain=not isinstance(value, Recast))
        if text_name is None:
            raise RecordError(source.name, line, missing_field(self._names.text, value))
        if key is not None and not self._names.id_required:
            record_id = key
            id_name = None
        elif id_name is not None:
            record_id = value.pop(id_name) if id_name != text_name else value[id_name]
        elif self._names.id_required:
            raise RecordError(source.name, line, missing_field(self._names.id, value))
        else:
            record_id = MadeId.of(source, line)
            if found is None and self._names.id:
                self._notices.say(source.name, "records have no id; ids are made from the file name and the line")
        # The usual case avoids two calls, which take 4 % of the time to read JSON Lines.
        if type(record_id) is not str or not (record_id := record_id.strip()):
            record_id = usable_id(source, line, record_id, id_name)
        text = value.pop(text_name)
        if type(text) is not str or not (text := text.strip()):
            text = _checked_text(source, line, text, text_name, record_id, value)
        return Record(source, line, record_id, text, value)

    def _look_up(self, layout: tuple[str, ...], *, is_plain: bool) -> tuple[str | None, str | None]:
        texts, ids = matches(self._names.text, layout), matches(self._names.id, layout)
        text_name, id_name = next(iter(texts), None), next(iter(ids), None)
        if len(self._found) >= _LAYOUTS_KEPT:
            self._found.clear()
        self._found[layout] = text_name, id_name
        usual = (text_name in self._names.text) and (id_name is None or id_name in self._names.id)
        if is_plain and text_name is not None and (len(texts) > 1 or len(ids) > 1 or not usual):
            others = [repr(name) for name in (*texts[1:], *ids[1:]) if name not in (text_name, id_name)]
            what = f"{self._names.what} taken from {text_name!r}"
            what += "" if id_name is None else f", id from {id_name!r}"
            what += f" (not from {', '.join(others)})" if others else ""
            self._notices.say(self._source.name, what)
        return text_name, id_name


def find_fields(source: Source, raw: RawRecord, names: FieldNames) -> Record:
    """Return the id and the text of one record, as FieldFinder does."""
    return FieldFinder(source, names, Notices()).find(raw)


def first_name(names: tuple[str, ...], fields: dict[str, Json]) -> str | None:
    """Return the field that matches the first of the names, in any case, or None."""
    if names and names[0] in fields:
        return names[0]
    return next(iter(matches(names, fields)), None)


def usable_id(source: Source, line: int, value: Json, name: str | None) -> str:
    """Return the id stripped; a whole number, including 1.0, becomes its decimal string.

    `name` is its field, if any. Raises RecordError for a blank id and for any other type.
    """
    if isinstance(value, MadeId):
        return value
    if isinstance(value, str) and (stripped := value.strip()):
        return stripped
    if type(value) is int:
        return str(value)
    if type(value) is float and value.is_integer() and abs(value) < 1 << 53:
        return str(int(value))  # 1 in a table of numbers with gaps
    if isinstance(value, dict) and value.keys() == {"$oid"}:  # as exported by MongoDB
        return usable_id(source, line, value["$oid"], name)
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
            raise RecordError(source.name, line, f"{where} is a list with items that are not texts")
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
    """Return the reason for an error about a record that has none of the names."""
    more = ", …" if len(names) > _NAMES_IN_ERROR else ""
    others = f" (or {', '.join(names[1:_NAMES_IN_ERROR])}{more})" if len(names) > 1 else ""
    there = f"has only {', '.join(list(fields)[:8])}{', …' if len(fields) > 8 else ''}" if fields else "is empty"
    return f"missing field {names[0]!r}{others}; the record {there}"
