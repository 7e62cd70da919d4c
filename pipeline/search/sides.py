"""Evidence of one side, or of both: the pieces that support a claim, or refute it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from claimhound.data.labelled_sets.stances import SIDES, Side
from claimhound.data.text.wording import counted
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.results import ClaimEvidence
from claimhound.pipeline.search.summary import points_to

_VERBS = {"SUPPORTS": "supports", "REFUTES": "refutes"}


def of_sides(answer: ClaimEvidence, sides: Collection[Side], k: int, config: PipelineConfig) -> ClaimEvidence:
    """Return the answer with the first k pieces that point to each of the sides, see `points_to`, and no summary.

    The pieces keep their ranks and their order. A note names a side to which none of them points.
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
            notes += (
                f"None of the first {counted(len(answer.evidence), 'piece')} of evidence {_VERBS[side]} the claim.",
            )
    evidence = tuple(hit for hit in answer.evidence if hit.rank in kept)
    return replace(answer, evidence=evidence, notes=notes, summary=None)
