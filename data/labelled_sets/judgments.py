"""Relevance judgments: read from tables and from claims that name their evidence, written in TREC form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.errors import InputError, RecordError
from claimhound.data.formats.fields import first_name, missing_field, usable_id
from claimhound.data.formats.raw_record import RawRecord
from claimhound.data.formats.saved_sets import saved_splits
from claimhound.data.formats.sources import Source, locate_text, split_compression
from claimhound.data.formats.streams import read_lines
from claimhound.data.formats.trec_ids import escaped_id, unescaped_id
from claimhound.data.labelled_sets.judged_claims import Judgment, Level, claim_judgments, is_judged_claim
from claimhound.data.notices import Notices
from claimhound.data.read_options import Format, ReadOptions
from claimhound.data.readers.texts import read_raw
from claimhound.data.records import EvidenceSets, Json, Qrels
from claimhound.data.rejects import rejecter

_FORMATS: tuple[Format, ...] = ("jsonl", "json", "csv", "parquet", "hub", "catalogue")
_QUERY_COLUMNS = ("query-id", "query_id", "qid", "claim_id")
_DOC_COLUMNS = ("corpus-id", "corpus_id", "doc_id", "docid", "evidence_id")
_GRADE_COLUMNS = ("score", "grade", "relevance", "rel")
_COLUMNS = (_QUERY_COLUMNS, _DOC_COLUMNS, _GRADE_COLUMNS)
_GRADE = re.compile(r"-?[0-9]{1,9}")
_ZERO_DECIMALS = re.compile(r"(?<=[0-9])\.0*$")  # 1.0: a 1 in a data frame with missing values
# Further header names of a table with three or four columns; too general for the names of fields.
_HEADS = (
    {*_QUERY_COLUMNS, *["query", "topic", "claim", "id", "topic_id", "topic-id", "claim-id"]},
    {
        *_DOC_COLUMNS,
        *["doc", "document", "doc-id", "docno", "document_id", "document-id", "passage_id", "pid"],
    },
    {*_GRADE_COLUMNS, *["label", "relevancy", "judgment", "judgement"]},
)
_SHOWN_GRADES = 3
_MOST_CELLS = 4


class Judgments(NamedTuple):
    """Grades, and sets of evidence that are each sufficient: query_id -> sets of document ids."""

    qrels: Qrels
    evidence_sets: EvidenceSets


def read_qrels(
    source: str | Path,
    options: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    *,
    level: Level = "document",
) -> Qrels:
    """Return the grades of `read_judgments`, without the sets of evidence."""
    return read_judgments(source, options, level=level).qrels


def read_judgments(
    source: str | Path,
    options: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    *,
    level: Level = "document",
    notices: Notices | None = None,
) -> Judgments:
    """Return the judgments of a source, with query ids and document ids in the order of their first occurrence.

    A source is one of these; every file except Parquet may also be .gz, .xz or .zst:

    - a table without column names: three columns as in BEIR (query id, document id, grade; a header such as
      `query-id corpus-id score` is skipped) or four as in TREC (query id, anything, document id, grade), separated by
      tabs or else by white space, in a file with any suffix not listed below, or on standard input, `-`;
    - a table with column names: .csv, .parquet, .jsonl, .ndjson, a .json list, `hf:NAME[@CONFIG][:SPLIT]`, a folder
      written by `save_to_disk`, or a .tsv file with more than four columns. The columns are the first of `query-id`,
      `query_id`, `qid`, `claim_id`; of `corpus-id`, `corpus_id`, `doc_id`, `docid`, `evidence_id`; and of `score`,
      `grade`, `relevance`, `rel`;
    - claims that name their evidence, in the same formats or as a .json object `claim id -> object`: see
      `claim_judgments` for their shapes and grades, and `joined_pairs` for those with one row per piece of evidence;
    - `ir_datasets:ID`;
    - a BEIR folder with one table in `qrels/` or next to it.

    Of the options, `label_names` applies to claims, and the format, encoding and column options to all files.

    `level="sentence"` gives the sentences that SciFact's claims name instead of their abstracts; FEVER's claims always
    name sentences, and no other source names any. Grades are unchanged; 0 and below means judged and not relevant. A
    claim without evidence has no judgments and is not in the result. A pair judged twice with the same grade counts
    once.

    Raises RecordError for a row of another width or with a missing field, a blank id, a duplicate claim, and a pair
    judged twice with different grades; InputError for grades that are not whole numbers of up to nine digits (their
    number and the first three), for a source without judgments, for a folder with none or several tables, and for
    `level="sentence"` if the source names no sentences.
    """
    path = Path(source)
    is_folder = path.is_dir() and saved_splits(path) is None
    located = _with_options(locate_text(_table_in(path) if is_folder else source, formats=_FORMATS), options)
    if _has_named_columns(located):
        located = replace(located, format="tsv")
    sets: EvidenceSets = {}
    if located.format == "text":
        judgments = _table_rows(located)
    else:
        judgments = _record_rows(located, level, options.label_names, sets, notices)
    if located.format in ("text", "catalogue") and level == "sentence":
        raise InputError(f"{located.name}: {_NO_SENTENCES}")
    qrels = _collected(located, judgments)
    if not qrels:
        raise InputError(f"{located.name}: contains no judgments")
    return Judgments(qrels, sets)


def _with_options(source: Source, options: ReadOptions) -> Source:
    """Return the source with the user's options."""
    if options.input_format in _FORMATS and source.path is not None and source.format != "hub":
        source = replace(source, format=options.input_format)
    return replace(source, columns=options.columns, encoding=options.encoding, delimiter=options.delimiter)


