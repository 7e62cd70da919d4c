"""What a job says of one claim, as a JSON object."""

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
    """Return what `search --format json` prints, with the claim's own id and fields in front and without the timings.

    With `known`, also the claims nearest to it that were already checked, and with `before` the day from before which
    the evidence is.
    """
    found = as_record(answer)
    del found["timings_ms"]  # no run's are those of another, and the same job is to give the same bytes
    if before is not None:
        found = {"before": before, **found}
    if known is not None:
        found["known"] = [item.as_record() for item in known]
    return record_for(claim, found)


def record_for(claim: Query, found: Mapping[str, Json]) -> dict[str, Json]:
    """Return the record of another claim of the same text, turned into that of `claim`."""
    others = {name: value for name, value in found.items() if name not in _OF_THE_CLAIM}
    return {"id": claim.query_id, "claim": claim.text, "fields": claim.fields, **others}


def record_from(record: Mapping[str, Json], index: Mapping[str, Json], models: Mapping[str, Json]) -> dict[str, Json]:
    """Return the record with what is said of index and models, which may have been elsewhere when it was made."""
    return {"schema": ANSWER_SCHEMA, **record, "index": dict(index), "models": dict(models)}


def bad_record(error: RecordError) -> dict[str, Json]:
    """Return what is told of a record that is no claim."""
    return {"source": error.source, "line": error.line, "reason": error.reason}
