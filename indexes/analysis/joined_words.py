"""Words that some writers join and others split: at a line end, before a number, in a hashtag, at an apostrophe."""

from __future__ import annotations

import re
from collections.abc import Iterator

import regex

from claimhound.data.text.hashtags import split_hashtag
from claimhound.indexes.analysis.forms import Form
from claimhound.indexes.analysis.visible_text import BREAK

UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]+")
"""Runs of characters in scripts without spaces between words."""

_LINE_END = re.compile(r"(?<!\w)([^\W\d_]{2,})-[ \t]*\r?\n[ \t]*([^\W\d_]{2,})")
_HYPHEN_AND_NUMBER = re.compile(r"-(?<=[A-Za-z]-)[0-9]")
_NAME_AND_NUMBER = re.compile(r"(?<!\w)([A-Z][A-Za-z]{0,5})-([0-9]{1,4})(?![\w-])")
_NUMBER_OF_NAME = re.compile(r"[0-9](?<=[A-Za-z]{4}[0-9])[0-9]{0,3}(?!\w)")
_HASHTAG = re.compile(r"(?<![\w&])#(\w*[^\W\d_]\w*)")
_AND_SIGN = re.compile(r"(?<![\w&])[A-Z]{1,3}&[A-Z]{1,3}(?![\w&])")
# Not English contractions: it's, don't, we'll.
_APOSTROPHE = re.compile(
    r"(?<![\w'])([^\W\d_]+)'(?!(?:s|t|d|m|ll|re|ve|em)(?!\w))([^\W\d_]+)(?!\w)",
    re.IGNORECASE,
)
_BROKEN = regex.compile(rf"[\p{{L}}\p{{N}}\p{{M}}]+(?:{BREAK}+[\p{{L}}\p{{N}}\p{{M}}]+)+")


def joined_forms(text: str) -> Iterator[Form]:
    """Yield the whole of each split word in a visible text, and the parts of each joined one.

    Examples: `infor-` and `mation` on two lines, `COVID-19` and `COVID19`, `#ClimateChange`, `AT&T`, `Qur'an`.
    """
    if _HYPHEN_AND_NUMBER.search(text):
        yield from _whole(_NAME_AND_NUMBER, text)
    if "\n" in text:
        yield from _whole(_LINE_END, text)
    if "'" in text:
        yield from _whole(_APOSTROPHE, text)
    if "&" in text:
        for match in _AND_SIGN.finditer(text):
            yield Form(*match.span(), match.group().casefold())
    if "#" in text:
        for match in _HASHTAG.finditer(text):
            yield from _parts_of_hashtag(match[1], match.start(1))
    for match in _NUMBER_OF_NAME.finditer(text):
        yield from _name_and_number(text, *match.span())
    if BREAK in text:
        for broken in _BROKEN.finditer(text):
            if not UNSPACED.search(broken.group()):
                yield Form(broken.start(), broken.end(), broken.group().replace(BREAK, "").casefold())


def _whole(pattern: re.Pattern[str], text: str) -> Iterator[Form]:
    for match in pattern.finditer(text):
        yield Form(*match.span(), (match[1] + match[2]).casefold())


def _name_and_number(text: str, start: int, end: int) -> Iterator[Form]:
    first = start
    while first and text[first - 1].isalpha():
        first -= 1
    yield Form(first, start, text[first:start].casefold())
    yield Form(start, end, text[start:end])


def _parts_of_hashtag(name: str, start: int) -> Iterator[Form]:
    parts = split_hashtag(name)
    at = 0
    for part in parts if len(parts) > 1 else ():
        at = name.index(part, at)
        yield Form(start + at, start + at + len(part), part.casefold())
        at += len(part)
