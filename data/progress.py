"""How far a long job is: one protocol for every job, and loops that report to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Receives how far a job is."""

    def __call__(self, phase: str, done: int, total: int | None, note: str = "") -> None:
        """Receive how many items of a phase are done, how many there are if that is known, and a note for people."""


def silent(phase: str, done: int, total: int | None, note: str = "") -> None:
    """Show nothing: the default of every job."""


def batches(
    items: Sequence[T], size: int, phase: str = "", on_progress: Progress = silent, *, done: int = 0
) -> Iterator[Sequence[T]]:
    """Yield the items in runs of `size`; each run is reported as done when the next one is asked for.

    `done` items of the same phase came before these, for a job that resumes.
    """
    total = done + len(items)
    for start in range(0, len(items), size):
        batch = items[start : start + size]
        yield batch
        on_progress(phase, done + start + len(batch), total)
