"""Evidence of one side, or of both: the pieces that support a claim, or refute it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from claimhound.data.labelled_sets.stances import Side
from claimhound.pipeline.search.results import ClaimEvidence, ClaimSummary


def of_sides(answer: ClaimEvidence, sides: Collection[Side], k: int) -> ClaimEvidence:
    """Return the answer with the first k pieces that its summary lists for each of the sides.

    The pieces keep their ranks and their order. A note names a side for which there is none. They are not the whole
    evidence, so the claim is called NOT_ENOUGH_INFO. Raises ValueError for an answer without a summary.
    """
    if answer.summary is None:
        raise ValueError("only an answer with a summary has sides")
    supports = answer.summary.supports[:k] if "SUPPORTS" in sides else ()
    refutes = answer.summary.refutes[:k] if "REFUTES" in sides else ()
    notes = answer.notes
    for side, verb, found in (("SUPPORTS", "supports", supports), ("REFUTES", "refutes", refutes)):
        if side in sides and answer.evidence and not found:
            notes += (f"No piece of evidence among the first {len(answer.evidence):,} {verb} the claim.",)
    shown = tuple(hit for hit in answer.evidence if hit.document.doc_id in {*supports, *refutes})
    return replace(answer, evidence=shown, notes=notes, summary=ClaimSummary("NOT_ENOUGH_INFO", supports, refutes))
