"""Values that JSON cannot represent: only their field is lost, unless it is the id or the text."""

import datetime
import decimal
import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from claimhound.data.errors import RecordError
from claimhound.data.formats.plain_values import DEEPEST, plain_record
from claimhound.data.formats.raw_record import FieldsWithOdd
from claimhound.data.formats.sources import Source
from claimhound.data.notices import Notices
from claimhound.data.readers.documents import read_documents
from claimhound.data.records import Document
from claimhound.indexes.text_writer import TextWriter

SOURCE = Source(name="a.parquet", stem="a", path=None, format="parquet")


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def read(path: Path, *lines: str) -> tuple[list[Document], list[str]]:
    path.write_text("".join(f"{line}\n" for line in lines))
    notices = Notices()
    return list(read_documents([path], notices=notices)), [line.removeprefix(f"{path}: ") for line in notices.lines()]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("NaN", "NaN"),
        ("Infinity", "an infinite number"),
        ("-Infinity", "an infinite number"),
        ("1e999", "an infinite number"),
        ("9" * 5000, "a whole number of more than 4,300 digits"),
        (nested(DEEPEST + 1), f"lists or objects nested more than {DEEPEST} levels deep"),
        (nested(900), f"lists or objects nested more than {DEEPEST} levels deep"),
        (nested(5000), f"lists or objects nested more than {DEEPEST} levels deep"),
        ('{"a":' * 900 + "1" + "}" * 900, f"lists or objects nested more than {DEEPEST} levels deep"),
        ('"\\ud83d"', "half of a surrogate pair: an escape such as \\ud83d without its other half is not a character"),
    ],
    ids=lambda value: value[:12],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_an_odd_value_is_left_out_and_counted(tmp_path: Path, name: str, value: str, what: str) -> None:
    line = f'{{"id": "a", "text": "Ice grew.", "odd": {value}, "n": 1}}'
    documents, notices = read(tmp_path / name, line if name == "a.jsonl" else f"[{line}]")
    assert documents == [Document("a", "Ice grew.", fields={"n": 1})]
    assert notices == [
        f"values of the field 'odd' left out, which JSON cannot represent: 1 (the first in line 1, {what})"
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_only_the_odd_part_of_a_field_is_lost(tmp_path: Path, name: str) -> None:
    line = '{"id": "a", "text": "t", "list": [1, NaN, 2], "object": {"x": Infinity, "y": 2, "\\udc00": 3}}'
    documents, notices = read(tmp_path / name, line if name == "a.jsonl" else f"[{line}]")
    assert documents == [Document("a", "t", fields={"list": [1, None, 2], "object": {"y": 2}})]
    assert [notice.split(",")[0] for notice in notices] == [
        "values of the field 'list' left out", "values of the field 'object' left out",
    ]  # fmt: skip


def test_an_invalid_name_is_shown_escaped(tmp_path: Path) -> None:
    documents, (notice,) = read(tmp_path / "a.jsonl", '{"id": "a", "text": "t", "x\\udc00": 1}')
    assert documents == [Document("a", "t")]
    assert notice.startswith("values of the field 'x\\udc00' left out")
    assert notice.encode()


@pytest.mark.parametrize("field", ["id", "text"])
@pytest.mark.parametrize("value", ["NaN", "1e999", nested(200), '"\\udc00"', "9" * 5000], ids=lambda value: value[:8])
def test_an_odd_id_or_text_rejects_the_record(tmp_path: Path, field: str, value: str) -> None:
    other = '"text": "t"' if field == "id" else '"id": "a"'
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{{other}, "{field}": {value}}}\n{{"id": "b", "text": "u", "abstract": {value}}}\n')
    skipped: list[RecordError] = []
    assert list(read_documents([path], on_error="skip", skipped=skipped)) == [Document("b", "u")]
    (error,) = skipped
    assert str(error).startswith(f"{path}:1: the field {field!r} contains ")


def test_a_field_at_the_depth_limit_is_kept(tmp_path: Path) -> None:
    (document,), notices = read(tmp_path / "a.jsonl", f'{{"id": "a", "text": "t", "deep": {nested(DEEPEST)}}}')
    assert json.dumps(document.fields["deep"]) == nested(DEEPEST)
    assert notices == []


