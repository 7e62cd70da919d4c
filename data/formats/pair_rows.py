"""Tables with one piece of evidence per row, as SciFact and FEVER on the Hub: the rows of a claim are joined."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from claimhound.data.errors import RecordError
from claimhound.data.formats.raw_record import RawRecord
from claimhound.data.formats.sources import Source
from claimhound.data.records import Json
from claimhound.data.rejects import Reject

Fields: TypeAlias = dict[str, Json]

# A row may have an id of its own in addition to its claim's.
_ID_NAMES = ("claim_id", "query_id", "qid", "_id", "id")
_TEXT_NAMES = ("claim", "claim_text", "text", "query", "statement")
_GRADE_NAMES = ("score", "grade", "relevance", "rel")
_OF_EVIDENCE = ("evidence", "article", "entropy", "votes")
_SCIFACT_NAMES = ("evidence_doc_id", "evidence_label", "evidence_sentences")
_FEVER_NAMES = ("evidence_annotation_id", "evidence_id", "evidence_wiki_url", "evidence_sentence_id")


def joined_pairs(source: Source, raws: Iterator[RawRecord], reject: Reject) -> Iterator[RawRecord]:
    """Yield the records, but join rows of a claim and one piece of its evidence to claims, which come at the end.

    The rows of one claim have its id and may be anywhere. They become a claim in the nested form of its data set, which
    `claim_judgments` reads; its line is that of its first row. Three kinds of rows are recognised by their fields:

    - `evidence_doc_id` or `evidence_sentences`, as in SciFact; a blank document means a claim without evidence;
    - `evidence_wiki_url` or `evidence_annotation_id`, as in FEVER; rows with one annotation and evidence id are a set;
    - `evidence_id` and `evidence_label`, as in CLIMATE-FEVER, without a grade, which tables of judgments have.

    A claim's id is the first of `claim_id`, `query_id`, `qid`, `_id` and `id`; any other of these belongs to the row
    and goes with the evidence. So do fields of the third kind in which the rows differ; for the other kinds the claim
    gets a list of all values. Rejects a row whose claim text differs from the first row with the same id. A row without
    an id is passed on.
    """
    claims: dict[tuple[str, str], list[_Row]] = {}
    for raw in raws:
        kind = _kind_of(raw)
        query_id = None if kind is None or isinstance(raw.value, str) else _first(raw.value, _ID_NAMES)
        if kind is None or query_id is None:
            yield raw
            continue
        row = _Row(raw.line, raw.value if isinstance(raw.value, dict) else {})
        first = claims.setdefault((kind, str(query_id).strip()), [row])[0]
        if first is row:
            continue
        if _text(first.fields) == _text(row.fields):
            claims[kind, str(query_id).strip()].append(row)
        else:
            reason = f"claim {str(query_id)!r} has a different text here than at {source.name}:{first.line}"
            reject(RecordError(source.name, raw.line, reason))
    for (kind, _), rows in claims.items():
        try:
            claim = _JOINS[kind](source, rows)
        except RecordError as error:
            reject(error)
            continue
        yield RawRecord(rows[0].line, None, claim)


class _Row(NamedTuple):
    line: int
    fields: Fields


def _kind_of(raw: RawRecord) -> str | None:
    """Return the key in `_JOINS` for a row with one piece of evidence, None for any other record."""
    fields = raw.value
    if isinstance(fields, str) or raw.key is not None or isinstance(fields.get("evidence"), dict | list):
        return None
    if "evidence_doc_id" in fields or "evidence_sentences" in fields:
        return "scifact"
    if "evidence_wiki_url" in fields or "evidence_annotation_id" in fields:
        return "fever"
    is_labelled = "evidence_id" in fields and "evidence_label" in fields and "evidences" not in fields
    return "climate_fever" if is_labelled and not any(name in fields for name in _GRADE_NAMES) else None


def _first(fields: Fields, names: Sequence[str]) -> Json:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _text(fields: Fields) -> str:
    return " ".join(str(_first(fields, _TEXT_NAMES)).split())


def _of_claim(rows: Sequence[_Row], of_evidence: Sequence[str]) -> Fields:
    """Return the claim's own fields: one value, or a list of all values if the rows differ."""
    fields: Fields = {}
    for name in dict.fromkeys(name for row in rows for name in row.fields):
        values = [row.fields.get(name) for row in rows]
        is_text = name in _TEXT_NAMES  # whose white space may differ
        if name not in of_evidence and name not in _ids_of_rows(rows[0]):
            fields[name] = values[0] if is_text or all(value == values[0] for value in values) else values
    return fields


def _ids_of_rows(row: _Row) -> list[str]:
    """Return the fields with ids of the row itself."""
    return [name for name in _ID_NAMES if row.fields.get(name) is not None][1:]


def _scifact_claim(source: Source, rows: Sequence[_Row]) -> Fields:
    claim = _of_claim(rows, _SCIFACT_NAMES)
    evidence: dict[str, list[Json]] = {}
    for row in rows:
        doc_id = row.fields.get("evidence_doc_id")
        if doc_id is not None and str(doc_id).strip():
            sentences = _list(source, row, "evidence_sentences")
            rationale: Json = {"sentences": sentences, "label": row.fields.get("evidence_label")}
            evidence.setdefault(str(doc_id).strip(), []).append(rationale)
    cited = _list(source, rows[0], "cited_doc_ids")
    cited += [one for row in rows[1:] for one in _list(source, row, "cited_doc_ids") if one not in cited]
    return claim | {"evidence": {**evidence}} | ({"cited_doc_ids": cited} if cited else {})


def _fever_claim(source: Source, rows: Sequence[_Row]) -> Fields:
    sets: dict[str, list[Json]] = {}
    for row in rows:
        annotation, evidence, page, number = (row.fields.get(name) for name in _FEVER_NAMES)
        page = page if page is None or str(page).strip() else None
        entry: list[Json] = [annotation, evidence, page, None if page is None else _number(source, row, number)]
        sets.setdefault(f"{annotation} {evidence}", []).append(entry)
    return _of_claim(rows, _FEVER_NAMES) | {"evidence": [*sets.values()]}


def _climate_fever_claim(_source: Source, rows: Sequence[_Row]) -> Fields:
    names = dict.fromkeys(name for row in rows for name in row.fields)
    of_evidence = [name for name in names if name.startswith(_OF_EVIDENCE)] + _ids_of_rows(rows[0])
    differing = {
        name
        for name in names
        if name not in (*of_evidence, *_TEXT_NAMES) and len({json.dumps(row.fields.get(name)) for row in rows}) > 1
    }
    evidences: list[Json] = [
        {name: value for name, value in row.fields.items() if name in of_evidence or name in differing} for row in rows
    ]
    return _of_claim(rows, [*of_evidence, *differing]) | {"evidences": evidences}


def _list(source: Source, row: _Row, name: str) -> list[Json]:
    """Return a list; in a CSV file, it is JSON in a cell."""
    value = row.fields.get(name)
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else []
        except ValueError:
            value = None
    elif value is None:
        value = []
    if not isinstance(value, list):
        raise RecordError(source.name, row.line, f"the field {name!r} is not a list such as [5, 6]")
    return [*value]


def _number(source: Source, row: _Row, value: Json) -> Json:
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        return int(value)
    if value is not None and type(value) is not int:
        raise RecordError(source.name, row.line, f"the number of a sentence is {value!r}, not a whole number")
    return value


_JOINS: dict[str, Callable[[Source, Sequence[_Row]], Fields]] = {
    "scifact": _scifact_claim,
    "fever": _fever_claim,
    "climate_fever": _climate_fever_claim,
}
