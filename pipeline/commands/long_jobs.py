"""How a long job begins, shows its progress and is interrupted."""

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
    """Have an interruption say what state it leaves behind."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(cure) from interrupt


@contextmanager
def long_job(unit: str, cure: str) -> Iterator[Progress]:
    """Yield what shows a job's progress in a unit, as in `documents`; an interruption says the cure."""
    with if_interrupted(cure), progress_display(unit, say) as advance:
        yield advance


def require_folder_for(output: Path | None) -> None:
    """Raise InputError where a file cannot be written: before the work, not after it."""
    if output is not None:
        require_writable(output)
