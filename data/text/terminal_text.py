"""Text that cannot move a terminal's cursor, colour it or turn round its reading order."""

from __future__ import annotations

import unicodedata

# Joiners that scripts and emoji need; every other invisible format character only hides or reorders text.
_JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """Return the text in one line as a terminal may show it.

    Line breaks, tabs and other white space become spaces, control characters and lone surrogates their escaped form
    (`\\x1b`), and format characters such as direction marks and soft hyphens go.
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
            # Unassigned here: a later Unicode version's emoji, or a font's private sign.
            return char
