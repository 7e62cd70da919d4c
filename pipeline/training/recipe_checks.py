"""What every recipe refuses, in the same words."""

from __future__ import annotations

from typing import Any

from claimhound.data.errors import InputError
from claimhound.pipeline.training.precision import PRECISIONS


def require_at_least(recipe: Any, minimum: int, *names: str) -> None:
    """Raise InputError for a field below the minimum."""
    for name in names:
        if getattr(recipe, name) < minimum:
            raise InputError(f"{name} must be at least {minimum}, not {getattr(recipe, name)}")


def require_above_zero(recipe: Any, *names: str) -> None:
    """Raise InputError for a field that is not above 0."""
    for name in names:
        if not getattr(recipe, name) > 0:
            raise InputError(f"{name} must be above 0, not {getattr(recipe, name)}")


def require_share(recipe: Any, *names: str) -> None:
    """Raise InputError for a field outside [0, 1)."""
    for name in names:
        if not 0 <= getattr(recipe, name) < 1:
            raise InputError(f"{name} must lie in [0, 1), not {getattr(recipe, name)}")


def require_precision(precision: str) -> None:
    """Raise InputError for a precision that is not known."""
    if precision not in PRECISIONS:
        raise InputError(f"precision must be auto, bf16, fp16 or fp32, not {precision!r}")
