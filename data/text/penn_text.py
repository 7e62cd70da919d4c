"""Detokenization of texts in Penn Treebank style, such as FEVER's."""

from __future__ import annotations

import re

_BRACKETS = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}", "-COLON-": ":"}
_MARKS = {"``": '"', "''": '"', " -- ": " – "}


def detokenized(text: str) -> str:
    """Return a text as people write it: real brackets, quotes and dashes, and no space before punctuation."""
    for written, character in (_BRACKETS | _MARKS).items():
        text = text.replace(written, character)
    text = re.sub(r"\s+([,.;:?!%)\]}]|'s\b|n't\b)", r"\1", text)
    return " ".join(re.sub(r"([(\[{])\s+", r"\1", text).split())


def with_brackets(text: str) -> str:
    """Return a text with the names of brackets and colons replaced, and nothing else changed."""
    for written, character in _BRACKETS.items():
        text = text.replace(written, character)
    return text
