"""Names for numeric labels, from a data set's features or from the user."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from claimhound.data.records import Json

Row: TypeAlias = dict[str, Any]
_Naming: TypeAlias = Callable[[Any], Any]

_FEATURES_KEY = b"huggingface"


def features_of(metadata: Mapping[bytes, bytes] | None) -> Mapping[str, Any]:
    """Return the features that the library `datasets` stored in a table's Arrow schema; empty if there are none."""
    try:
        features = json.loads((metadata or {}).get(_FEATURES_KEY, b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def with_label_names(features: Mapping[str, Any] | None) -> Callable[[Row], Row]:
    """Return a function that replaces the numeric labels in a row, at any depth, by their class names.

    `features` are the output of `Features.to_dict` of the library `datasets`. -1, its value for a missing label,
    becomes None; a number without a name is unchanged.
    """
    columns = {name: naming for name, feature in (features or {}).items() if (naming := _naming(feature)) is not None}
    if not columns:
        return lambda row: row

    def named(row: Row) -> Row:
        return {name: columns[name](value) if name in columns else value for name, value in row.items()}

    return named


def _naming(feature: Any) -> _Naming | None:
    """Return a function that names the labels in a feature's values; None if the feature has no classes."""
    if isinstance(feature, list) and len(feature) == 1:
        return _of_items(_naming(feature[0]))
    if not isinstance(feature, dict):
        return None
    kind = feature.get("_type")
    if kind == "ClassLabel" and isinstance(feature.get("names"), list):
        names = feature["names"]
        return lambda value: _name(names, value)
    if isinstance(kind, str):
        return _of_items(_naming(feature.get("feature")))
    return _of_struct({name: _naming(inner) for name, inner in feature.items()})


def _of_items(naming: _Naming | None) -> _Naming | None:
    if naming is None:
        return None

    def named(value: Any) -> Any:
        if isinstance(value, dict):  # older versions store a list of objects as an object of lists
            return naming(dict(value))
        return [naming(item) for item in value] if isinstance(value, list) else value

    return named


def _of_struct(fields: Mapping[str, _Naming | None]) -> _Naming | None:
    namings = {name: naming for name, naming in fields.items() if naming is not None}
    if not namings:
        return None

    def named(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: namings[name](inner) if name in namings else inner for name, inner in value.items()}

    return named


def _name(names: Sequence[str], value: Any) -> Any:
    if isinstance(value, list):
        return [_name(names, item) for item in value]
    if type(value) is not int or value >= len(names):
        return value
    return None if value < 0 else names[value]


def label_number(label: Json) -> int | None:
    """Return the number of a numeric label (2, 2.0 or "2"), None for any other value."""
    if isinstance(label, float) and label.is_integer():
        return int(label)
    if type(label) is int:
        return label
    return int(label) if isinstance(label, str) and label.strip().isascii() and label.strip().isdigit() else None


def named_label(label: Json, names: Sequence[str]) -> Json:
    """Return the name of a numeric label, counting `names` from 0; any other label or number is unchanged."""
    number = label_number(label)
    return names[number] if number is not None and 0 <= number < len(names) else label


def how_to_name(known: Sequence[str], names: Sequence[str]) -> str:
    """Return the reason and fix for an error about a numeric label without a name."""
    if not names:
        return f"a number; name the labels in their order, for example --label-names {','.join(known)}"
    return f"which --label-names does not name: it names 0 to {len(names) - 1}"
