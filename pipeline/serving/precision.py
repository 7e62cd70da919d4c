"""Which precision a model is served in on this machine: what was measured of each, and the rule that chooses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from claimhound.pipeline.serving.agreement import Agreement

ConvertedPrecision: TypeAlias = Literal["bf16", "int8", "f32"]

PREFERRED: tuple[ConvertedPrecision, ...] = ("bf16", "int8", "f32")
"""bfloat16 is exact enough wherever it is fast; int8 is near, and fast without matrix units; float32 is right."""
FAST_ENOUGH = 0.8
"""Of the fastest precision that agrees: a difference that is worth a better agreement."""


FAR = "far from float32"
"""Said of a precision that was forced and does not agree, wherever it is named."""


class Candidate(NamedTuple):
    """What was measured of one precision.

    `rate` is in batches a second, to be compared with the other candidates' only; None if it cannot run here, for which
    `failure` is the reason. `agreement` is None for what is too slow to be served whatever it agrees with.
    """

    precision: ConvertedPrecision
    rate: float | None = None
    agreement: Agreement | None = None
    failure: str | None = None

    @property
    def agrees(self) -> bool:
        """Tell whether it was measured to stand for float32."""
        return self.agreement is not None and self.agreement.suffices


def choose(candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the first in the order of `PREFERRED` that agrees and runs at `FAST_ENOUGH` of the fastest that agrees.

    None if none agrees.
    """
    agreeing = [one for one in candidates if one.agrees and one.rate is not None]
    fastest = max((one.rate or 0.0 for one in agreeing), default=0.0)
    ordered = sorted(agreeing, key=lambda one: PREFERRED.index(one.precision))
    return next((one for one in ordered if (one.rate or 0.0) >= FAST_ENOUGH * fastest), None)
