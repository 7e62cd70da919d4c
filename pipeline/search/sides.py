"""Evidence of one side, or of both: the pieces that support a claim, or refute it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from claimhound.data.labelled_sets.stances import SIDES, Side
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.results import ClaimEvidence, ClaimSummary
from claimhound.pipeline.search.summary import points_to

_VERBS = {"SUPPORTS": "supports", "REFUTES": "refutes"}


def of_sides(answer: ClaimEvidence, sides: Collection[Side], k: int, config: PipelineConfig) -> ClaimEvidence:
    """Return the answer with the first k pieces that point to each of the sides, see `points_to`.

    The pieces keep their ranks and their order. A note names a side to which none of them points. They are not the
    whole evidence, so the claim is called NOT_ENOUGH_INFO.
    """
    pointing = [
        points_to(hit, min_stance=config.min_stance, min_relevance=config.min_relevance) for hit in answer.evidence
    ]
    kept: set[int] = set()
    notes = answer.notes
    for side in filter(sides.__contains__, SIDES):
        found = [hit.rank for hit, pointed in zip(answer.evidence, pointing, strict=True) if pointed == side]
        kept.update(found[:k])
        if answer.evidence and not found:
            notes += (f"No piece of evidence among the first {len(answer.evidence):,} {_VERBS[side]} the claim.",)
    shown = [(hit, side) for hit, side in zip(answer.evidence, pointing, strict=True) if hit.rank in kept]
    supports, refutes = (tuple(hit.document.doc_id for hit, pointed in shown if pointed == side) for side in SIDES)
    summary = ClaimSummary("NOT_ENOUGH_INFO", supports, refutes)
    return replace(answer, evidence=tuple(hit for hit, _ in shown), notes=notes, summary=summary)
