"""JSON values become columns of a Parquet file and are read back unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claimhound.data.formats.parquet import read_parquet
from claimhound.data.formats.parquet_columns import ListOf, joint_kind, kind_of, write_parquet
from claimhound.data.formats.sources import locate

COLUMNS = {
    "id": "text",
    "n": "whole",
    "score": "number",
    "is_new": "flag",
    "any": "json",
    "hits": ListOf({"rank": "whole", "stages": {"bm25": {"score": "number"}}, "ids": ListOf("text")}),
}


def read(path):
    return [record.value for record in read_parquet(locate(path, folder_file=""))]


def test_nested_values_are_typed_and_read_back(tmp_path: Path) -> None:
    row = {
        "id": "é\n\x00",
        "n": -3,
        "score": 0.1,
        "is_new": False,
        "any": {"x": [1, None]},
        "hits": [{"rank": 1, "stages": {"bm25": {"score": 2.5}}, "ids": ["a", "b"]}, {"rank": 2, "ids": []}],
    }
    write_parquet([row, {"id": "empty"}], tmp_path / "rows.parquet", COLUMNS)
    first, second = read(tmp_path / "rows.parquet")
    assert first == row | {
        "any": json.dumps(row["any"]),
        "hits": [row["hits"][0], {"rank": 2, "stages": None, "ids": []}],
    }
    assert second == {"id": "empty"}


def test_the_same_rows_give_the_same_bytes_and_no_rows_give_a_file(tmp_path: Path) -> None:
    rows = [{"id": str(n), "n": n} for n in range(3_000)]
    for name in ("one", "two"):
        write_parquet(iter(rows), tmp_path / name, COLUMNS)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    write_parquet([], tmp_path / "none.parquet", COLUMNS)
    assert read(tmp_path / "none.parquet") == []


def test_half_a_surrogate_pair_is_escaped(tmp_path: Path) -> None:
    write_parquet([{"id": "a\ud83d"}], tmp_path / "rows.parquet", COLUMNS)
    assert read(tmp_path / "rows.parquet") == [{"id": "a\\ud83d"}]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", None], "text"),
        ([1, 2], "whole"),
        ([1, 2.5], "number"),
        ([True, None], "flag"),
        ([True, 1], "json"),
        (["a", 1], "json"),
        ([[1]], "json"),
        ([{"a": 1}], "json"),
        ([1 << 60], "json"),
        ([1 << 60, 1], "json"),
        ([None], None),
    ],
)
def test_a_column_has_the_narrowest_kind_for_all_its_values(values, kind) -> None:
    found = None
    for value in values:
        found = joint_kind(found, kind_of(value))
    assert found == kind


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@settings(deadline=None)  # the first example imports pyarrow
@given(st.lists(scalars | st.lists(scalars, max_size=2), min_size=1, max_size=5))
def test_any_column_is_read_back_unchanged(tmp_path_factory: pytest.TempPathFactory, values: list[object]) -> None:
    kind = None
    for value in values:
        kind = joint_kind(kind, kind_of(value))
    path = tmp_path_factory.getbasetemp() / "rows.parquet"
    write_parquet([{"id": "x", "value": value} for value in values], path, {"id": "text", "value": kind or "text"})
    back = [row.get("value") for row in read(path)]
    if kind == "json":
        back = [None if value is None else json.loads(value) for value in back]
    assert back == values
