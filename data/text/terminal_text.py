"""Text that is safe to print: it cannot move a terminal's cursor, colour it or reorder text."""

from __future__ import annotations

import unicodedata

# Joiners that scripts and emoji need; every other invisible format character only hides or reorders text.
_JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """Return the text in one line, safe to print on a terminal.

    Line breaks, tabs and other white space become spaces, control characters and lone surrogates are escaped
    (`\\x1b`), and format characters such as direction marks and soft hyphens are removed.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _shown(char) for char in text)


def _shown(char: str) -> str:
    if char in _JOINERS:
        return char
    if char.isspace():
        return " "
    match unicodedata.category(char):
        case "Cc" | "Cs":
            return char.encode("unicode_escape").decode()
        case "Cf":
            return ""
        case _:
            # Unassigned: an emoji of a later Unicode version, or a private character of a font.
            return char
