"""Claims typed as an argument, or one per line on standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from claimhound.data.errors import InputError
from claimhound.pipeline.commands.output import say

STDIN = "-"


def require_stdin() -> None:
    """Raise InputError if standard input is closed."""
    if sys.stdin is None:
        raise InputError("standard input is closed; give it one claim per line")


def claims_on_stdin() -> Iterator[str]:
    """Yield the lines of an open standard input as they come, and report blank lines and lines that are not UTF-8.

    Raises InputError at the end, when all other claims are answered, if there was no claim or one was not UTF-8.
    """
    if sys.stdin.isatty():
        say("type one claim per line; Ctrl-D ends")
    n_claims = n_bad = 0
    for number, raw in enumerate(sys.stdin.buffer, start=1):
        try:
            claim = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError as error:
            say(f"stdin:{number}: not UTF-8 (byte 0x{error.object[error.start]:02x}), skipped")
            n_bad += 1
            continue
        if not claim:
            say(f"stdin:{number}: blank, skipped")
            continue
        n_claims += 1
        yield claim
    if n_bad:
        raise InputError(f"standard input: {n_bad:,} of {n_claims + n_bad:,} claims not answered")
    if not n_claims:
        raise InputError("standard input holds no claims; give it one claim per line")


def as_utf8(argument: str) -> str:
    """Return an argument as typed, even if the locale could not decode its bytes."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        try:
            return os.fsencode(argument).decode()
        except UnicodeError as error:
            raise InputError("the claim is not UTF-8; set the terminal to UTF-8") from error
    return argument


def is_file(claim: str) -> bool:
    """Return whether a claim is the name of a file, which probably holds claims."""
    try:
        return Path(claim).is_file()
    except (OSError, ValueError):  # too long for a file name, or with a null character
        return False
