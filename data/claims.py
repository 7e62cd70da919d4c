"""Claims out of files, BEIR folders, named data sets and standard input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from data.errors import InputError, RecordError
from data.fields import FieldNames, Record
from data.reading import read_records
from data.records import Query
from data.rejects import OnError, rejecter
from data.seen_ids import SeenIds
from data.sources import Source, locate

CLAIM_FIELDS = FieldNames(
    id=("_id", "id", "query_id", "claim_id", "qid"),
    text=("text", "claim", "claim_text", "query", "question", "statement"),
)
CLAIMS_FILE = "queries.jsonl"


def read_claims(
    source: str | Path,
    *,
    id_field: str | None = None,
    text_field: str | None = None,
    on_error: OnError = "stop",
    skipped: list[RecordError] | None = None,
) -> Iterator[Query]:
    """Give the claims of a source in its order.

    A source is what it is for `read_documents`, a folder having `queries.jsonl` in it; `-` is standard input, a claim a
    line. The id is the field `id_field`, or the first of `_id`, `id`, `query_id`, `claim_id` and `qid` that the record
    has; without any of these, and in plain text, it is `<file stem>:<line>` (`stdin:<line>`). The text is `text_field`,
    or the first of `text`, `claim`, `claim_text`, `query`, `question` and `statement`. All other fields are kept.

    Bad records and bad sources are treated as by `read_documents`; so a second claim with an id that was there before
    is a RecordError that names both lines, or is skipped.
    """
    located = locate(source, folder_file=CLAIMS_FILE)
    records = read_records(
        [located], CLAIM_FIELDS.given(id_field, text_field), rejecter(on_error, skipped), part="queries"
    )
    return _queries(records)


def _queries(records: Iterator[Record]) -> Iterator[Query]:
    for _, _, query_id, text, fields in records:
        yield Query(query_id, text, fields)


def locate_claims(source: str | Path, columns: Sequence[str] = ()) -> Source:
    """Return the source of claims that a user's word names, as `read_claims` knows them.

    `columns` are those of a CSV or TSV file that has no header line. Raises InputError for a source that cannot be
    read, and for columns of one that is no such file.
    """
    located = locate(source, folder_file=CLAIMS_FILE)
    if columns and located.format not in ("csv", "tsv"):
        raise InputError(f"{located.name}: is no CSV or TSV file, and only of such can the columns be named")
    return replace(located, columns=tuple(columns))


def read_good_and_bad_claims(
    source: Source, *, id_field: str | None = None, text_field: str | None = None, longest: int
) -> Iterator[Query | RecordError]:
    """Give what a source holds in its order: each claim, or why a record is none.

    A claim of more than `longest` characters is none. Everything else is as for `read_claims`.
    """
    bad: list[RecordError] = []
    names = CLAIM_FIELDS.given(id_field, text_field)
    for record in read_records([source], names, bad.append, part="queries", first_seen=SeenIds()):
        yield from bad
        bad.clear()
        if len(record.text) > longest:
            reason = f"the claim has {len(record.text):,} characters, and at most {longest:,} are taken"
            yield RecordError(source.name, record.line, reason)
        else:
            yield Query(record.record_id, record.text, record.fields)
    yield from bad
