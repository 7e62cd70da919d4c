"""One error for failed writes of any library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from claimhound.data.errors import InputError, first_line


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failure to write a model or checkpoint into an InputError that says what is kept."""
    from safetensors import SafetensorError

    try:
        yield
    # torch raises RuntimeError when a file cannot be written completely.
    except (OSError, RuntimeError, SafetensorError) as error:
        raise InputError(
            f"{path}: cannot be written ({first_line(error)}); earlier checkpoints are kept: "
            "free some space and run the same command again"
        ) from error
