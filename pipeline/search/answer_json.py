"""Answers as JSON: the object that `search --format json` prints and annotations consist of."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping

from claimhound.data.records import Document, Json
from claimhound.pipeline.search.results import ClaimEvidence, Evidence

ANSWER_SCHEMA = 1
"""Value of the key `schema` of every answer: raised when a key changes its meaning or is removed, not for new keys."""

# Readers limit the depth of a record's fields; an index built before they did may contain deeper ones.
_DEEPEST = 100
_TOO_DEEP = "(nested too deeply to be shown)"
# JSON may contain these as they are, but some readers end a line at some of them, and terminals obey others.
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def as_record(answer: ClaimEvidence) -> dict[str, Json]:
    """Return the answer as a JSON object; NaN and infinities become null."""
    return {
        "schema": ANSWER_SCHEMA,
        "claim": answer.claim,
        "evidence": [_hit_record(hit) for hit in answer.evidence],
        "summary": None
        if answer.summary is None
        else {
            "label": answer.summary.label,
            "supports": list(answer.summary.supports),
            "refutes": list(answer.summary.refutes),
        },
        "nothing_relevant": answer.nothing_relevant,
        "notes": list(answer.notes),
        "index": finite(answer.index),
        "models": finite(answer.models),
        "timings_ms": finite(dict(answer.timings_ms)),
    }


def _hit_record(hit: Evidence) -> dict[str, Json]:
    document = hit.document
    record: dict[str, Json] = {
        "rank": hit.rank,
        "doc_id": document.doc_id,
        "text": document.text,
        "title": document.title,
        "source": document.source,
        "url": document.url,
        "date": document.date,
        "fields": finite(document.fields),
        "score": finite(hit.score),
        "truncated": hit.truncated,
        "stages": {
            name: None if place is None else {"rank": place.rank, "score": finite(place.score)}
            for name, place in hit.stages.items()
        },
        "stance": None
        if hit.stance is None
        else {
            "label": hit.stance.label,
            "probabilities": {name: finite(value) for name, value in hit.stance.probabilities.items()},
            "truncated": hit.stance.truncated,
        },
        "n_copies": hit.n_copies,
        "copies": [_copy_record(document, copy) for copy in hit.copies],
    }
    if document.parent_id is not None and document.span is not None:
        record["parent_id"] = document.parent_id
        record["span"] = list(document.span)
    if hit.before or hit.after:
        record["context"] = {"before": _texts(hit.before), "after": _texts(hit.after)}
    return record


def _copy_record(document: Document, copy: Document) -> dict[str, Json]:
    """Return the origin of a copy, and its text if that differs from the text shown."""
    record: dict[str, Json] = {
        "doc_id": copy.doc_id,
        "title": copy.title,
        "source": copy.source,
        "url": copy.url,
        "date": copy.date,
    }
    if copy.text != document.text:
        record["text"] = copy.text
    return record


def _texts(documents: Iterable[Document]) -> list[Json]:
    return [{"doc_id": document.doc_id, "text": document.text} for document in documents]


def finite(value: Json, depth: int = 0) -> Json:
    """Return the value as valid JSON: null for NaN and infinities, a message for values nested too deeply.

    The limit keeps this, and the JSON writer, which fails at a thousand levels, from a RecursionError.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict | list) and depth == _DEEPEST:
        return _TOO_DEEP
    if isinstance(value, dict):
        return {name: finite(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [finite(item, depth + 1) for item in value]
    return value


def as_json(answer: ClaimEvidence, *, indent: int | None = 2) -> str:
    """Return the answer as JSON text, in one line if `indent` is None."""
    return _json_text(as_record(answer), indent)


def json_line(record: Mapping[str, Json]) -> str:
    """Return an object as JSON in one line, without characters that some readers take for a line break."""
    return _json_text(record, None)


def _json_text(record: Mapping[str, Json], indent: int | None) -> str:
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, indent=indent)
    return _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
