"""The words of a hashtag or a user name, which are written as one."""

from __future__ import annotations

import regex

# Where a small letter is followed by a capital, and before the last of several capitals that begins a word: MeToo,
# NASAClimate. iPhone, eGov and McCain are one word.
_CAMEL = regex.compile(
    r"(?<=\p{Ll})(?<!\b\p{Ll})(?<!\bMc)(?=\p{Lu})|(?<=\p{Lu}{2})(?=\p{Lu}\p{Ll}{2})|(?<=\d)(?=\p{Lu}\p{Ll})"
)
# A number is a word of its own after a word in small letters, and where it is a year: Brexit2019, COP2021; not COP26.
_NUMBER = regex.compile(r"(?<=\p{Ll}{3})(?=\d)|(?<=\p{L})(?=(?:19|20)\d\d(?!\d))|(?<=(?<!\d)(?:19|20)\d\d)(?=\p{L}{3})")


def split_hashtag(name: str) -> list[str]:
    """Return the words of a name such as `ClimateChange2021` (without its `#` or `@`); one in small letters is one."""
    spaced: str = _NUMBER.sub(" ", _CAMEL.sub(" ", name.replace("_", " ")))
    return spaced.split()
