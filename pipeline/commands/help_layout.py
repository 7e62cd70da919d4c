"""Layout of `--help`: commands in groups, and options that stay readable in a narrow terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import click

_HYPHEN, _UNBREAKABLE_HYPHEN = "-", "\u2011"
_WIDEST_NAME = 30
_UNCUT = 1_000


class _Formatter(click.HelpFormatter):
    """Gives names at most a third of the width, and breaks no line at a hyphen: `--k` and `YYYY-MM` stay whole."""

    def write_text(self, text: str) -> None:
        super().write_text(text.replace(_HYPHEN, _UNBREAKABLE_HYPHEN))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = _WIDEST_NAME, col_spacing: int = 2) -> None:
        unbreakable = [(name, text.replace(_HYPHEN, _UNBREAKABLE_HYPHEN)) for name, text in rows]
        super().write_dl(unbreakable, min(col_max, self.width // 3), col_spacing)

    def getvalue(self) -> str:
        return super().getvalue().replace(_UNBREAKABLE_HYPHEN, _HYPHEN)


class _Context(click.Context):
    formatter_class = _Formatter


class CommandGroups(click.Group):
    """A command whose subcommands are shown in named groups, in their order."""

    context_class = _Context

    def __init__(self, *args: object, groups: Mapping[str, Sequence[click.Command]], **kwargs: object) -> None:
        """`groups` are the subcommands by the heading they are shown under."""
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._groups = groups
        for command in (command for group in groups.values() for command in group):
            self.add_command(command)
            _lay_out(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's)
        """Write a section for each group."""
        widest = max(len(name) for name in self.commands)
        for heading, commands in self._groups.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [(f"{command.name:<{widest}}", command.get_short_help_str(_UNCUT)) for command in commands]
                )


def _lay_out(command: click.Command) -> None:
    """Have a command and its subcommands use this layout."""
    command.context_class = _Context
    if isinstance(command, click.Group):
        for child in command.commands.values():
            _lay_out(child)
