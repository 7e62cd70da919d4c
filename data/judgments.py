"""Relevance judgments: read from BEIR and TREC files and from claims that name their evidence, written in TREC form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from data.atomic import write_atomically
from data.errors import InputError, RecordError
from data.json_records import read_json
from data.raw_record import json_kind
from data.records import Qrels
from data.rejects import rejecter
from data.sources import Source, locate_text, split_compression
from data.streams import read_lines
from data.trec import checked_id

_BEIR_HEADER = ("query-id", "corpus-id", "score")
_GRADE = re.compile(r"[0-9]{1,9}")


def read_qrels(source: str | Path) -> Qrels:
    """Return the judgments of a source, query ids and document ids in the order that they are met.

    A source is a file, also .gz, .xz or .zst, with three columns as BEIR has it (query id, document id, grade; a header
    line `query-id corpus-id score` is passed over) or four as TREC has it (query id, anything, document id, grade),
    parted by tabs or else by white space; a .json file `claim id -> object` whose `evidences` lists the ids of relevant
    documents, grade 1; a BEIR folder with one such table in `qrels/` or beside it; or `-`.

    A claim with an empty list of evidences has no judgments, and is not in the result. Raises RecordError for a line of
    another number of columns, a grade that is not a whole number from 0, and a pair that is judged twice with different
    grades; InputError for a source that holds no judgments, and for a folder with none or several tables.
    """
    path = Path(source)
    located = locate_text(_table_in(path) if path.is_dir() else source)
    qrels: Qrels = {}
    lines: dict[tuple[str, str], int] = {}
    rows = _evidence_rows(located) if located.format == "json" else _table_rows(located)
    for line, query_id, doc_id, grade in rows:
        first = lines.setdefault((query_id, doc_id), line)
        known = qrels.setdefault(query_id, {}).setdefault(doc_id, grade)
        if known != grade:
            reason = f"{query_id!r} and {doc_id!r} are judged {grade} here and {known} at line {first}"
            raise RecordError(located.name, line, reason)
    if not qrels:
        raise InputError(f"{located.name}: holds no judgments")
    return qrels


def write_qrels(qrels: Qrels, path: str | Path) -> None:
    """Write the judgments in TREC form: `query_id 0 doc_id grade`, a line for each pair, in the order of the dicts.

    The file appears whole or not at all. A query without judgments leaves no line. Raises InputError for an id with
    white space in it, and where the file cannot be written.
    """
    with write_atomically(Path(path)) as file:
        for query_id, grades in qrels.items():
            for doc_id, grade in grades.items():
                file.write(f"{checked_id(query_id)} 0 {checked_id(doc_id)} {grade}\n")


def _table_in(folder: Path) -> Path:
    """Return the one table of judgments of a BEIR folder."""
    for pattern in ("qrels/*", "qrels*"):
        tables = sorted(path for path in folder.glob(pattern) if path.is_file() and _is_table(path))
        if len(tables) == 1:
            return tables[0]
        if tables:
            names = ", ".join(path.relative_to(folder).as_posix() for path in tables)
            raise InputError(f"{folder}: holds several tables of judgments: {names}; name one of them")
    raise InputError(f"{folder}: is a folder without judgments (qrels/*.tsv, or qrels*.tsv)")


def _is_table(path: Path) -> bool:
    return split_compression(path.name)[0].lower().endswith((".tsv", ".txt", ".qrels"))


def _table_rows(source: Source) -> Iterator[tuple[int, str, str, int]]:
    width = None
    for line_number, line in read_lines(source, rejecter("stop")):
        cells = line.split("\t")
        if len(cells) not in (3, 4):
            cells = line.split()
        if width is None:
            if tuple(cell.strip().lower().replace("_", "-") for cell in cells) == _BEIR_HEADER:
                width = 3
                continue
            width = len(cells) if len(cells) in (3, 4) else None
        if len(cells) != width:
            wanted = "3 columns (BEIR) or 4 (TREC)" if width is None else f"{width} columns"
            raise RecordError(source.name, line_number, f"expected {wanted}, got {len(cells)}")
        query_id, *_, doc_id, grade = (cell.strip() for cell in cells)
        if not query_id or not doc_id:
            raise RecordError(source.name, line_number, "an id is blank")
        if not _GRADE.fullmatch(grade):
            raise RecordError(source.name, line_number, f"the grade is not a whole number from 0: {grade!r}")
        yield line_number, query_id, doc_id, int(grade)


def _evidence_rows(source: Source) -> Iterator[tuple[int, str, str, int]]:
    for number, query_id, value in read_json(source, rejecter("stop"), ()):
        if query_id is None or isinstance(value, str):
            raise RecordError(source.name, number, "expected an object `claim id -> object with evidences`")
        if "evidences" not in value:
            raise RecordError(source.name, number, f"missing field 'evidences' in claim {query_id!r}")
        evidences = value["evidences"]
        if not isinstance(evidences, list):
            reason = f"the field 'evidences' of claim {query_id!r} is {json_kind(evidences)}, not a list of ids"
            raise RecordError(source.name, number, reason)
        for doc_id in evidences:
            if type(doc_id) is not int and not (isinstance(doc_id, str) and doc_id.strip()):
                reason = f"an id in 'evidences' of claim {query_id!r} is neither a text nor a whole number"
                raise RecordError(source.name, number, reason)
            yield number, query_id.strip(), str(doc_id).strip(), 1
