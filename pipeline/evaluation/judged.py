"""Which claims and judgments count, and what of them does not fit together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from claimhound.data.errors import InputError
from claimhound.data.records import Document, Qrels, Query, Run
from claimhound.indexes.memory import MemoryIndex
from claimhound.indexes.snapshot import IndexSnapshot


@dataclass(frozen=True)
class Finding:
    """Something about the input that a reader of the figures should know: what it is, for whom it holds.

    `kind` is its name for programs; `items` are ids, or pairs of ids as `claim/document`.
    """

    kind: str
    text: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class JudgedClaims:
    """The claims to be measured, in their order, and the judgments of exactly these; each has a relevant one."""

    claims: tuple[Query, ...]
    qrels: Qrels
    findings: tuple[Finding, ...]

    @property
    def query_ids(self) -> tuple[str, ...]:
        """The ids, in order."""
        return tuple(claim.query_id for claim in self.claims)

    def relevant(self) -> list[tuple[Query, str]]:
        """Return each relevant pair of claim and document id, in order."""
        return [
            (claim, doc_id)
            for claim in self.claims
            for doc_id, grade in self.qrels[claim.query_id].items()
            if grade > 0
        ]


def judged_claims(claims: Sequence[Query] | None, qrels: Qrels) -> JudgedClaims:
    """Return the claims that have a relevant judgment, and findings on what does not fit; without claims all judged.

    A claim of which nothing is judged relevant has no recall; trec_eval would count it as 0 for every system. Raises
    InputError where no claim is left.
    """
    given = [Query(query_id, "") for query_id in qrels] if claims is None else list(claims)
    ids = {claim.query_id for claim in given}
    fruitful = {query_id for query_id, grades in qrels.items() if any(grade > 0 for grade in grades.values())}
    counted = tuple(claim for claim in given if claim.query_id in fruitful)
    if not counted:
        raise InputError(
            f"none of the {len(given)} claims has a relevant judgment; do claims and qrels share their ids?"
        )
    kept = {claim.query_id: qrels[claim.query_id] for claim in counted}
    negative = (
        f"{query_id}/{doc_id}" for query_id, grades in kept.items() for doc_id, grade in grades.items() if grade < 0
    )
    unjudged = (claim.query_id for claim in given if not qrels.get(claim.query_id))
    fruitless = (claim.query_id for claim in given if qrels.get(claim.query_id) and claim.query_id not in fruitful)
    absent = sorted(query_id for query_id, grades in qrels.items() if grades and query_id not in ids)
    findings = (
        Finding("unjudged_claims", "claims without a judgment, not counted", tuple(unjudged)),
        Finding("absent_claims", "judged claims that are not among the claims, not counted", tuple(absent)),
        Finding("fruitless_claims", "claims of which nothing is judged relevant, not counted", tuple(fruitless)),
        Finding("negative_grades", "judgments with a negative grade, taken as not relevant", tuple(negative)),
    )
    return JudgedClaims(counted, kept, tuple(finding for finding in findings if finding.items))


def unknown_documents(judged: JudgedClaims, held: Iterable[str]) -> tuple[Finding, ...]:
    """Return a finding on relevant documents that are not among those that an index holds, none if all are.

    Raises InputError where the index holds none of them.
    """
    relevant = {doc_id for _, doc_id in judged.relevant()}
    missing = tuple(sorted(relevant - set(held)))
    if len(missing) == len(relevant):
        raise InputError(
            f"the index holds none of the {len(relevant):,} relevant documents ({', '.join(missing[:3])}, …); "
            "do qrels and index share their ids?"
        )
    text = "relevant documents that are not in the index, counted as not found"
    return (Finding("unknown_documents", text, missing),) if missing else ()


def run_findings(name: str, run: Run, judged: JudgedClaims) -> tuple[Finding, ...]:
    """Return findings on how a run fits the judged claims.

    Raises InputError where the two share no claim.
    """
    missing = tuple(query_id for query_id in judged.query_ids if not run.get(query_id))
    if len(missing) == len(judged.claims):
        raise InputError(
            f"{name}: has no hits for any of the {len(judged.claims)} judged claims; do they share their ids?"
        )
    spare = tuple(query_id for query_id in run if query_id not in judged.qrels)
    findings = (
        Finding("claims_without_hits", f"judged claims for which {name} has no hits, counted as 0", missing),
        Finding("spare_claims", f"claims of {name} without a judgment, not counted", spare),
    )
    return tuple(finding for finding in findings if finding.items)


def held_documents(index: IndexSnapshot | MemoryIndex, doc_ids: Iterable[str]) -> dict[str, Document]:
    """Return those of the documents that an index holds, by id."""
    held = sorted(index.positions_of(sorted(set(doc_ids))))
    return dict(zip(held, index.documents(held), strict=True))