def _has_named_columns(source: Source) -> bool:
    """Tell whether a .tsv file has records; a table of judgments has only three or four columns."""
    if source.format != "text" or source.path is None or not _is_tsv(source.path):
        return False
    with suppress(RecordError):
        return any(line.count("\t") > _MOST_CELLS - 1 for _, line in islice(read_lines(source, rejecter("stop")), 1))
    return False


def _is_tsv(path: Path) -> bool:
    return split_compression(path.name)[0].lower().endswith(".tsv")


def write_qrels(qrels: Qrels, path: str | Path) -> None:
    """Write the judgments in TREC form: a line `query_id 0 doc_id grade` for each pair, in the order of the dicts.

    White space in ids is escaped, see `escaped_id`; `read_qrels` undoes that. The file is written atomically. A query
    without judgments has no line. Raises InputError if the file cannot be written.
    """
    with write_atomically(Path(path)) as file:
        for query_id, grades in qrels.items():
            for doc_id, grade in grades.items():
                file.write(f"{escaped_id(query_id)} 0 {escaped_id(doc_id)} {grade}\n")


_NO_SENTENCES = "judgments of sentences can be read only from claims in the shape of SciFact or FEVER"


class _BadGrade(NamedTuple):
    line: int
    grade: Json


def _collected(source: Source, judgments: Iterable[Judgment]) -> Qrels:
    qrels: Qrels = {}
    lines: dict[tuple[str, str], int] = {}
    bad: list[_BadGrade] = []
    for line, query_id, doc_id, raw_grade in judgments:
        grade = _whole(raw_grade)
        if grade is None:
            bad.append(_BadGrade(line, raw_grade))
            continue
        first = lines.setdefault((query_id, doc_id), line)
        known = qrels.setdefault(query_id, {}).setdefault(doc_id, grade)
        if known != grade:
            reason = f"{query_id!r} and {doc_id!r} are judged {grade} here and {known} at line {first}"
            raise RecordError(source.name, line, reason)
    if bad:
        is_header = source.format == "text" and len(bad) == 1 and str(bad[0].grade).isalpha() and bad[0].line == 1
        fix = "; a header has names such as query-id, corpus-id and score" if is_header else ""
        raise InputError(f"{source.name}: {_bad_grades(bad)}{fix}")
    return qrels


def _whole(grade: Json) -> int | None:
    """Return the grade as a number, None if it is not a whole number of up to nine digits."""
    if isinstance(grade, float) and grade.is_integer():
        grade = int(grade)
    if isinstance(grade, str):
        grade = _ZERO_DECIMALS.sub("", grade.strip())
    if isinstance(grade, bool) or not isinstance(grade, int | str):
        return None
    return int(grade) if _GRADE.fullmatch(str(grade)) else None


