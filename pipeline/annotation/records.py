"""JSON records of a job, one for each claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from claimhound.data.errors import RecordError
from claimhound.data.records import Json, Query
from claimhound.pipeline.annotation.known import KnownClaim
from claimhound.pipeline.search.answer_json import ANSWER_SCHEMA, as_record
from claimhound.pipeline.search.results import ClaimEvidence

_OF_THE_CLAIM = ("id", "claim", "fields")


def claim_record(
    claim: Query, answer: ClaimEvidence, known: Sequence[KnownClaim] | None = None, *, before: str | None = None
) -> dict[str, Json]:
    """Return the JSON of `search --format json` with the claim's own id and fields first, and without timings.

    `known` adds the nearest claims that were already checked, and `before` the day that the evidence is older than.
    """
    found = as_record(answer)
    del found["timings_ms"]  # they differ between runs, and a job must give the same bytes each time
    if before is not None:
        found = {"before": before, **found}
    if known is not None:
        found["known"] = [item.as_record() for item in known]
    return record_for(claim, found)


def record_for(claim: Query, found: Mapping[str, Json]) -> dict[str, Json]:
    """Return the record of `claim`, given that of another claim with the same text."""
    others = {name: value for name, value in found.items() if name not in _OF_THE_CLAIM}
    return {"id": claim.query_id, "claim": claim.text, "fields": claim.fields, **others}


def record_from(record: Mapping[str, Json], index: Mapping[str, Json], models: Mapping[str, Json]) -> dict[str, Json]:
    """Return the record with the current places of index and models, which may have moved since it was made."""
    return {"schema": ANSWER_SCHEMA, **record, "index": dict(index), "models": dict(models)}


def bad_record(error: RecordError) -> dict[str, Json]:
    """Return the JSON record of a bad record."""
    return {"source": error.source, "line": error.line, "reason": error.reason}
