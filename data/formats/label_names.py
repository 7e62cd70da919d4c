"""Labels that stand as whole numbers, and the names that a data set's features or its user give them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from claimhound.data.records import Json

Row: TypeAlias = dict[str, Any]
_Naming: TypeAlias = Callable[[Any], Any]

_FEATURES_KEY = b"huggingface"


def features_of(metadata: Mapping[bytes, bytes] | None) -> Mapping[str, Any]:
    """Return the features that the library `datasets` left in a table's Arrow schema; empty where it did not."""
    try:
        features = json.loads((metadata or {}).get(_FEATURES_KEY, b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def with_label_names(features: Mapping[str, Any] | None) -> Callable[[Row], Row]:
    """Return what puts the names of its classes in place of a row's numbers, at any depth; all else stays.

    `features` are as `Features.to_dict` of the library `datasets` gives them. -1 is its way to say that there is no
    label, and becomes None; a number without a name stays a number.
    """
    columns = {name: naming for name, feature in (features or {}).items() if (naming := _naming(feature)) is not None}
    if not columns:
        return lambda row: row

    def named(row: Row) -> Row:
        return {name: columns[name](value) if name in columns else value for name, value in row.items()}

    return named


def _naming(feature: Any) -> _Naming | None:
    """Return what names the values of a feature, None where there are no classes in it."""
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
        if isinstance(value, dict):  # older versions keep a sequence of objects as an object of lists
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
    """Return the number that a label stands as (2, 2.0 or "2"), None for a label that is a name or no label."""
    if isinstance(label, float) and label.is_integer():
        return int(label)
    if type(label) is int:
        return label
    return int(label) if isinstance(label, str) and label.strip().isascii() and label.strip().isdigit() else None


def named_label(label: Json, names: Sequence[str]) -> Json:
    """Return the name of a label that is a number, by `names` from 0; any other label, or number, as it is."""
    number = label_number(label)
    return names[number] if number is not None and 0 <= number < len(names) else label


def how_to_name(known: Sequence[str], names: Sequence[str]) -> str:
    """Return what an error says of a label that is a number without a name."""
    if not names:
        return f"a number: name the labels in their order, as in --label-names {','.join(known)}"
    return f"for which --label-names has no name: it names 0 to {len(names) - 1}"
