"""Names of labelled sets on the command line: `KIND:PATH[+LABEL...][@N]`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from claimhound.data.errors import InputError
from claimhound.data.formats.sources import HUB_PREFIX


class SourceName(NamedTuple):
    """The parts of a name; `limit` is the number of claims to draw, None for all."""

    kind: str
    path: Path
    labels: tuple[str, ...] = ()
    limit: int | None = None


def parse_source_name(text: str, kinds: Collection[str], *, labelled: Collection[str] = ()) -> SourceName:
    """Return the parts of `KIND:PATH[+LABEL...][@N]`, where KIND is one of `kinds`.

    PATH is a file, a folder, or `hf:NAME[@CONFIG][:SPLIT]`. A path that exists is never split, so it may contain @ and
    +. Only the kinds in `labelled` take labels.

    Raises InputError for an unknown kind, a missing file, an N that is not a number from 1, and unexpected labels.
    """
    kind, _, path = text.partition(":")
    if kind not in kinds or not path:
        raise InputError(f"{text!r}: not a labelled set; write KIND:PATH, where KIND is one of {', '.join(kinds)}")
    limit = None
    before, at, number = path.rpartition("@")
    is_config = path.startswith(HUB_PREFIX) and not number.isdecimal()
    if at and "/" not in number and not is_config and not Path(path).exists():
        if not number.isdecimal() or int(number) < 1:
            raise InputError(f"{text!r}: @ must be followed by the number of claims to draw, not {number!r}")
        path, limit = before, int(number)
    labels: list[str] = []
    if not Path(path).exists():
        folder, slash, name = path.rpartition("/")
        name, *labels = name.split("+")
        path = folder + slash + name
    if not path.startswith(HUB_PREFIX) and not Path(path).exists():
        raise InputError(f"{path}: no such file or folder")
    if labels and (kind not in labelled or not all(labels)):
        takers = f"only {' and '.join(labelled)} take" if labelled else "these kinds take no"
        raise InputError(f"{text!r}: {takers} labels (+LABEL for each relevant one)")
    return SourceName(kind, Path(path), tuple(labels), limit)
