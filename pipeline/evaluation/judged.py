"""Claims and judgments that count, and findings about mismatches between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.judged_claims import Level
from claimhound.data.labelled_sets.judgments import Judgments, read_judgments
from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.claims import read_claims
from claimhound.data.records import Document, Qrels, Query, Run
from claimhound.indexes.memory import MemoryIndex
from claimhound.indexes.snapshot import IndexSnapshot


def read_judged(
    claims: str | Path | None,
    qrels: str | Path | None,
    reading: ReadOptions,
    *,
    level: Level = "document",
    on_notice: Callable[[str], None],
) -> tuple[list[Query] | None, Judgments]:
    """Return the claims, if a file is named, and the judgments, which are in that file or in one of their own.

    `reading` applies to the claims, and to the judgments unless they are in another file than the claims. Each notice
    of the readers is passed on once.
    """
    notices = [Notices(), Notices()]  # one file may be read for both
    of_judgments = ReadOptions(label_names=reading.label_names) if claims and qrels else reading
    queries = None if claims is None else list(read_claims(claims, reading, notices=notices[0]))
    found = read_judgments(qrels or claims or "", of_judgments, level=level, notices=notices[1])
    for line in dict.fromkeys(line for noticed in notices for line in noticed.lines()):
        on_notice(line)
    return queries, found


@dataclass(frozen=True)
class Finding:
    """Something about the input that a reader of the figures should know, and the items it applies to.

    `kind` is its name for programs; `items` are ids, or pairs of ids as `claim/document`.
    """

    kind: str
    text: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class JudgedClaims:
    """The claims to measure, in order, and their judgments; each claim has a relevant document."""

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
    """Return the claims that have a relevant judgment, with findings about the rest; without claims, all judged ones.

    A claim without a relevant judgment has no recall; trec_eval would count it as 0 for every system. Raises InputError
    if no claim is left.
    """
    given = [Query(query_id, "") for query_id in qrels] if claims is None else list(claims)
    ids = {claim.query_id for claim in given}
    fruitful = {query_id for query_id, grades in qrels.items() if any(grade > 0 for grade in grades.values())}
    counted = tuple(claim for claim in given if claim.query_id in fruitful)
    if not counted:
        raise InputError(
            f"none of the {len(given)} claims has a relevant judgment; do claims and qrels use the same ids?"
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
        Finding("fruitless_claims", "claims without a relevant judgment, not counted", tuple(fruitless)),
        Finding("negative_grades", "judgments with a negative grade, counted as not relevant", tuple(negative)),
    )
    return JudgedClaims(counted, kept, tuple(finding for finding in findings if finding.items))


def unknown_documents(judged: JudgedClaims, held: Iterable[str]) -> tuple[Finding, ...]:
    """Return a finding about relevant documents that are not among those held by an index, or no finding.

    Raises InputError if the index holds none of them.
    """
    relevant = {doc_id for _, doc_id in judged.relevant()}
    missing = tuple(sorted(relevant - set(held)))
    if len(missing) == len(relevant):
        raise InputError(
            f"the index holds none of the {len(relevant):,} relevant documents ({', '.join(missing[:3])}, …); "
            "do qrels and index use the same ids?"
        )
    text = "relevant documents that are not in the index, counted as not found"
    return (Finding("unknown_documents", text, missing),) if missing else ()


def run_findings(name: str, run: Run, judged: JudgedClaims) -> tuple[Finding, ...]:
    """Return findings about how a run fits the judged claims.

    Raises InputError if they have no claim in common.
    """
    missing = tuple(query_id for query_id in judged.query_ids if not run.get(query_id))
    if len(missing) == len(judged.claims):
        raise InputError(
            f"{name}: has no hits for any of the {len(judged.claims)} judged claims; do they use the same ids?"
        )
    spare = tuple(query_id for query_id in run if query_id not in judged.qrels)
    findings = (
        Finding("claims_without_hits", f"judged claims for which {name} has no hits, counted as 0", missing),
        Finding("spare_claims", f"claims of {name} without a judgment, not counted", spare),
    )
    return tuple(finding for finding in findings if finding.items)


def held_documents(index: IndexSnapshot | MemoryIndex, doc_ids: Iterable[str]) -> dict[str, Document]:
    """Return the documents that the index holds, by id."""
    held = sorted(index.positions_of(sorted(set(doc_ids))))
    return dict(zip(held, index.documents(held), strict=True))
