"""Joining of wrapped lines, such as those of a PDF or a scan."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

_LONGEST_BLOCK = 500  # lines; a file without blank lines is not held in memory
_EVIDENT_SHARE = 0.25
_SHORTEST_WRAPPED = 20  # characters; a shorter line without a full stop may be a list item

_HYPHEN_AT_END = re.compile(r"[^\W\d_][-\u2010\u00ad]$")
_STOP_AT_END = re.compile(r"[.!?…:;。！？][\"'”’»)\]]*$")
_BULLET = re.compile(r"(?:[•‣◦▪●·*–—-]|\(?[0-9]{1,3}[.)]|\(?[a-z][.)])\s")
_KEEPS_HYPHEN = re.compile(r"(?:\b(?:well|self|non|ex|half|all)|\w[-\u2010]\w+)[-\u2010]$", re.IGNORECASE)
"""Words that are usually written with a hyphen, and words that already have one, such as "state-of-the-"."""


def joined_lines(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield the joined texts, each with the number of its first line.

    Blocks of lines are separated by blank lines, that is, by gaps in the numbers. A line clearly continues if it ends
    with a hyphen after a letter, or has at least twenty characters and no full stop, and the next line begins with a
    lower-case letter. If a quarter of a block's lines clearly continue, the whole block is one text, except for list
    items. In other blocks only the lines that clearly continue are joined, and none if the first line begins with a
    lower-case letter, as lists do.

    A hyphen at the end of a line is dropped before a lower-case letter ("infor-", "mation") and kept before any other
    character ("COVID-", "19"). It is also kept after well, self, non, ex, half and all, and in a word with another
    hyphen ("state-of-the-", "art"). A soft hyphen is always dropped.
    """
    block: list[tuple[int, str]] = []
    for number, line in lines:
        if block and (number != block[-1][0] + 1 or len(block) == _LONGEST_BLOCK):
            yield from _texts_of(block)
            block = []
        block.append((number, line))
    yield from _texts_of(block)


def look_wrapped(lines: Sequence[str]) -> bool:
    """Tell whether a quarter of the lines that precede another line, and at least two, clearly continue."""
    if _begins_small(next((line.strip() for line in lines if line.strip()), "")):
        return False
    pairs = [(one.strip(), other.strip()) for one, other in pairwise(lines) if one.strip() and other.strip()]
    n_evident = sum(_goes_on(one, other) for one, other in pairs)
    return n_evident >= 2 and n_evident >= _EVIDENT_SHARE * len(pairs)


def _texts_of(block: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    if not block:
        return
    pairs = [(one, other) for (_, one), (_, other) in pairwise(block)]
    if _begins_small(block[0][1]):
        yield from block
        return
    is_wrapped = bool(pairs) and sum(_goes_on(*pair) for pair in pairs) >= _EVIDENT_SHARE * len(pairs)
    first, text = block[0]
    last = text
    for number, line in block[1:]:
        if _goes_on(last, line) or (is_wrapped and not _BULLET.match(line)):
            text = _joined(text, line)
        else:
            yield first, text
            first, text = number, line
        last = line
    yield first, text


def _begins_small(line: str) -> bool:
    """Tell whether a first line begins with a lower-case letter, as in a list rather than a sentence."""
    return line[:1].islower()


def _goes_on(line: str, following: str) -> bool:
    if _BULLET.match(following) or not following[:1].islower():
        return False
    if _HYPHEN_AT_END.search(line) is not None:
        return True
    return len(line) >= _SHORTEST_WRAPPED and _STOP_AT_END.search(line) is None


def _joined(text: str, line: str) -> str:
    if text.endswith("\u00ad"):
        return text[:-1] + line
    if _HYPHEN_AT_END.search(text) is None:
        return f"{text} {line}"
    keeps = not line[:1].islower() or _KEEPS_HYPHEN.search(text[-40:]) is not None
    return text + line if keeps else text[:-1] + line
