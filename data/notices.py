"""What readers notice that stops nothing: how something was read, what was left out, each with its number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class _Counted:
    n: int
    line: int
    example: str


class Notices:
    """Collects what there is to tell of sources, each thing once, in the order in which it came up first.

    Readers call `say` and `count`; commands print `lines` when all is read. What is noticed stops nothing and loses
    nothing that was asked for: a bad record is an error, and goes to `Reject`.
    """

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], _Counted | None] = {}

    def say(self, source: str, text: str) -> None:
        """Tell something of a source as a whole: how it was read."""
        self._said.setdefault((source, text))

    def count(self, source: str, what: str, line: int, example: str = "") -> None:
        """Count a thing that happens line by line; the first one's line and example are shown."""
        counted = self._said.get((source, what))
        if counted is None:
            self._said[source, what] = _Counted(1, line, example)
        else:
            counted.n += 1

    def counted(self, what: str) -> int:
        """Return how often a thing happened, in all sources."""
        return sum(entry.n for (_, name), entry in self._said.items() if name == what and entry is not None)

    def lines(self) -> list[str]:
        """Return a line for each thing, as in `corpus.csv: blank rows left out: 2 (the first in line 7)`."""
        return [
            f"{source}: {what}" if entry is None else f"{source}: {what}: {entry.n:,} (the first in {_place(entry)})"
            for (source, what), entry in self._said.items()
        ]


def _place(entry: _Counted) -> str:
    return f"line {entry.line:,}, {entry.example}" if entry.example else f"line {entry.line:,}"