def _bad_grades(bad: list[_BadGrade]) -> str:
    shown = ", ".join(f"{grade!r} at line {line}" for line, grade in bad[:_SHOWN_GRADES])
    more = ", …" if len(bad) > _SHOWN_GRADES else ""
    what = "1 grade is not a whole number" if len(bad) == 1 else f"{len(bad)} grades are not whole numbers"
    return f"{what}: {shown}{more}"


def _table_in(folder: Path) -> Path:
    """Return the one table of judgments of a BEIR folder."""
    for pattern in ("qrels/*", "qrels*"):
        tables = sorted(path for path in folder.glob(pattern) if path.is_file() and _is_table(path))
        if len(tables) == 1:
            return tables[0]
        if tables:
            names = ", ".join(path.relative_to(folder).as_posix() for path in tables)
            raise InputError(f"{folder}: contains several tables of judgments: {names}; name one of them")
    raise InputError(f"{folder}: is a folder without judgments (qrels/*.tsv or qrels*.tsv)")


def _is_table(path: Path) -> bool:
    return split_compression(path.name)[0].lower().endswith((".tsv", ".txt", ".qrels"))


def _table_rows(source: Source) -> Iterator[Judgment]:
    width = None
    for line_number, line in read_lines(source, rejecter("stop")):
        cells = line.split("\t")
        if len(cells) not in (3, 4):
            cells = line.split()
        if width is None:
            width = len(cells) if len(cells) in (3, 4) else None
            if width is not None and _is_header(cells):
                continue
        if len(cells) != width:
            wanted = "3 columns (BEIR) or 4 (TREC)" if width is None else f"{width} columns"
            raise RecordError(source.name, line_number, f"expected {wanted}, got {len(cells)}")
        query_id, *_, doc_id, grade = (cell.strip() for cell in cells)
        if not query_id or not doc_id:
            raise RecordError(source.name, line_number, "an id is blank")
        yield Judgment(line_number, unescaped_id(query_id), unescaped_id(doc_id), grade)


def _is_header(cells: list[str]) -> bool:
    query, *_, doc, grade = (cell.strip().strip('"').lower() for cell in cells)
    return all(cell in heads for cell, heads in zip((query, doc, grade), _HEADS, strict=True))


def _record_rows(
    source: Source, level: Level, label_names: Sequence[str], sets: EvidenceSets, notices: Notices | None
) -> Iterator[Judgment]:
    """Yield the judgments of records, and add their sets of evidence to `sets`."""
    first_lines: dict[str, int] = {}
    for raw in read_raw(source, (), rejecter("stop"), part="qrels", notices=notices):
        if is_judged_claim(raw):
            query_id, judgments, found = claim_judgments(source, raw, level, label_names)
            first = first_lines.setdefault(query_id, raw.line)
            if first != raw.line:
                reason = f"duplicate id {query_id!r}, first seen at {source.name}:{first}"
                raise RecordError(source.name, raw.line, reason)
            if found:
                sets[query_id] = found
            yield from judgments
        elif level == "sentence":
            raise InputError(f"{source.name}: {_NO_SENTENCES}")
        else:
            yield _pair(source, raw)


def _pair(source: Source, raw: RawRecord) -> Judgment:
    """Return the judgment in a row of a table with column names."""
    line, _, row = raw
    if isinstance(row, str):
        raise RecordError(source.name, line, "expected an object `claim id -> object with evidences`")
    query_name, doc_name, grade_name = (_column(source, line, row, names) for names in _COLUMNS)
    query_id = usable_id(source, line, row[query_name], query_name)
    return Judgment(line, query_id, usable_id(source, line, row[doc_name], doc_name), row[grade_name])


def _column(source: Source, line: int, row: dict[str, Json], names: tuple[str, ...]) -> str:
    name = first_name(names, row)
    if name is None:
        judgment, claim = "query-id, corpus-id and score", "evidences, or evidence as in SciFact or FEVER"
        shapes = f"a judgment has {judgment}, a claim has {claim}"
        raise RecordError(source.name, line, f"{missing_field(names, row)}; {shapes}")
    return name
