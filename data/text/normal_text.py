"""What two copies of a text share."""

from __future__ import annotations

import unicodedata

import regex

# What Unicode says to show nothing for: soft hyphens, zero width characters, marks of direction, variation selectors,
# tags, fillers; and the anchors of annotations.
INVISIBLE = regex.compile(r"[\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB]")


def normalize_text(text: str) -> str:
    """Return the text's words alone, case folded: what two copies share whatever their quotes, dashes and spacing.

    Soft hyphens and other invisible characters vanish, so that a word broken by one is whole again.
    """
    if not text.isascii():
        text = INVISIBLE.sub("", text)
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = (
        character if character.isalnum() else " " for character in folded if unicodedata.category(character) != "Cf"
    )
    return " ".join("".join(kept).split())
