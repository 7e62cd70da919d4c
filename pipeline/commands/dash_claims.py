"""Claims on the command line that begin with a dash."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click


class ClaimCommand(click.Command):
    """A command whose claim may begin with a dash, as options do.

    Words with white space, and a dash with a number, are claims. A single word is ambiguous: it is read as an option,
    and the error shows how to pass it as a claim.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words, with claims that begin with a dash moved behind a `--`."""
        named = {name: option for option in self.params for name in option.opts if isinstance(option, click.Option)}
        words: list[str] = []
        claims: list[str] = []
        has_claim = False
        rest = iter(args)
        for word in rest:
            if word == "--":
                claims += rest
            elif word in named:
                words += [word, *_value(named[word], rest)]
            elif word.startswith("-") and word != "-" and not _begins_option(word, named):
                claims.append(word)
            else:
                words.append(word)
                has_claim = has_claim or not word.startswith("-") or word == "-"
        try:
            return super().parse_args(ctx, [*words, "--", *claims] if claims else [*words])
        except click.NoSuchOption as error:
            mistaken = next((word for word in words if word.startswith(error.option_name)), None)
            if has_claim or claims or mistaken is None:
                raise
            others = [word for word in words if word is not mistaken]
            command = shlex.join([*ctx.command_path.split(), *others, "--", mistaken])
            raise click.UsageError(f"{error.format_message()} If it is the claim: {command}", ctx) from error


def _value(option: click.Option, rest: Iterator[str]) -> list[str]:
    """Take the option's value, if it has one, from the words that follow."""
    if option.is_flag or option.count:
        return []
    value = next(rest, None)
    return [] if value is None else [value]


def _begins_option(word: str, named: dict[str, click.Option]) -> bool:
    """Return whether a word with a dash may be an option: it starts with a known one, or is a single word."""
    if word.startswith("--"):
        name, _, _ = word.partition("=")
        return name in named or not any(char.isspace() for char in word)
    letter, value = word[:2], word[2:].strip()
    if letter in named and not named[letter].is_flag and value.lstrip("=").isdecimal():
        return True
    return not any(char.isspace() for char in word) and not word[1].isdecimal()
