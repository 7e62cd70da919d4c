"""What a disk that takes no more says, whichever library was writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from claimhound.data.errors import InputError, first_line


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failure to write a model or a checkpoint into an InputError that says what is kept."""
    from safetensors import SafetensorError

    try:
        yield
    # torch says RuntimeError where a file cannot be written to its end.
    except (OSError, RuntimeError, SafetensorError) as error:
        raise InputError(
            f"{path}: cannot be written ({first_line(error)}); the checkpoints before it are kept: "
            "make room and run the same command again"
        ) from error
