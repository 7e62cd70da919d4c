"""Records of a labelled set, with fields that are checked when they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from claimhound.data.errors import RecordError
from claimhound.data.formats.label_names import how_to_name, label_number, named_label
from claimhound.data.formats.raw_record import json_kind
from claimhound.data.formats.sources import Source, locate_text
from claimhound.data.readers.texts import read_raw
from claimhound.data.records import Json
from claimhound.data.rejects import rejecter

T = TypeVar("T")


class Entry(NamedTuple):
    """One record, or an object inside one. Every method raises RecordError, naming file and line, for a bad value.

    `label_names` are the names of numeric labels, counted from 0. `subject` is put before the reason in errors.
    """

    source: Source
    line: int
    fields: dict[str, Json]
    label_names: Sequence[str] = ()
    subject: str = ""

    def error(self, reason: str) -> RecordError:
        """Return the error for this record."""
        return RecordError(self.source.name, self.line, f"{self.subject} {reason}".lstrip())

    def text(self, *names: str) -> str:
        """Return the first of the fields that is present; it must be a text that is not blank."""
        name = next((name for name in names if name in self.fields), None)
        value = None if name is None else self.fields[name]
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"has no text in field {' or '.join(map(repr, names))}")
        return value

    def line_of_text(self, *names: str) -> str:
        """Return the same text with single spaces."""
        return " ".join(self.text(*names).split())

    def label(self, labels: Mapping[str, T], *names: str) -> T:
        """Return what `labels` has for the first of the fields that is present; a numeric label is named first."""
        field = next((name for name in names if name in self.fields), names[0])
        value = named_label(self.fields.get(field), self.label_names)
        if label_number(value) is not None:
            raise self.error(f"has the label {value!r}, {how_to_name([*labels], self.label_names)}")
        named = self._replace(fields={field: value}).line_of_text(field)
        if named not in labels:
            raise self.error(f"has the label {named!r}; expected one of {', '.join(labels)}")
        return labels[named]

    def identifier(self, name: str) -> str:
        """Return a text or a whole number as text; empty if the field is absent or null."""
        value = self.fields.get(name)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.error(f"has {json_kind(value)}, not a text or a whole number, in field {name!r}")
        return str(value)

    def list(self, *names: str) -> list[Json]:
        """Return the first of the fields that is present; it must be a list. Empty if none is present."""
        value = next((self.fields[name] for name in names if name in self.fields), [])
        if not isinstance(value, list):
            raise self.error(f"has {json_kind(value)}, not a list, in field {' or '.join(map(repr, names))}")
        return value

    def objects(self, name: str) -> Iterator[Entry]:
        """Yield the objects in a list."""
        for item in self.list(name):
            if not isinstance(item, dict):
                raise self.error(f"has {json_kind(item)} among the objects in field {name!r}")
            yield self._replace(fields=item)


def locate_labelled(path: str | Path) -> Source:
    """Return a file, saved data set or Hub data set; a file whose suffix names no format is read as JSON Lines.

    Raises InputError for a missing file and for any other folder.
    """
    source = locate_text(path, formats=("jsonl", "json", "csv", "tsv", "parquet", "hub"))
    return replace(source, format="jsonl") if source.format == "text" else source


def read_entries(source: Source, label_names: Sequence[str] = (), list_name: str = "") -> Iterator[Entry]:
    """Yield the records of a source; `list_name` is a field that every record of a nested JSON file has.

    Raises RecordError for the first bad record.
    """
    for raw in read_raw(source, (list_name,) if list_name else (), rejecter("stop"), part="queries"):
        if not isinstance(raw.value, dict):
            raise RecordError(source.name, raw.line, f"is {json_kind(raw.value)}, not an object")
        yield Entry(source, raw.line, raw.value, label_names)
