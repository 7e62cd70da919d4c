"""The form of a document that models read."""

from __future__ import annotations

import pytest

from claimhound.data.records import Document
from claimhound.data.text.text_form import read_form


@pytest.mark.parametrize(
    ("title", "text", "read"),
    [
        (None, "He died in 2024.", "He died in 2024."),
        ("Phil Lesh", "He died in 2024.", "Phil Lesh: He died in 2024."),
        ("Was it so?", "No.", "Was it so?: No."),
        ("The dam. ", "It broke.", "The dam: It broke."),
        ("Two\n lines", "It broke.", "Two lines: It broke."),
        (" ... ", "It broke.", "It broke."),
    ],
)
def test_the_title_comes_before_the_text(title: str | None, text: str, read: str) -> None:
    assert read_form(Document("d", text, title=title)) == read


def test_a_title_that_the_text_begins_with_is_not_repeated() -> None:
    assert read_form(Document("d", "PHIL LESH, a bassist, died.", title="Phil Lesh")) == "PHIL LESH, a bassist, died."
    assert read_form(Document("d", "Damage was done.", title="Dam")) == "Dam: Damage was done."


def test_a_long_title_is_cut_after_a_whole_word() -> None:
    read = read_form(Document("d", "It broke.", title="word " * 60))
    assert read == f"{'word ' * 40}".strip() + ": It broke."
    assert read_form(Document("d", "x", title="w" * 300)) == "w" * 200 + ": x"
