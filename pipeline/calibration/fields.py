"""Fields: indexes with their judged claims, to which one blend is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.splits import without_claims
from claimhound.data.records import Qrels, Query
from claimhound.pipeline.evaluation.judged import Finding, JudgedClaims, judged_claims, unknown_documents
from claimhound.pipeline.search.evidence import EvidencePipeline


@dataclass(frozen=True)
class JudgedField:
    """A pipeline over the index of one field, and claims with judgments of its documents.

    The ids of claims and documents may be those of another field. `name` is for people.
    """

    name: str
    pipeline: EvidencePipeline
    claims: Sequence[Query]
    qrels: Qrels


@dataclass(frozen=True)
class FieldClaims:
    """The claims of a field that count, and how many were left out as excluded."""

    judged: JudgedClaims
    n_excluded: int


def claims_of_fields(fields: Sequence[JudgedField], excluded_claims: Sequence[str]) -> list[FieldClaims]:
    """Return the judged claims of each field, without those excluded.

    Where there are several fields, findings and errors begin with the field's name. Raises InputError for a field
    without judged claims, and for one whose index has none of the relevant documents: its judgments would be of another
    corpus, or of whole documents where the index has sentences, and every hit would count as irrelevant.
    """
    return [_claims_of(field, excluded_claims, f"{field.name}: " if len(fields) > 1 else "") for field in fields]


def _claims_of(field: JudgedField, excluded_claims: Sequence[str], prefix: str) -> FieldClaims:
    used, excluded = without_claims(field.claims, excluded_claims, lambda claim: claim.text)
    try:
        judged = judged_claims(used, field.qrels)
        held = field.pipeline.index.positions_of(sorted({doc_id for _, doc_id in judged.relevant()}))
        found = (*judged.findings, *unknown_documents(judged, held))
    except InputError as error:
        raise InputError(f"{prefix}{error}") from error
    findings = tuple(Finding(finding.kind, f"{prefix}{finding.text}", finding.items) for finding in found)
    return FieldClaims(replace(judged, findings=findings), len(excluded))
