"""Splitting of hashtags and user names into words."""

from __future__ import annotations

import regex

# Between a small letter and a capital, and before the last of several capitals if it begins a word: MeToo,
# NASAClimate. iPhone, eGov and McCain are one word.
_CAMEL = regex.compile(
    r"(?<=\p{Ll})(?<!\b\p{Ll})(?<!\bMc)(?=\p{Lu})|(?<=\p{Lu}{2})(?=\p{Lu}\p{Ll}{2})|(?<=\d)(?=\p{Lu}\p{Ll})"
)
# A number is a separate word after a word in small letters, and if it is a year: Brexit2019, COP2021; not COP26.
_NUMBER = regex.compile(r"(?<=\p{Ll}{3})(?=\d)|(?<=\p{L})(?=(?:19|20)\d\d(?!\d))|(?<=(?<!\d)(?:19|20)\d\d)(?=\p{L}{3})")


def split_hashtag(name: str) -> list[str]:
    """Return the words of a name such as `ClimateChange2021` (without `#` or `@`); a lower-case name stays whole."""
    spaced: str = _NUMBER.sub(" ", _CAMEL.sub(" ", name.replace("_", " ")))
    return spaced.split()
