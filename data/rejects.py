"""What happens to a bad record: it stops the reading, or it is put on a list and the reading goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from claimhound.data.errors import RecordError

OnError: TypeAlias = Literal["stop", "skip"]

Reject: TypeAlias = Callable[[RecordError], None]
"""Readers call it with each bad record; when it returns, they leave that record out and go on."""


def rejecter(on_error: OnError, skipped: list[RecordError] | None = None) -> Reject:
    """Return what raises its argument (`stop`) or appends it to `skipped`, if given (`skip`).

    Raises ValueError for any other word.
    """
    if on_error == "stop":
        return _stop
    if on_error == "skip":
        return _ignore if skipped is None else skipped.append
    raise ValueError(f"on_error is 'stop' or 'skip', not {on_error!r}")


def _stop(error: RecordError) -> None:
    raise error


def _ignore(error: RecordError) -> None:
    """Leave the record out; the caller asked for `skip` and for no list."""
