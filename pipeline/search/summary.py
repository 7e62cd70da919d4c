"""Which way a claim's evidence points as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from claimhound.data.labelled_sets.stances import STANCES, Stance
from claimhound.pipeline.search.results import ClaimSummary, Evidence, EvidenceStance, Verdict


def stance_of(probabilities: Sequence[float], truncated: bool = False) -> EvidenceStance:
    """Return the stance for three probabilities in the order of STANCES."""
    named = {stance: float(value) for stance, value in zip(STANCES, probabilities, strict=True)}
    likeliest = [stance for stance, value in named.items() if value == max(named.values())]
    label: Stance = likeliest[0] if len(likeliest) == 1 else "NOT_ENOUGH_INFO"
    return EvidenceStance(label, named, bool(truncated))


def _counts_as(hit: Evidence, *, min_stance: float = 0.5, min_relevance: float = 0.05) -> Stance:
    """Return SUPPORTS for a piece of evidence that counts for its claim, REFUTES for one against, else NOT_ENOUGH_INFO.

    It counts when its label is one of the first two with a probability of at least `min_stance`, and it is relevant
    with one of at least `min_relevance`; where no reranker gave a probability of relevance, whatever was found counts.
    """
    if hit.stance is None or hit.stance.probabilities[hit.stance.label] < min_stance:
        return "NOT_ENOUGH_INFO"
    if hit.stages.get("rerank") is not None and hit.score < min_relevance:
        return "NOT_ENOUGH_INFO"
    return hit.stance.label


def summarize(evidence: Sequence[Evidence], *, min_stance: float = 0.5, min_relevance: float = 0.05) -> ClaimSummary:
    """Return SUPPORTS where some evidence counts for the claim and none against, REFUTES where it is the other way.

    DISPUTED where both is there, NOT_ENOUGH_INFO where neither is. One piece is enough: evidence is not outvoted. What
    counts is said by `_counts_as`; its documents are named in the order of their ranks.
    """
    stances = [_counts_as(hit, min_stance=min_stance, min_relevance=min_relevance) for hit in evidence]
    supports, refutes = (
        tuple(hit.document.doc_id for hit, counted in zip(evidence, stances, strict=True) if counted == side)
        for side in ("SUPPORTS", "REFUTES")
    )
    label: Verdict = "NOT_ENOUGH_INFO"
    if supports or refutes:
        label = "DISPUTED" if supports and refutes else "SUPPORTS" if supports else "REFUTES"
    return ClaimSummary(label, supports, refutes)
