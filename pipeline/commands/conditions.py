"""Options that restrict which documents may be evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claimhound.pipeline.commands.options import combined

if TYPE_CHECKING:
    from claimhound.indexes.conditions import Conditions

condition_options = combined(
    click.option("--before", metavar="DATE", help="Only use documents from before DATE (YYYY, YYYY-MM or YYYY-MM-DD)."),
    click.option(
        "--where", multiple=True, metavar="FIELD=VALUE", help="Only use documents with this value; repeatable."
    ),
)


def chosen_conditions(before: str | None, where: tuple[str, ...]) -> Conditions:
    """Return the conditions. Raises click.BadParameter for an invalid date or an item that is not FIELD=VALUE."""
    from claimhound.data.dates import iso_day
    from claimhound.indexes.conditions import Conditions

    if before is not None and iso_day(before) is None:
        raise click.BadParameter(f"{before!r} is not a date (YYYY, YYYY-MM or YYYY-MM-DD)", param_hint="--before")
    pairs: list[tuple[str, str]] = []
    for item in where:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{item!r} is not FIELD=VALUE", param_hint="--where")
        pairs.append((name, value))
    return Conditions(before, tuple(pairs))
