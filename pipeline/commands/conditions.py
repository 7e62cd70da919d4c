"""The options that say which documents may be evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claimhound.pipeline.commands.options import combined

if TYPE_CHECKING:
    from claimhound.indexes.conditions import Conditions

condition_options = combined(
    click.option("--before", metavar="DATE", help="Only documents dated before DATE (YYYY, YYYY-MM or YYYY-MM-DD)."),
    click.option(
        "--where", multiple=True, metavar="FIELD=VALUE", help="Only documents with that value; may be repeated."
    ),
)


def chosen_conditions(before: str | None, where: tuple[str, ...]) -> Conditions:
    """Return what the options ask for. Raises a usage error for a date that is none, and for what is no FIELD=VALUE."""
    from claimhound.data.dates import iso_day
    from claimhound.indexes.conditions import Conditions

    if before is not None and iso_day(before) is None:
        raise click.BadParameter(f"{before!r} is no date (YYYY, YYYY-MM or YYYY-MM-DD)", param_hint="--before")
    pairs: list[tuple[str, str]] = []
    for item in where:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{item!r} is not FIELD=VALUE", param_hint="--where")
        pairs.append((name, value))
    return Conditions(before, tuple(pairs))
