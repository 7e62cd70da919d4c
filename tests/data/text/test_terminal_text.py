"""Foreign text cannot control a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.text.terminal_text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – text, 気候, الرياح", "plain – text, 気候, الرياح"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b31m bell\x07", r"\x9b31m bell\x07"),
        ("a\tb\r\nc\u2028d\u00a0e", "a b  c d e"),
        ("\u202egnp.exe\u2066 soft\u00adhyphen\ufeff", "gnp.exe softhyphen"),
        ("👩\u200d👧 می\u200cخواهم", "👩\u200d👧 می\u200cخواهم"),
        ("half \ud83d pair", r"half \ud83d pair"),
        ("[bold]x[/bold] :smile:", "[bold]x[/bold] :smile:"),
    ],
)
def test_control_characters_are_escaped_or_removed(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_no_control_character_or_direction_mark_is_left(text: str) -> None:
    left = {char for char in printable(text) if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert left <= {"\u200c", "\u200d"}
