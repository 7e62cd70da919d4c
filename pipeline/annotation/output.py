"""The finished records of a job as a file: JSON lines, CSV, Parquet or a page."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from data.errors import InputError
from data.records import Json
from data.shapes import Kind, ListOf, Shape, write_parquet
from pipeline.annotation.page import write_page
from pipeline.rendering import json_line
from pipeline.results import STAGES

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
    """Return the format that a file's name asks for. Raises InputError for one that there is not."""
    suffix = output.suffix.lower().removeprefix(".")
    for name in FORMATS:
        if suffix == name:
            return name
    raise InputError(f"{output}: its name says no format; end it in .{', .'.join(FORMATS)}, or give --format")


def write_output(
    records: Iterable[Mapping[str, Json]],
    path: Path,
    output_format: OutputFormat,
    fields: Mapping[str, Kind],
    *,
    title: str,
) -> None:
    """Write the records of a job, which come in its order; none is kept.

    `fields` are the further fields of its claims: columns of their own in CSV and Parquet. `title` is a page's. The
    same records give the same bytes. Raises OSError where the file cannot be written.
    """
    if output_format == "parquet":
        names = _column_names(fields, {"id", "claim", *_ANSWER})
        columns: dict[str, Shape] = {"id": "text", "claim": "text"}
        columns |= {names[name]: kind for name, kind in fields.items()} | _ANSWER
        write_parquet((_row(record, names) for record in records), path, columns)
        return
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        if output_format == "jsonl":
            file.writelines(f"{json_line(record)}\n" for record in records)
        elif output_format == "html":
            write_page(records, file, title=title)
        else:
            names = _column_names(fields, set(_csv_columns({})))
            table = csv.DictWriter(file, _csv_columns(names), lineterminator="\r\n")
            table.writeheader()
            for record in records:
                table.writerows(_csv_rows(record, names))


def write_json_lines(records: Iterable[Mapping[str, Json]], path: Path) -> None:
    """Write an object a line. Raises OSError where the file cannot be written."""
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        file.writelines(f"{json_line(record)}\n" for record in records)


def _column_names(fields: Mapping[str, Kind], taken: set[str]) -> dict[str, str]:
    """Return for each of the claims' fields the column that it stands in, one whose name is taken as `field_NAME`."""
    names: dict[str, str] = {}
    for name in fields:
        column = name
        while column in taken or (column != name and column in fields):
            column = f"field_{column}"
        taken.add(column)
        names[name] = column
    return names


def _row(record: Mapping[str, Json], names: Mapping[str, str]) -> dict[str, Json]:
    """Return a record with its fields as columns."""
    row = {name: value for name, value in record.items() if name != "fields"}
    return row | {names[name]: value for name, value in _object(record["fields"]).items()}


def _csv_columns(names: Mapping[str, str]) -> list[str]:
    evidence = [f"evidence_{name.removeprefix('doc_')}" for name in _CSV_EVIDENCE]
    return [
        "id",
        "claim",
        *names.values(),
        *evidence,
        "evidence_stance",
        "evidence_n_copies",
        "verdict",
        "nothing_relevant",
        "notes",
        "known",
    ]


def _csv_rows(record: Mapping[str, Json], names: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield a row for each piece of evidence; one without any for a claim that has none."""
    summary = record["summary"]
    notes = record["notes"]
    claim: dict[str, Json] = {
        "id": record["id"],
        "claim": record["claim"],
        **{names[name]: value for name, value in _object(record["fields"]).items()},
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
        yield {name: _cell(value) for name, value in (claim | evidence).items()}


def _object(value: Json) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, got {value!r}")
    return value


def _cell(value: Json) -> str:
    """Return a text as it is, nothing for null, and any other value as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
