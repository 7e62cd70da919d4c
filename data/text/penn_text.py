"""Texts that were cut into words and marks for a parser, as FEVER's are, put together again."""

from __future__ import annotations

import re

_BRACKETS = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}", "-COLON-": ":"}
_MARKS = {"``": '"', "''": '"', " -- ": " – "}


def as_written(text: str) -> str:
    """Return a text as people write it: with brackets for their names, and no blank before a full stop."""
    for written, character in (_BRACKETS | _MARKS).items():
        text = text.replace(written, character)
    text = re.sub(r"\s+([,.;:?!%)\]}]|'s\b|n't\b)", r"\1", text)
    return " ".join(re.sub(r"([(\[{])\s+", r"\1", text).split())


def with_brackets(text: str) -> str:
    """Return a text with brackets and colons for their names, and nothing else changed."""
    for written, character in _BRACKETS.items():
        text = text.replace(written, character)
    return text
