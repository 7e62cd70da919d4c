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
_ZERO_DECIMALS = re.compile(r"(?<=[0-9])\.0*$")  # 1.0, as a data frame's missing values make of 1
# What else heads a table without names, but is too general to name a field.
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
    """Grades, and for claims of which any one whole set of evidence suffices, these sets: query_id -> sets of ids."""

    qrels: Qrels
    evidence_sets: EvidenceSets


def read_qrels(
    source: str | Path,
    options: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    *,
    level: Level = "document",
) -> Qrels:
    """Return the grades of `read_judgments`, without its sets of evidence."""
    return read_judgments(source, options, level=level).qrels


def read_judgments(
    source: str | Path,
    options: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    *,
    level: Level = "document",
    notices: Notices | None = None,
) -> Judgments:
    """Return the judgments of a source, query ids and document ids in the order that they are met.

    A source is one of these, every file but Parquet also .gz, .xz or .zst:

    - a table without names: three columns as BEIR has it (query id, document id, grade; a header line such as
      `query-id corpus-id score` is passed over) or four as TREC has it (query id, anything, document id, grade), parted
      by tabs or else by white space, in a file of any suffix but the following, or on standard input, `-`;
    - a table with named columns: .csv, .parquet, .jsonl, .ndjson, a .json list, `hf:NAME[@CONFIG][:SPLIT]`, a folder
      that `save_to_disk` wrote, or a .tsv of more than four columns. The
      columns are the first that is there of `query-id`, `query_id`, `qid`, `claim_id`; of `corpus-id`, `corpus_id`,
      `doc_id`, `docid`, `evidence_id`; and of `score`, `grade`, `relevance`, `rel`;
    - claims that name their evidence, in the same formats or as a .json object `claim id -> object`: see
      `claim_judgments` for their shapes and what counts as relevant, and `joined_pairs` for those with a row for each
      piece of evidence;
    - `ir_datasets:ID`;
    - a BEIR folder with one table in `qrels/` or beside it.

    Of the options, `label_names` counts for claims, and those of the format, encoding and columns for all files.

    `level="sentence"` gives the sentences that SciFact's claims name in place of their abstracts; no other source names
    sentences apart from documents, and FEVER's claims name sentences alone. Grades are kept as they are; 0 and below is
    judged and not relevant. A claim that lists no evidence has no judgments, and is not in the result. A pair judged
    twice with one grade counts once.

    Raises RecordError for a row of another width or without one of its fields, a blank id, a claim that comes twice,
    and a pair that is judged twice with different grades; InputError for grades that are not whole numbers of up to
    nine digits (their number and the first three), for a source that holds no judgments, for a folder with none or
    several tables, and for `level="sentence"` where the source names no sentences.
    """
    path = Path(source)
    is_folder = path.is_dir() and saved_splits(path) is None
    located = _as_told(locate_text(_table_in(path) if is_folder else source, formats=_FORMATS), options)
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
        raise InputError(f"{located.name}: holds no judgments")
    return Judgments(qrels, sets)


def _as_told(source: Source, options: ReadOptions) -> Source:
    """Return the source as its user says that it is to be read."""
    if options.input_format in _FORMATS and source.path is not None and source.format != "hub":
        source = replace(source, format=options.input_format)
    return replace(source, columns=options.columns, encoding=options.encoding, delimiter=options.delimiter)


def _has_named_columns(source: Source) -> bool:
    """Tell a .tsv file of records from a table of judgments, which has three or four columns."""
    if source.format != "text" or source.path is None or not _is_tsv(source.path):
        return False
    with suppress(RecordError):
        return any(line.count("\t") > _MOST_CELLS - 1 for _, line in islice(read_lines(source, rejecter("stop")), 1))
    return False


def _is_tsv(path: Path) -> bool:
    return split_compression(path.name)[0].lower().endswith(".tsv")


def write_qrels(qrels: Qrels, path: str | Path) -> None:
    """Write the judgments in TREC form: `query_id 0 doc_id grade`, a line for each pair, in the order of the dicts.

    White space in ids is escaped, see `escaped_id`; `read_qrels` undoes that. The file appears whole or not at all. A
    query without judgments leaves no line. Raises InputError where the file cannot be written.
    """
    with write_atomically(Path(path)) as file:
        for query_id, grades in qrels.items():
            for doc_id, grade in grades.items():
                file.write(f"{escaped_id(query_id)} 0 {escaped_id(doc_id)} {grade}\n")


_NO_SENTENCES = "judgments of sentences are read from claims in SciFact's or FEVER's shape, and from nothing else"


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
        cure = "; a header line has names such as query-id, corpus-id and score" if is_header else ""
        raise InputError(f"{source.name}: {_bad_grades(bad)}{cure}")
    return qrels


def _whole(grade: Json) -> int | None:
    """Return the grade as a number, None where it is not a whole one of up to nine digits."""
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
            raise InputError(f"{folder}: holds several tables of judgments: {names}; name one of them")
    raise InputError(f"{folder}: is a folder without judgments (qrels/*.tsv, or qrels*.tsv)")


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
    """Yield the judgments of records, and put the sets of evidence that they name into `sets`."""
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
    """Return the judgment in a row of a table with named columns."""
    line, _, row = raw
    if isinstance(row, str):
        raise RecordError(source.name, line, "expected an object `claim id -> object with evidences`")
    query_name, doc_name, grade_name = (_column(source, line, row, names) for names in _COLUMNS)
    query_id = usable_id(source, line, row[query_name], query_name)
    return Judgment(line, query_id, usable_id(source, line, row[doc_name], doc_name), row[grade_name])


def _column(source: Source, line: int, row: dict[str, Json], names: tuple[str, ...]) -> str:
    name = first_name(names, row)
    if name is None:
        judgment, claim = "query-id, corpus-id and score", "evidences, or evidence as SciFact or FEVER has it"
        shapes = f"a judgment has {judgment}, a claim has {claim}"
        raise RecordError(source.name, line, f"{missing_field(names, row)}; {shapes}")
    return name
