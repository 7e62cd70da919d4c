"""Normal form of a text, equal for copies that differ in case, punctuation and spacing."""

from __future__ import annotations

import unicodedata

import regex

# Unicode's default ignorables: soft hyphens, zero width characters, direction marks, variation selectors, tags and
# fillers; and annotation anchors.
INVISIBLE = regex.compile(r"[\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB]")

ENTITY = regex.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,30}|#\d{1,7}|#[xX][0-9A-Fa-f]{1,6});")
"""A character reference of HTML."""


def normalize_text(text: str) -> str:
    """Return the case-folded words of a text, without punctuation: the same for copies that differ only in these.

    Soft hyphens and other invisible characters are removed, which joins words broken by them.
    """
    if not text.isascii():
        text = INVISIBLE.sub("", text)
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = (
        character if character.isalnum() else " " for character in folded if unicodedata.category(character) != "Cf"
    )
    return " ".join("".join(kept).split())
