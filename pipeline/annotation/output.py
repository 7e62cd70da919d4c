"""Output file of a job: JSON lines, CSV, Parquet or an HTML page."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TextIO, TypeAlias, get_args

from claimhound.data.errors import InputError
from claimhound.data.formats.parquet_columns import Kind, ListOf, Shape, write_parquet
from claimhound.data.formats.spreadsheet import BYTE_ORDER_MARK, GUARDED_COLUMN, guarded
from claimhound.data.records import Json
from claimhound.pipeline.annotation.page import write_page
from claimhound.pipeline.search.answer_json import json_line
from claimhound.pipeline.search.results import STAGES

OutputFormat: TypeAlias = Literal["jsonl", "csv", "parquet", "html"]
FORMATS: tuple[OutputFormat, ...] = get_args(OutputFormat)

_PLACE: Shape = {"rank": "whole", "score": "number"}
_DOCUMENT = ("text", "title", "source", "url", "date")
_EVIDENCE: dict[str, Shape] = {
    "rank": "whole",
    "doc_id": "text",
    **dict.fromkeys(_DOCUMENT, "text"),
    "fields": "json",
    "score": "number",
    "truncated": "flag",
    "stages": dict.fromkeys(STAGES, _PLACE),
    "stance": {"label": "text", "probabilities": "json", "truncated": "flag"},
    "parent_id": "text",
    "span": ListOf("whole"),
    "n_copies": "whole",
    "copies": ListOf(dict.fromkeys(("doc_id", "title", "source", "url", "date", "text"), "text")),
}
_ANSWER: dict[str, Shape] = {
    "evidence": ListOf(_EVIDENCE),
    "summary": {"label": "text", "supports": ListOf("text"), "refutes": ListOf("text")},
    "nothing_relevant": "flag",
    "notes": ListOf("text"),
    "index": {"path": "text", "generation": "whole", "n_docs": "whole"},
    "models": dict.fromkeys(("encoder", "reranker", "stance"), "text"),
    "known": "json",
}
_CSV_EVIDENCE = ("rank", "score", "doc_id", *_DOCUMENT)


def format_of(output: Path) -> OutputFormat:
    """Return the format that a file name stands for. Raises InputError for an unknown ending."""
    suffix = output.suffix.lower().removeprefix(".")
    for name in FORMATS:
        if suffix == name:
            return name
    raise InputError(
        f"{output}: the name's ending is not a known format; end it in .{', .'.join(FORMATS)}, or give --format"
    )


def write_output(
    records: Iterable[Mapping[str, Json]],
    path: Path,
    output_format: OutputFormat,
    fields: Mapping[str, Kind],
    *,
    title: str,
    is_dated: bool = False,
    plain_csv: bool = False,
) -> None:
    """Write the records of a job in order, one at a time.

    `fields` are the claims' other fields, which have their own columns in CSV and Parquet. `title` is for a page. With
    `is_dated` there is a column for the day that the evidence must be older than. A CSV is for spreadsheets, with a
    byte order mark, and with an apostrophe before text that would be a formula; `plain_csv` leaves out both. The same
    records give the same bytes. Raises OSError if the file cannot be written.
    """
    names = column_names(fields, output_format, is_dated=is_dated)
    if output_format == "parquet":
        columns: dict[str, Shape] = {"id": "text", "claim": "text"}
        columns |= {names[name]: kind for name, kind in fields.items()} | _answer_columns(is_dated=is_dated)
        write_parquet((_row(record, names) for record in records), path, columns)
        return
    if output_format == "jsonl":
        write_json_lines(records, path)
        return
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        if output_format == "html":
            write_page(records, file, title=title)
        else:
            _write_csv(records, file, names, is_dated=is_dated, plain=plain_csv)


def write_json_lines(records: Iterable[Mapping[str, Json]], path: Path) -> None:
    """Write one JSON object per line. Raises OSError if the file cannot be written."""
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        file.writelines(f"{json_line(record)}\n" for record in records)


def _write_csv(
    records: Iterable[Mapping[str, Json]], file: TextIO, names: Mapping[str, str], *, is_dated: bool, plain: bool
) -> None:
    columns = _csv_columns(names, is_dated=is_dated)
    shown = str if plain else guarded
    head = [shown(name) for name in columns] + ([] if plain else [GUARDED_COLUMN])
    file.write("" if plain else BYTE_ORDER_MARK)
    table = csv.writer(file, lineterminator="\r\n")
    table.writerow(head)
    for record in records:
        for row in _csv_rows(record, names):
            cells = [row.get(name) for name in columns]
            # Only texts: a negative number begins with a dash too, and is a number for a spreadsheet.
            written = [shown(cell) if isinstance(cell, str) else _cell(cell) for cell in cells]
            table.writerow(written if plain else [*written, ""])


def column_names(fields: Iterable[str], output_format: OutputFormat, *, is_dated: bool = False) -> dict[str, str]:
    """Return the column of each of the claims' fields, if the format has columns.

    A field whose name is taken, ignoring case, gets the column `field_NAME`.
    """
    if output_format not in ("csv", "parquet"):
        return {}
    ours = {"id", "claim", *_answer_columns(is_dated=is_dated)}
    if output_format == "csv":
        ours = {*_csv_columns({}, is_dated=is_dated), GUARDED_COLUMN}
    taken = {name.casefold() for name in ours}
    others = {name.casefold() for name in fields}
    names: dict[str, str] = {}
    for name in fields:
        column = name
        while column.casefold() in taken or (column != name and column.casefold() in others):
            column = f"field_{column}"
        taken.add(column.casefold())
        names[name] = column
    return names


def _answer_columns(*, is_dated: bool) -> dict[str, Shape]:
    return {"before": "text", **_ANSWER} if is_dated else _ANSWER


def _row(record: Mapping[str, Json], names: Mapping[str, str]) -> dict[str, Json]:
    """Return a record with its fields as columns."""
    row = {name: value for name, value in record.items() if name != "fields"}
    return row | {names[name]: value for name, value in _object(record["fields"]).items()}


def _csv_columns(names: Mapping[str, str], *, is_dated: bool) -> list[str]:
    evidence = [f"evidence_{name.removeprefix('doc_')}" for name in _CSV_EVIDENCE]
    return [
        "id",
        "claim",
        *names.values(),
        *(["before"] if is_dated else []),
        *evidence,
        "evidence_stance",
        "evidence_n_copies",
        "verdict",
        "nothing_relevant",
        "notes",
        "known",
    ]


def _csv_rows(record: Mapping[str, Json], names: Mapping[str, str]) -> Iterator[dict[str, Json]]:
    """Yield a row for each piece of evidence, and one row for a claim without evidence."""
    summary = record["summary"]
    notes = record["notes"]
    claim: dict[str, Json] = {
        "id": record["id"],
        "claim": record["claim"],
        **{names[name]: value for name, value in _object(record["fields"]).items()},
        **({"before": record["before"]} if "before" in record else {}),
        "verdict": _object(summary)["label"] if summary is not None else None,
        "nothing_relevant": record["nothing_relevant"],
        "notes": " ".join(map(str, notes)) if isinstance(notes, list) else None,
        "known": record.get("known"),
    }
    hits = record["evidence"]
    for hit in hits if isinstance(hits, list) and hits else [None]:
        evidence: dict[str, Json] = {}
        if hit is not None:
            found = _object(hit)
            stance = found["stance"]
            evidence = {f"evidence_{name.removeprefix('doc_')}": found[name] for name in _CSV_EVIDENCE}
            evidence["evidence_stance"] = None if stance is None else _object(stance)["label"]
            evidence["evidence_n_copies"] = found.get("n_copies")
        yield claim | evidence


def _object(value: Json) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, got {value!r}")
    return value


def _cell(value: Json) -> str:
    """Return an empty text for null, and JSON for any other value."""
    return "" if value is None else json.dumps(value, ensure_ascii=False)
