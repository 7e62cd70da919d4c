"""Claims from files, BEIR folders, named data sets and standard input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from claimhound.data.errors import InputError, RecordError
from claimhound.data.formats.fields import FieldNames, Record
from claimhound.data.formats.sources import Source, locate
from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.texts import read_records
from claimhound.data.records import Query
from claimhound.data.rejects import OnError, rejecter

CLAIM_FIELDS = FieldNames(
    id=("_id", "id", "query_id", "claim_id", "qid"),
    text=(
        "claim", "claim_text", "claimreviewed", "statement", "query", "question", "claimtext", "claim_reviewed",
        "vclaim", "hypothesis", "text", "tweet", "tweet_text", "full_text", "sentence", "content",
    ),
    what="claim",
)  # fmt: skip
CLAIMS_FILE = "queries.jsonl"


def read_claims(
    source: str | Path,
    options: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    *,
    on_error: OnError = "stop",
    skipped: list[RecordError] | None = None,
    notices: Notices | None = None,
) -> Iterator[Query]:
    """Yield the claims of a source, in order.

    Sources are those of `read_documents`, except that a folder contains `queries.jsonl`; `-` is standard input with one
    claim per line. The id is the field `id_field`, or the first of `_id`, `id`, `query_id`, `claim_id` and `qid`;
    without any of these, and in plain text, it is `<file stem>:<line>` (`stdin:<line>`). The text is `text_field`, or
    the first of the names in CLAIM_FIELDS, where `claim` comes before `text`. Names match in any case. All other fields
    are kept. Fact checks (ClaimReview, Fact Check Tools) are read by their own fields, see `KnownShapes`.

    Bad records and bad sources are treated as by `read_documents`: a claim with a duplicate id is a RecordError that
    names both lines, or is skipped.
    """
    located = locate_claims(source, options)
    names = CLAIM_FIELDS.given(options.id_field, options.text_field)
    records = read_records([located], names, rejecter(on_error, skipped), part="queries", notices=notices)
    return _queries(records)


def _queries(records: Iterator[Record]) -> Iterator[Query]:
    for _, _, query_id, text, fields in records:
        yield Query(query_id, text, fields)


def locate_claims(source: str | Path, options: ReadOptions = ReadOptions()) -> Source:  # noqa: B008 (frozen)
    """Return the source of claims that a user named, as for `read_claims`.

    Raises InputError for a source that cannot be read.
    """
    return locate(source, options, folder_file=CLAIMS_FILE)


def read_good_and_bad_claims(
    source: Source,
    options: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    *,
    longest: int,
    notices: Notices | None = None,
    refusal: Callable[[Query], str | None] = lambda _claim: None,
    most: int | None = None,
) -> Iterator[Query | RecordError]:
    """Yield the claims and the bad records of a source, in order.

    A claim with more than `longest` characters is bad, and so is one for which `refusal` returns a reason. Everything
    else is as for `read_claims`. Raises InputError for more than `most` records, good and bad.
    """
    bad: list[RecordError] = []
    n_bad = 0

    def reject(error: RecordError) -> None:
        nonlocal n_bad
        n_bad += 1
        require_few(n_bad)
        bad.append(error)

    def require_few(n: int) -> None:
        if most is not None and n > most:
            raise InputError(f"{source.name}: has more than {most:,} records; send it in parts")

    names = CLAIM_FIELDS.given(options.id_field, options.text_field)
    records = read_records([source], names, reject, part="queries", notices=notices)
    for n_good, record in enumerate(records, start=1):
        require_few(n_good + n_bad)
        yield from bad
        bad.clear()
        if len(record.text) > longest:
            reason = f"the claim has {len(record.text):,} characters; the limit is {longest:,}"
            yield RecordError(source.name, record.line, reason)
            continue
        claim = Query(record.record_id, record.text, record.fields)
        refused = refusal(claim)
        yield claim if refused is None else RecordError(source.name, record.line, refused)
    yield from bad
