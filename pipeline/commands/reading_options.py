"""Options for reading files, which commands receive as one `reading`."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import click

from claimhound.data.formats.delimiters import parse_delimiter
from claimhound.data.formats.encodings import require_encoding
from claimhound.data.notices import Notices
from claimhound.data.read_options import DateOrder, InputFormat, ReadOptions
from claimhound.pipeline.commands.options import bundled
from claimhound.pipeline.commands.output import say

LARGE_BAD_SHARE = 0.1
"""Share of bad records from which a warning is printed: the file is probably not in the assumed format."""


def _names(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...]:
    return () if value is None else tuple(name.strip() for name in value.split(","))


def _checked(check: Callable[[str], object]) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Return a callback that turns a ValueError from `check` into a usage error."""

    def callback(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
        if value is not None:
            try:
                check(value)
            except ValueError as error:
                raise click.BadParameter(str(error)) from error
        return value

    return callback


def say_notices(notices: Notices) -> None:
    """Print the readers' notices to standard error, one per line."""
    for line in notices.lines():
        say(line)


_format_options = (
    click.option(
        "--input-format",
        type=click.Choice(get_args(InputFormat)),
        help="Format of the input.  [default: by file name]",
    ),
    click.option(
        "--encoding", metavar="NAME", callback=_checked(require_encoding),
        help="Encoding of the input, such as cp1252.  [default: UTF-8, or by byte order mark]",
    ),
    click.option(
        "--delimiter", metavar="CHAR", callback=_checked(parse_delimiter),
        help="Separator of a table's cells: tab, ; or another character.  [default: detected]",
    ),
    click.option(
        "--columns", metavar="NAMES", callback=_names,
        help="Comma-separated column names of a CSV or TSV file without a header line.",
    ),
)  # fmt: skip
_date_options = (
    click.option("--date-field", metavar="NAME", help="Field with the date.  [default: date, published, …]"),
    click.option(
        "--date-order", type=click.Choice(get_args(DateOrder)),
        help="Order of day and month in 03/04/2021.  [default: such dates are ignored]",
    ),
)  # fmt: skip

document_reading_options = bundled(
    "reading",
    ReadOptions,
    click.option("--text-field", metavar="NAME", help="Field with the text.  [default: text, evidence, sentence, …]"),
    click.option("--id-field", metavar="NAME", help="Field with the id.  [default: _id, id, doc_id, …]"),
    *_date_options,
    *_format_options,
)
claim_reading_options = bundled(
    "reading",
    ReadOptions,
    click.option("--text-field", metavar="NAME", help="Field with the claim.  [default: claim, claim_text, text, …]"),
    click.option("--id-field", metavar="NAME", help="Field with the id.  [default: _id, id, query_id, …]"),
    *_format_options,
)
table_reading_options = bundled("reading", ReadOptions, *_format_options)
