"""Options that several commands have, and how options of one kind are made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def combined(*options: Decorator) -> Decorator:
    """Return one decorator for several options, shown in help in this order."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def count_option(name: str, default: int, text: str) -> Decorator:
    """Return an option for a number from 1 on."""
    return click.option(name, default=default, show_default=True, metavar="N", type=click.IntRange(min=1), help=text)


def path_option(flag: str, name: str, metavar: str, text: str, *, required: bool = False) -> Decorator:
    """Return an option for a file or folder, which the command gets as a Path by the name."""
    return click.option(flag, name, metavar=metavar, required=required, type=click.Path(path_type=Path), help=text)


def format_option(*formats: str, text: str) -> Decorator:
    """Return `--format`, whose default is a table; the command gets it as `output_format`."""
    return click.option(
        "--format", "output_format", type=click.Choice(formats), default="table", show_default=True, help=text
    )


def folds_option(text: str) -> Decorator:
    """Return an option for the number of parts in a cross-validation."""
    return click.option("--folds", default=5, show_default=True, metavar="N", type=click.IntRange(min=2), help=text)


def seed_option(text: str, default: int = 0) -> Decorator:
    """Return an option for the seed of what the text says is drawn."""
    return click.option(
        "--seed", default=default, show_default=True, metavar="N", type=click.IntRange(min=0), help=text
    )


index_option = path_option("--index", "index_dir", "DIR", "Folder of the index.", required=True)
on_error_option = click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="A bad record ends the command, or is left out, counted and listed.",
)
adaptive_options = combined(
    click.option(
        "--adaptive-k", is_flag=True, help="Show fewer than k where their probability falls far below the best one's."
    ),
    click.option(
        "--min-score",
        metavar="P",
        type=click.FloatRange(0, 1),
        help="Leave out evidence of a lower probability than P.",
    ),
)
no_fold_option = click.option(
    "--no-fold",
    is_flag=True,
    help="Show near-copies each by itself, not as one piece of evidence that names its copies.",
)
