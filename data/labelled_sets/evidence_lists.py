"""Claims that list the ids of their evidence: the shape of gold evidence and predictions in a course task."""

from __future__ import annotations

from collections.abc import Sequence

from claimhound.data.errors import RecordError
from claimhound.data.formats.raw_record import json_kind
from claimhound.data.formats.sources import Source
from claimhound.data.records import Json

LISTED_FIELD = "evidences"


def listed_evidence(source: Source, line: int, query_id: str, value: dict[str, Json]) -> list[Json]:
    """Return the claim's `evidences`; raises RecordError if it is missing or not a list."""
    if LISTED_FIELD not in value:
        raise RecordError(source.name, line, f"missing field {LISTED_FIELD!r} in claim {query_id!r}")
    evidences = value[LISTED_FIELD]
    if isinstance(evidences, list):
        return evidences
    reason = f"the field {LISTED_FIELD!r} of claim {query_id!r} is {json_kind(evidences)}, not a list of ids"
    raise RecordError(source.name, line, reason)


def listed_ids(source: Source, line: int, query_id: str, evidences: Sequence[Json]) -> list[str]:
    """Return the ids, stripped; raises RecordError for an id that is neither a text nor a whole number."""
    ids: list[str] = []
    for doc_id in evidences:
        if type(doc_id) is not int and not (isinstance(doc_id, str) and doc_id.strip()):
            reason = f"an id in {LISTED_FIELD!r} of claim {query_id!r} is neither a text nor a whole number"
            raise RecordError(source.name, line, reason)
        ids.append(str(doc_id).strip())
    return ids
