"""Bad records: stop at the first one, or collect them and continue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from claimhound.data.errors import RecordError

OnError: TypeAlias = Literal["stop", "skip"]

Reject: TypeAlias = Callable[[RecordError], None]
"""Called with each bad record; if it returns, the reader leaves the record out and continues."""


def rejecter(on_error: OnError, skipped: list[RecordError] | None = None) -> Reject:
    """Return a Reject that raises (`stop`), or that appends to `skipped` if given (`skip`).

    Raises ValueError for any other `on_error`.
    """
    if on_error == "stop":
        return _stop
    if on_error == "skip":
        return _ignore if skipped is None else skipped.append
    raise ValueError(f"on_error must be 'stop' or 'skip', not {on_error!r}")


def _stop(error: RecordError) -> None:
    raise error


def _ignore(error: RecordError) -> None:
    """Leave the record out: the caller asked to skip, without a list."""
