"""Answers read back from the JSON that `answer_json` writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from claimhound.data.errors import InputError
from claimhound.data.records import Document, Json
from claimhound.pipeline.search.answer_json import ANSWER_SCHEMA
from claimhound.pipeline.search.results import ClaimEvidence, ClaimSummary, Evidence, EvidenceStance, StageScore

_NAN = float("nan")


def read_answer(record: Json) -> ClaimEvidence:
    """Return the answer of a JSON object, so that `as_record` of it is that object again.

    Raises InputError for another schema, and for what is not an answer.
    """
    if not isinstance(record, dict) or "schema" not in record:
        raise InputError("is not an answer of claimhound")
    if record["schema"] != ANSWER_SCHEMA:
        raise InputError(
            f"the answer has schema {record['schema']!r}, and this version reads {ANSWER_SCHEMA}; "
            "both sides need versions of claimhound with the same schema"
        )
    try:
        return _answer(record)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"is not an answer of schema {ANSWER_SCHEMA} ({error})") from error


def _answer(record: Mapping[str, Any]) -> ClaimEvidence:
    summary = record["summary"]
    return ClaimEvidence(
        claim=_of(str, record, "claim"),
        evidence=tuple(_hit(hit) for hit in _of(list, record, "evidence")),
        notes=tuple(_texts(record, "notes")),
        index=_of(dict, record, "index"),
        models=_of(dict, record, "models"),
        timings_ms={name: _number(value) for name, value in _of(dict, record, "timings_ms").items()},
        summary=None
        if summary is None
        else ClaimSummary(
            record["summary"]["label"], tuple(_texts(summary, "supports")), tuple(_texts(summary, "refutes"))
        ),
        nothing_relevant=record["nothing_relevant"],
    )


def _hit(record: Mapping[str, Any]) -> Evidence:
    document = _document(record, _of(str, record, "text"))
    stance = record["stance"]
    context = record.get("context", {"before": [], "after": []})
    return Evidence(
        rank=_of(int, record, "rank"),
        document=document,
        score=_number(record["score"]),
        truncated=_of(bool, record, "truncated"),
        stages={
            name: None if place is None else StageScore(_of(int, place, "rank"), _number(place["score"]))
            for name, place in _of(dict, record, "stages").items()
        },
        before=_context(context, "before"),
        after=_context(context, "after"),
        stance=None
        if stance is None
        else EvidenceStance(
            stance["label"],
            {name: _number(value) for name, value in _of(dict, stance, "probabilities").items()},
            _of(bool, stance, "truncated"),
        ),
        # A copy has a text of its own only if that differs.
        copies=tuple(_document(copy, copy.get("text", document.text)) for copy in _of(list, record, "copies")),
        n_copies=_of(int, record, "n_copies"),
    )


def _document(record: Mapping[str, Any], text: str) -> Document:
    span = record.get("span")
    origin = {name: record[name] for name in ("title", "source", "url", "date")}
    for name, value in {**origin, "text": text}.items():
        if not isinstance(value, str | None):
            raise TypeError(f"{name} is not a text")
    return Document(
        doc_id=_of(str, record, "doc_id"),
        text=text,
        **origin,
        fields=record.get("fields", {}),
        parent_id=record.get("parent_id"),
        span=None if span is None else (span[0], span[1]),
    )


def _context(record: Mapping[str, Any], side: str) -> tuple[Document, ...]:
    return tuple(Document(_of(str, one, "doc_id"), _of(str, one, "text")) for one in _of(list, record, side))


def _of(kind: type, record: Mapping[str, Any], name: str) -> Any:
    value = record[name]
    if not isinstance(value, kind):
        raise TypeError(f"{name} is not of type {kind.__name__}")
    return value


def _texts(record: Mapping[str, Any], name: str) -> list[str]:
    texts: list[str] = _of(list, record, name)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{name} is not a list of texts")
    return texts


def _number(value: float | None) -> float:
    """Return a number; JSON has null for NaN and infinities."""
    if value is None:
        return _NAN
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return value
