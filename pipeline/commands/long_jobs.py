"""Start, progress and interruption of long jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from claimhound.data.disk.atomic import require_writable
from claimhound.data.progress import Progress
from claimhound.pipeline.commands.output import say
from claimhound.pipeline.commands.progress_display import progress_display


@contextmanager
def if_interrupted(cure: str) -> Iterator[None]:
    """Add to an interruption's message the state it leaves behind, or how to resume."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(cure) from interrupt


@contextmanager
def long_job(unit: str, cure: str) -> Iterator[Progress]:
    """Yield a progress display that counts in `unit`, such as `documents`; an interruption prints `cure`."""
    with if_interrupted(cure), progress_display(unit, say) as advance:
        yield advance


def require_folder_for(output: Path | None) -> None:
    """Raise InputError before the work starts if its output file cannot be written."""
    if output is not None:
        require_writable(output)
