"""The options that say how files are read; commands get them together as `reading`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_args

import click

from claimhound.data.formats.delimiters import parse_delimiter
from claimhound.data.formats.encodings import require_encoding
from claimhound.data.notices import Notices
from claimhound.data.read_options import DateOrder, InputFormat, ReadOptions
from claimhound.pipeline.commands.options import Decorator, combined
from claimhound.pipeline.commands.output import say

LARGE_BAD_SHARE = 0.1
"""From so large a share of bad records on a file is rather not what its reader took it for, which is said loudly."""
_NAMES = tuple(item.name for item in fields(ReadOptions))


def _bundled(*options: Decorator) -> Decorator:
    """Return one decorator for the options; the command gets their values as one ReadOptions, `reading`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_reading(**values: Any) -> None:
            given = {name: values.pop(name) for name in _NAMES if name in values}
            command(reading=ReadOptions(**given), **values)

        return combined(*options)(with_reading)

    return decorate


def _names(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...]:
    return () if value is None else tuple(name.strip() for name in value.split(","))


def _checked(check: Callable[[str], object]) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Return a callback that makes a usage error of the ValueError that a check of the value raises."""

    def callback(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
        if value is not None:
            try:
                check(value)
            except ValueError as error:
                raise click.BadParameter(str(error)) from error
        return value

    return callback


def say_notices(notices: Notices) -> None:
    """Print what readers noticed to standard error, a line each."""
    for line in notices.lines():
        say(line)


_format_options = (
    click.option(
        "--input-format",
        type=click.Choice(get_args(InputFormat)),
        help="Format of what is read.  [default: as its name ends; text on standard input]",
    ),
    click.option(
        "--encoding", metavar="NAME", callback=_checked(require_encoding),
        help="Encoding of what is read, such as cp1252.  [default: UTF-8, or as its byte order mark says]",
    ),
    click.option(
        "--delimiter", metavar="CHAR", callback=_checked(parse_delimiter),
        help="What parts a table's cells: tab, ; or another character.  [default: found]",
    ),
    click.option(
        "--columns", metavar="NAMES", callback=_names,
        help="Columns, with commas, of a CSV or TSV file without a header line.",
    ),
)  # fmt: skip
_date_options = (
    click.option("--date-field", metavar="NAME", help="Field that holds the date.  [default: date, published, …]"),
    click.option(
        "--date-order", type=click.Choice(get_args(DateOrder)),
        help="How 03/04/2021 is meant.  [default: such a date is none]",
    ),
)  # fmt: skip

document_reading_options = _bundled(
    click.option(
        "--text-field", metavar="NAME", help="Field that holds the text.  [default: text, evidence, sentence, …]"
    ),
    click.option("--id-field", metavar="NAME", help="Field that holds the id.  [default: _id, id, doc_id, …]"),
    *_date_options,
    *_format_options,
)
claim_reading_options = _bundled(
    click.option(
        "--text-field", metavar="NAME", help="Field that holds the claim.  [default: claim, claim_text, text, …]"
    ),
    click.option("--id-field", metavar="NAME", help="Field that holds the id.  [default: _id, id, query_id, …]"),
    *_format_options,
)
table_reading_options = _bundled(*_format_options)
