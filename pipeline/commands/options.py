"""Options of several commands, and factories for options of one kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def combined(*options: Decorator) -> Decorator:
    """Return one decorator for several options, in the order they are shown in."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def bundled(name: str, kind: type[DataclassInstance], *options: Decorator, **fixed: Any) -> Decorator:
    """Return one decorator for the options; the command receives them as one dataclass, `kind`, under `name`.

    `fixed` are values of fields that have no option.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def with_bundle(*args: Any, **values: Any) -> None:
            given = {item.name: values.pop(item.name) for item in fields(kind) if item.name in values.keys() - fixed}
            command(*args, **{name: kind(**given, **fixed)}, **values)

        return combined(*options)(with_bundle)

    return decorate


def count_option(name: str, default: int, text: str) -> Decorator:
    """Return an option for a number, at least 1."""
    return click.option(name, default=default, show_default=True, metavar="N", type=click.IntRange(min=1), help=text)


def path_option(flag: str, name: str, metavar: str, text: str, *, required: bool = False) -> Decorator:
    """Return an option for a file or folder, which the command receives as a Path under `name`."""
    return click.option(flag, name, metavar=metavar, required=required, type=click.Path(path_type=Path), help=text)


def format_option(*formats: str, text: str) -> Decorator:
    """Return `--format`, which defaults to a table; the command receives it as `output_format`."""
    return click.option(
        "--format", "output_format", type=click.Choice(formats), default="table", show_default=True, help=text
    )


def folds_option(text: str) -> Decorator:
    """Return an option for the number of folds of a cross-validation."""
    return click.option("--folds", default=5, show_default=True, metavar="N", type=click.IntRange(min=2), help=text)


def seed_option(text: str, default: int = 0) -> Decorator:
    """Return an option for a random seed; `text` says what it is used for."""
    return click.option(
        "--seed", default=default, show_default=True, metavar="N", type=click.IntRange(min=0), help=text
    )


index_option = path_option("--index", "index_dir", "DIR", "Folder of the index.", required=True)
on_error_option = click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="Stop at a bad record, or skip it and list it at the end.",
)
adaptive_options = combined(
    click.option("--adaptive-k", is_flag=True, help="Show fewer than k if probabilities fall far below the best."),
    click.option(
        "--min-score",
        metavar="P",
        type=click.FloatRange(0, 1),
        help="Leave out evidence with a probability below P.",
    ),
)
no_fold_option = click.option(
    "--no-fold",
    is_flag=True,
    help="Show near-copies separately instead of folding them into one piece of evidence.",
)
