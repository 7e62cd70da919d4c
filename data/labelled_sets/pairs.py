"""Pairs of a claim and a piece of evidence, each labelled relevant or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from claimhound.data.errors import InputError, RecordError
from claimhound.data.formats.fields import FieldNames, Record, find_fields, first_name, missing_field, usable_id
from claimhound.data.formats.raw_record import RawRecord, json_kind
from claimhound.data.formats.sources import STDIN, Source, locate
from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.texts import read_records
from claimhound.data.records import Json
from claimhound.data.rejects import OnError, rejecter

CLAIM_NAMES = ("claim", "claim_text", "query", "question", "statement", "hypothesis", "sentence1")
EVIDENCE_NAMES = ("evidence", "text", "passage", "document", "sentence", "premise", "sentence2")
LABEL_NAMES = ("label", "relevant", "relevance", "score")
ID_NAMES = ("pair_id", "_id", "id")
PAIRS_FILE = "pairs.jsonl"

_RELEVANT = frozenset(("1", "true"))
_OTHER = frozenset(("0", "false"))


class JudgedPair(NamedTuple):
    """A claim, a text, and whether the text is relevant to the claim; `pair_id` need not be unique."""

    pair_id: str
    query: str
    text: str
    relevant: bool


def read_pairs(
    source: str | Path,
    *,
    claim_field: str | None = None,
    evidence_field: str | None = None,
    label_field: str | None = None,
    positive: Sequence[str] = (),
    reading: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    on_error: OnError = "stop",
    skipped: list[RecordError] | None = None,
    notices: Notices | None = None,
) -> list[JudgedPair]:
    """Return the pairs of a source, in order.

    Sources are those of `read_documents` except plain text, which has no fields; `-` is JSON Lines on standard input
    unless `reading` names a format, and a folder contains `pairs.jsonl`. The claim is `claim_field`, or the first of
    `claim`, `query`, `sentence1` and others; the text is `evidence_field`, or the first of `evidence`, `text`,
    `sentence2` and others; the label is `label_field`, or the first of `label`, `relevant`, `relevance` and `score`.
    Names match in any case. The id is the first of `pair_id`, `_id` and `id`, or `<file stem>:<line>`.

    A label is 1, 0, true or false, as a JSON value or as a text. With `positive`, it is any text, number, true or
    false: exactly the labels in `positive` are relevant, and all others are not.

    A bad record (a missing or blank claim or text, another label, no usable id) raises RecordError, or with
    `on_error="skip"` is left out and its error appended to `skipped`. Raises InputError if no pair is left, and for a
    label in `positive` that no pair has.
    """
    if str(source) == STDIN and reading.input_format is None:
        reading = replace(reading, input_format="jsonl")
    located = locate(source, reading, folder_file=PAIRS_FILE)
    if located.format in ("text", "catalogue"):
        raise InputError(f"{located.name}: has no fields for claim, evidence and label; write JSONL, CSV or Parquet")
    claims, texts = (
        FieldNames(id=(), text=names if given is None else (given,))
        for names, given in ((CLAIM_NAMES, claim_field), (EVIDENCE_NAMES, evidence_field))
    )
    labels = LABEL_NAMES if label_field is None else (label_field,)
    reject = rejecter(on_error, skipped)
    records = read_records([located], claims, reject, part="queries", notices=notices)
    pairs: list[JudgedPair] = []
    seen: dict[str, None] = {}
    for record in records:
        try:
            pair_id, text, label = _parts(record, texts, labels)
            relevant = label in positive if positive else _is_relevant(record, label)
        except RecordError as error:
            reject(error)
            continue
        seen.setdefault(label)
        pairs.append(JudgedPair(pair_id, record.text, text, relevant))
    if not pairs:
        raise InputError(f"{located.name}: contains no usable pair")
    missing = [label for label in positive if label not in seen]
    if missing:
        raise InputError(f"{located.name}: no pair has the label {missing[0]!r}; the labels are {_some(list(seen))}")
    return pairs


def _parts(record: Record, texts: FieldNames, labels: tuple[str, ...]) -> tuple[str, str, str]:
    """Return the pair's id, its text and its label."""
    source, line, record_id, claim, others = record
    # with the claim: errors list it among the fields
    fields: dict[str, Json] = {CLAIM_NAMES[0]: claim, **others}
    id_name = first_name(ID_NAMES, others)
    pair_id = record_id if id_name is None else usable_id(source, line, others[id_name], id_name)
    text = find_fields(source, RawRecord(line, record_id, dict(fields)), texts).text
    label_name = first_name(labels, fields)
    if label_name is None:
        raise RecordError(source.name, line, missing_field(labels, fields))
    return pair_id, text, _label(source, line, fields[label_name], label_name)


def _label(source: Source, line: int, value: Json, name: str) -> str:
    """Return the label as a stripped text: 1 and 1.0 as `1`, true as `true`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise RecordError(source.name, line, f"the label in field {name!r} is {json_kind(value)}")
    stripped = value.strip()
    if not stripped:
        raise RecordError(source.name, line, f"the label in field {name!r} is blank")
    # pandas writes a column of numbers with gaps like this
    return {"1.0": "1", "0.0": "0"}.get(stripped, stripped)


def _is_relevant(record: Record, label: str) -> bool:
    folded = label.lower()
    if folded not in _RELEVANT | _OTHER:
        raise RecordError(
            record.source.name,
            record.line,
            f"the label is {label!r}, not 1, 0, true or false; name the relevant labels with --positive",
        )
    return folded in _RELEVANT


def _some(labels: Sequence[str], n: int = 8) -> str:
    return ", ".join(labels[:n]) + (", …" if len(labels) > n else "")
