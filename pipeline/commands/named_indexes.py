"""`--index [NAME=]DIR` of commands that serve several indexes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

indexes_option = click.option(
    "--index",
    "indexes",
    metavar="[NAME=]DIR",
    multiple=True,
    required=True,
    help="Folder of an index, and the name that clients know it by; repeatable.  [default name: the folder's]",
)


def named_indexes(items: Sequence[str]) -> list[tuple[str, Path]]:
    """Return names and folders. Raises click.UsageError for an item that is neither, and for a name given twice."""
    named = [_named(item) for item in items]
    if len({name for name, _ in named}) < len(named):
        raise click.UsageError("two indexes have the same name; name them with --index NAME=DIR")
    return named


def _named(item: str) -> tuple[str, Path]:
    """Return name and folder; a folder whose own name has an equals sign is written NAME=DIR."""
    name, equals, folder = item.partition("=")
    if not equals:
        return Path(item).absolute().name, Path(item)
    if not name or not folder or "/" in name:
        raise click.BadParameter(f"{item!r} is neither DIR nor NAME=DIR", param_hint="--index")
    return name, Path(folder)
