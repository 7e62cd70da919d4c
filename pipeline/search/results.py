"""Results of a search: stage rankings, evidence and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from claimhound.data.labelled_sets.stances import Stance, Verdict
from claimhound.data.records import Document, Json, Ranking

STAGES = ("bm25", "dense", "fused", "rerank")
MOST_COPIES = 100
"""Largest number of copies that a piece of evidence names."""


class StageScore(NamedTuple):
    """A hit's rank at a stage (from 1) and its score; higher is better."""

    rank: int
    score: float


class EvidenceStance(NamedTuple):
    """The stance of a piece of evidence: the likeliest of STANCES, and the probability of each; they sum to 1.

    In a tie the label is NOT_ENOUGH_INFO. `truncated` means that claim and evidence together were too long for the
    stance model and were cut.
    """

    label: Stance
    probabilities: dict[Stance, float]
    truncated: bool = False


class ClaimSummary(NamedTuple):
    """The stance of a claim's evidence as a whole, and the ids of the documents that point for and against it.

    The label needs more than one that points: see `summarize`.
    """

    label: Verdict
    supports: tuple[str, ...]
    refutes: tuple[str, ...]


@dataclass(frozen=True)
class Evidence:
    """One piece of evidence for a claim.

    `score` is the probability of relevance if a reranker ran, otherwise the score of the last stage. `stages` has an
    entry for each of STAGES, None if that stage did not find the hit. `truncated` means that claim and evidence
    together were too long for the reranker and were cut. `stance` is None if no stance model ran.

    `copies` are the first MOST_COPIES of the `n_copies` near-copies found that this piece stands for, best rank first;
    its score at each stage is the best of theirs.
    """

    rank: int
    document: Document
    score: float
    truncated: bool
    stages: dict[str, StageScore | None]
    before: tuple[Document, ...] = ()
    after: tuple[Document, ...] = ()
    stance: EvidenceStance | None = None
    copies: tuple[Document, ...] = ()
    n_copies: int = 0


@dataclass(frozen=True)
class StageRankings:
    """Every stage's whole ranking for one claim, for evaluation; None for a stage that did not run.

    `rerank` has all documents of the fused list: those below `rerank_k` keep their order at the end, with negative
    scores unless they read the same as one above. `logits` are the reranker's for the first hits of the fused list, in
    its order; `decides` are the log-odds that these hits decide the claim, if a blend weighs them or they were asked
    for, else empty. `timings_ms` is each stage's wall time, in a batch the claim's equal share.

    `alike` has a shared id for each document that reads the same to the models as another of the list. `copies` are the
    near-copies that each document of a folded list stands for, best rank first. `folded` are the same stages with
    near-copies folded, if requested.
    """

    bm25: Ranking | None
    dense: Ranking | None
    fused: Ranking | None
    rerank: Ranking | None
    truncated: frozenset[str] = frozenset()
    timings_ms: dict[str, float] = field(default_factory=dict, compare=False)
    logits: tuple[float, ...] = ()
    decides: tuple[float, ...] = ()
    alike: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folded: StageRankings | None = None

    @property
    def first_stage(self) -> Ranking:
        """The list that a reranker reads: the fused one, or BM25's if there was no search by vectors."""
        return (self.bm25 if self.fused is None else self.fused) or []

    def final(self) -> Ranking:
        """Return the last stage's ranking."""
        for ranking in (self.rerank, self.fused, self.dense, self.bm25):
            if ranking is not None:
                return ranking
        return []


@dataclass(frozen=True)
class ClaimEvidence:
    """The answer for one claim.

    `notes` are sentences on why there is no evidence, or on how to read it. `timings_ms` is each stage's wall
    time, in a batch the claim's equal share. `summary` is None if no stance model ran. `nothing_relevant` means that
    the nearest document is as far away as for claims without any evidence; None if no threshold is known.
    """

    claim: str
    evidence: tuple[Evidence, ...]
    notes: tuple[str, ...] = ()
    index: dict[str, Json] = field(default_factory=dict)
    models: dict[str, Json] = field(default_factory=dict)
    timings_ms: dict[str, float] = field(default_factory=dict)
    summary: ClaimSummary | None = None
    nothing_relevant: bool | None = None

    @property
    def has_probabilities(self) -> bool:
        """Whether the scores are probabilities of relevance."""
        return any(hit.stages.get("rerank") is not None for hit in self.evidence)
