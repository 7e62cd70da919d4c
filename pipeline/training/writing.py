"""What a disk that takes no more says, whichever library was writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from claimhound.data.errors import InputError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failure to write a model or a checkpoint into an InputError that says what is kept."""
    from safetensors import SafetensorError

    try:
        yield
    # torch says RuntimeError where a file cannot be written to its end.
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(
            f"{path}: cannot be written ({reason}); the checkpoints before it are kept: make room and run the same "
            "command again"
        ) from error
