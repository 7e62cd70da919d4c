"""Stance of a claim's evidence as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from claimhound.data.labelled_sets.stances import STANCES, Stance
from claimhound.pipeline.search.results import ClaimSummary, Evidence, EvidenceStance, Verdict


def stance_of(probabilities: Sequence[float], truncated: bool = False) -> EvidenceStance:
    """Return the stance given three probabilities in the order of STANCES."""
    named = {stance: float(value) for stance, value in zip(STANCES, probabilities, strict=True)}
    likeliest = [stance for stance, value in named.items() if value == max(named.values())]
    label: Stance = likeliest[0] if len(likeliest) == 1 else "NOT_ENOUGH_INFO"
    return EvidenceStance(label, named, bool(truncated))


def _counts_as(hit: Evidence, min_stance: float, min_relevance: float) -> Stance:
    """Return SUPPORTS if a piece of evidence counts for its claim, REFUTES if against, otherwise NOT_ENOUGH_INFO.

    It counts if its label is one of the first two with a probability of at least `min_stance`, and its probability of
    relevance is at least `min_relevance`. Without a reranker there is no such probability, and all evidence counts.
    """
    if hit.stance is None or hit.stance.probabilities[hit.stance.label] < min_stance:
        return "NOT_ENOUGH_INFO"
    if hit.stages.get("rerank") is not None and hit.score < min_relevance:
        return "NOT_ENOUGH_INFO"
    return hit.stance.label


def summarize(evidence: Sequence[Evidence], *, min_stance: float, min_relevance: float) -> ClaimSummary:
    """Return SUPPORTS if evidence counts for the claim and none against it, REFUTES in the opposite case.

    With both it is DISPUTED, with neither NOT_ENOUGH_INFO. One piece is enough: there is no majority vote. A piece
    counts if its stance has a probability of at least `min_stance` and its relevance, where a reranker scored it, one
    of at least `min_relevance`. The documents that count are listed by rank.
    """
    stances = [_counts_as(hit, min_stance, min_relevance) for hit in evidence]
    supports, refutes = (
        tuple(hit.document.doc_id for hit, counted in zip(evidence, stances, strict=True) if counted == side)
        for side in ("SUPPORTS", "REFUTES")
    )
    label: Verdict = "NOT_ENOUGH_INFO"
    if supports or refutes:
        label = "DISPUTED" if supports and refutes else "SUPPORTS" if supports else "REFUTES"
    return ClaimSummary(label, supports, refutes)
