"""Progress of a long job: a bar on a terminal, a line every 30 seconds in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from claimhound.data.progress import Progress

_SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def progress_display(
    unit: str, say: Callable[[str], None], *, every_s: float = _SECONDS_BETWEEN_LINES
) -> Iterator[Progress]:
    """Yield a progress display on standard error: on a terminal a bar that disappears at the end, otherwise lines.

    `unit` names the items, such as `documents`; `say` prints a line, at most one in `every_s` seconds.
    """
    if sys.stderr is not None and sys.stderr.isatty():
        with _bar(unit) as advance:
            yield advance
    else:
        yield ProgressLines(unit, say, every_s=every_s).advance


class ProgressLines:
    """Prints progress at most once in `every_s` seconds, and not before that: short jobs stay silent."""

    def __init__(
        self,
        unit: str,
        say: Callable[[str], None],
        *,
        every_s: float = _SECONDS_BETWEEN_LINES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` returns seconds."""
        self._unit = unit
        self._say = say
        self._every_s = every_s
        self._clock = clock
        self._phase = ""
        self._last_s = clock()
        self._last_done = 0

    def advance(self, phase: str, done: int, total: int | None, note: str = "") -> None:
        """Implement `Progress`."""
        if phase != self._phase:
            self._phase = phase
            self._last_done = 0
        now = self._clock()
        if now - self._last_s < self._every_s:
            return
        line = f"{phase}: {done:,} {self._unit}"
        if total:
            line = f"{phase}: {done:,} of {total:,} {self._unit} ({done / total:.0%})"
            # The pace since the last line: what a resumed job reuses is done at once.
            pace = (done - self._last_done) / (now - self._last_s)
            if 0 < done < total and pace > 0:
                line += f", {pace_text(pace)} a second, about {duration((total - done) / pace)} left"
        self._say(f"{line}, {note}" if note else line)
        self._last_s = now
        self._last_done = done


def pace_text(per_second: float) -> str:
    """Return a pace with two significant digits, or as a whole number from 10 on."""
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.2g}"


def duration(seconds: float) -> str:
    """Return a duration in minutes, or in hours from 90 minutes on."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "a minute"
    return f"{minutes} min" if minutes < 90 else f"{seconds / 3600:.1f} h"


@contextmanager
def _bar(unit: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[pace]}{task.fields[note]}"),
        console=Console(stderr=True, highlight=False),
        transient=True,
    )
    task = bar.add_task("", total=None, pace="", note="")

    def advance(phase: str, done: int, total: int | None, note: str = "") -> None:
        # Start with the first progress, so that messages about loading models come before the bar.
        bar.start()
        speed = bar.tasks[0].speed
        pace = f" {pace_text(speed)}/s" if speed else ""
        bar.update(task, description=phase, completed=done, total=total, pace=pace, note=f", {note}" if note else "")

    try:
        yield advance
    finally:
        bar.stop()