def test_many_lists_side_by_side_are_not_deep(tmp_path: Path) -> None:
    (document,), notices = read(tmp_path / "a.jsonl", json.dumps({"id": "a", "text": "t", "many": [[1]] * 500}))
    assert document.fields == {"many": [[1]] * 500}
    assert notices == []


def test_brackets_and_escapes_inside_texts_are_text(tmp_path: Path) -> None:
    record = {"id": "a", "text": "t", "note": '[{\\"' * 300, "smile": "\U0001f600", "deep": "x"}
    line = json.dumps(record).replace('"x"', nested(2000))
    (document,), notices = read(tmp_path / "a.jsonl", line)
    assert document.fields == {"note": record["note"], "smile": "\U0001f600"}
    assert len(notices) == 1


def test_broken_deep_json_is_a_bad_record(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"id": "a", "text": "t", "deep": {nested(5000)}\n')
    with pytest.raises(RecordError, match=r"a\.jsonl:1: not usable JSON: nested too deeply"):
        list(read_documents([path]))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime.datetime(2020, 1, 2, 3, 4), "2020-01-02T03:04:00"),
        (decimal.Decimal("1.50"), "1.50"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        ((1, "a"), [1, "a"]),
        (np.int64(7), 7),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (np.array([[1, 2]]), [[1, 2]]),
        (np.datetime64("2020-01-02"), "2020-01-02"),
        ({1: [None, float("nan")]}, {"1": [None, None]}),
    ],
    ids=repr,
)
def test_values_with_a_json_form_are_converted(value: Any, expected: Any) -> None:
    record = plain_record(1, {"x": value})
    assert record.value == {"x": expected}
    assert json.dumps(record.value)
    assert type(record.value) is dict


@pytest.mark.parametrize(
    "value", [None, float("nan"), np.float64("nan"), np.datetime64("NaT"), decimal.Decimal("NaN")], ids=repr
)
def test_missing_values_in_tables_are_left_out_without_a_notice(value: Any) -> None:
    record = plain_record(1, {"x": value, "y": 1})
    assert record.value == {"y": 1}
    assert type(record.value) is dict


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (b"x", "bytes"),
        (bytearray(b"x"), "bytes"),
        (datetime.timedelta(1), "a duration"),
        (np.timedelta64(1, "D"), "a duration"),
        (float("-inf"), "an infinite number"),
        (np.float32("inf"), "an infinite number"),
        (decimal.Decimal("Infinity"), "an infinite number"),
        ({1, 2}, "a set"),
        (1j, "a value of type complex"),
        (np.complex64(1j), "a value of type complex"),
        (object(), "a value of type object"),
        (10**5000, "a whole number of more than 4,300 digits"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_values_without_a_json_form_are_left_out_and_named(value: Any, what: str) -> None:
    record = plain_record(1, {"x": value, "y": [value, 1]})
    assert isinstance(record.value, FieldsWithOdd)
    assert record.value == {"y": [None, 1]}
    assert record.value.odd == [("x", what), ("y", what)]


def test_odd_columns_of_a_table_reject_no_rows(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {
        "id": ["a", "b"],
        "text": ["one", "two"],
        "raw": [None, b"x"],
        "share": [float("inf"), 0.5],
        "long": [datetime.timedelta(1), None],
        "image": [{"bytes": b"x", "path": "a.png"}, None],
    }
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    notices = Notices()
    assert list(read_documents([path], notices=notices)) == [
        Document("a", "one", fields={"image": {"path": "a.png"}}),
        Document("b", "two", fields={"share": 0.5}),
    ]
    assert sorted(line.split(" left out")[0] for line in notices.lines()) == [
        f"{path}: values of the field '{name}'" for name in ("image", "long", "raw", "share")
    ]
    parquet.write_table(pyarrow.table({"id": ["a", "b"], "text": [b"one", b"two"]}), path)
    with pytest.raises(RecordError, match=r"a\.parquet:1: the field 'text' contains bytes"):
        list(read_documents([path]))


def test_records_that_are_read_can_be_stored(tmp_path: Path) -> None:
    documents, _ = read(
        tmp_path / "a.jsonl", f'{{"id": "a", "text": "t", "n": NaN, "d": {nested(99)}, "s": "\\udc00"}}'
    )
    (tmp_path / "index").mkdir()
    writer = TextWriter(tmp_path / "index")
    writer.add(0, documents[0])
    writer.commit()
