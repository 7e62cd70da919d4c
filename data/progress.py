"""Progress of long jobs: one protocol, and batches that report to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """A callback for the progress of a job."""

    def __call__(self, phase: str, done: int, total: int | None, note: str = "") -> None:
        """Receive the number of items done in a phase, their total if known, and a human-readable note."""


def silent(phase: str, done: int, total: int | None, note: str = "") -> None:
    """Show nothing: the default of every job."""


def batches(
    items: Sequence[T], size: int, phase: str = "", on_progress: Progress = silent, *, done: int = 0
) -> Iterator[Sequence[T]]:
    """Yield the items in batches of `size`; each is reported as done when the next one is requested.

    `done` is the number of items of the phase that an earlier run finished.
    """
    total = done + len(items)
    for start in range(0, len(items), size):
        batch = items[start : start + size]
        yield batch
        on_progress(phase, done + start + len(batch), total)
