"""What two copies of a text share."""

from __future__ import annotations

import unicodedata


def normalize_text(text: str) -> str:
    """Return the text's words alone, case folded: what two copies share whatever their quotes, dashes and spacing.

    Soft hyphens and other invisible format characters vanish, so that a word broken by one is whole again.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = (
        character if character.isalnum() else " " for character in folded if unicodedata.category(character) != "Cf"
    )
    return " ".join("".join(kept).split())
