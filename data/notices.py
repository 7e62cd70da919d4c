"""Notices of readers: how a source was read, and what was left out and how often."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class _Counted:
    n: int
    line: int
    example: str


class Notices:
    """Collects notices about sources, each once, in the order of their first occurrence.

    Readers call `say` and `count`; commands print `lines` at the end. A notice never stops the reading. Bad records are
    not notices but errors, and go to `Reject`.
    """

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], _Counted | None] = {}

    def say(self, source: str, text: str) -> None:
        """Add a notice about a whole source, such as how it was read."""
        self._said.setdefault((source, text))

    def count(self, source: str, what: str, line: int, example: str = "") -> None:
        """Count an event in a line; the line and the example of the first one are shown."""
        counted = self._said.get((source, what))
        if counted is None:
            self._said[source, what] = _Counted(1, line, example)
        else:
            counted.n += 1

    def counted(self, what: str) -> int:
        """Return how often an event was counted, over all sources."""
        return sum(entry.n for (_, name), entry in self._said.items() if name == what and entry is not None)

    def lines(self) -> list[str]:
        """Return a line for each notice, such as `corpus.csv: blank rows left out: 2 (the first in line 7)`."""
        return [
            f"{source}: {what}" if entry is None else f"{source}: {what}: {entry.n:,} (the first in {_place(entry)})"
            for (source, what), entry in self._said.items()
        ]


def _place(entry: _Counted) -> str:
    return f"line {entry.line:,}, {entry.example}" if entry.example else f"line {entry.line:,}"
