"""Hand-made answers, for tests of how answers are written."""

from __future__ import annotations

from dataclasses import replace

from claimhound.data.records import Document
from claimhound.pipeline.search.results import ClaimEvidence, ClaimSummary, Evidence, EvidenceStance, StageScore
from claimhound.pipeline.search.summary import stance_of

SEA = Document(
    "sea-1",
    "Sea level rose by 20 centimetres between 1901 and 2018.",
    title="Sea level",
    source="Climate notes",
    date="2021-08-09",
)
HIT = Evidence(
    rank=1,
    document=SEA,
    score=0.934,
    truncated=False,
    stages={
        "bm25": StageScore(2, 7.25),
        "dense": None,
        "fused": StageScore(1, 0.0164),
        "rerank": StageScore(1, 0.934),
    },
)
ANSWER = ClaimEvidence(
    "The seas rise.",
    (HIT,),
    index={"path": "ix", "generation": 1, "n_docs": 3},
    models={"encoder": "E", "reranker": "R"},
    timings_ms={"encode": 6.4, "rerank": 40.0},
)

POINTING = EvidenceStance("REFUTES", {"SUPPORTS": 0.042, "REFUTES": 0.951, "NOT_ENOUGH_INFO": 0.007})
OTHER = replace(HIT, rank=2, document=Document("sea-2", "The sea is blue."), stance=stance_of((0.2, 0.2, 0.6)))
POINTED = replace(
    ANSWER,
    evidence=(replace(HIT, stance=POINTING), OTHER),
    summary=ClaimSummary("REFUTES", (), ("sea-1",)),
)
COPIES = (
    Document("wire-1", f"{SEA.text} (AP)", source="Paper 1", date="2020-01-02", url="https://one.example/a"),
    Document("wire-2", SEA.text, title="Seas rise"),
)
HOSTILE = "\x1b]0;title\x07 [red]x[/red] :smile: \u202e reversed \x9b31m"


def with_document(document: Document, **changes: object) -> ClaimEvidence:
    return replace(ANSWER, evidence=(replace(HIT, document=document, **changes),))
