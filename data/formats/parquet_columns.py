"""JSON values as columns of a Parquet file: their shapes, and how they are written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeAlias, Union

from claimhound.data.records import Json

Kind: TypeAlias = Literal["text", "whole", "number", "flag", "json"]
"""`json` is any value, stored as JSON text."""
Shape: TypeAlias = Union[Kind, "ListOf", "dict[str, Shape]"]
"""The shape of a value; an object has a fixed set of keys. Any value may be null."""

_ROWS_PER_GROUP = 1_024
_EXACT = 1 << 53  # the largest whole number that a float represents exactly


class ListOf:
    """A list of values of one shape."""

    def __init__(self, item: Shape) -> None:
        self.item = item


def kind_of(value: Json) -> Kind | None:
    """Return the narrowest kind that represents a value exactly; None for null, which every kind includes."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, str):
        return "text"
    if isinstance(value, float):
        return "number"
    if isinstance(value, int) and -_EXACT <= value <= _EXACT:
        return "whole"
    return "json"


def joint_kind(first: Kind | None, second: Kind | None) -> Kind | None:
    """Return the narrowest kind that includes both."""
    if first is None or second is None or first == second:
        return first or second
    return "number" if {first, second} == {"whole", "number"} else "json"


def write_parquet(rows: Iterable[Mapping[str, Json]], path: Path, columns: Mapping[str, Shape]) -> None:
    """Write one row for each object, without holding them all in memory; a missing key is null.

    The same rows give the same bytes. Raises OSError if the file cannot be written.
    """
    import pyarrow
    from pyarrow import parquet

    schema = pyarrow.schema([(name, _arrow_type(shape)) for name, shape in columns.items()])
    remaining = iter(rows)
    with path.open("wb") as file, parquet.ParquetWriter(file, schema) as writer:
        while group := list(islice(remaining, _ROWS_PER_GROUP)):
            shaped = [{name: _shaped(row.get(name), shape) for name, shape in columns.items()} for row in group]
            writer.write_table(pyarrow.Table.from_pylist(shaped, schema=schema))


def _arrow_type(shape: Shape) -> Any:
    import pyarrow

    if isinstance(shape, ListOf):
        return pyarrow.list_(_arrow_type(shape.item))
    if isinstance(shape, dict):
        return pyarrow.struct([(name, _arrow_type(inner)) for name, inner in shape.items()])
    plain = {"text": pyarrow.string, "json": pyarrow.string, "whole": pyarrow.int64, "number": pyarrow.float64}
    return pyarrow.bool_() if shape == "flag" else plain[shape]()


def _shaped(value: Json, shape: Shape) -> Any:
    if value is None:
        return None
    if isinstance(shape, ListOf):
        return [_shaped(item, shape.item) for item in _of_type(value, list)]
    if isinstance(shape, dict):
        fields = _of_type(value, dict)
        return {name: _shaped(fields.get(name), inner) for name, inner in shape.items()}
    if shape == "json":
        return json.dumps(value)
    # Parquet cannot represent half of a surrogate pair, so it is escaped as in JSON.
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _of_type(value: Json, kind: type[Any]) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"expected a {kind.__name__}, got {value!r}")
    return value
