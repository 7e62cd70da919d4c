"""The precisions of a converted model: what was measured of each, and which one to use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from claimhound.pipeline.serving.agreement import Agreement

ConvertedPrecision: TypeAlias = Literal["bf16", "int8", "f32"]

PREFERRED: tuple[ConvertedPrecision, ...] = ("bf16", "int8", "f32")
"""bfloat16 is accurate, but fast only with matrix units; int8 is close, and fast without them; float32 is exact."""
# As a share of the fastest speed: a slower precision is worth it for better agreement.
_FAST_ENOUGH = 0.8
FAR = "far from float32"
"""Added to the name of a precision that was forced although it does not agree with float32."""


class Candidate(NamedTuple):
    """The measurements of one precision.

    `rate` is in batches per second, comparable only among a model's candidates; it is None if the precision cannot run
    here because of `failure`. `agreement` is None if it is too slow to be worth comparing.
    """

    precision: ConvertedPrecision
    rate: float | None = None
    agreement: Agreement | None = None
    failure: str | None = None

    @property
    def agrees(self) -> bool:
        """Whether it was measured to agree with float32."""
        return self.agreement is not None and self.agreement.suffices


def choose(candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the first of `PREFERRED` that agrees and has 0.8 of the speed of the fastest that agrees.

    None if no precision agrees.
    """
    agreeing = [one for one in candidates if one.agrees and one.rate is not None]
    fastest = max((one.rate or 0.0 for one in agreeing), default=0.0)
    ordered = sorted(agreeing, key=lambda one: PREFERRED.index(one.precision))
    return next((one for one in ordered if (one.rate or 0.0) >= _FAST_ENOUGH * fastest), None)
