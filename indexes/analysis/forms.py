"""Terms of a text in addition to its words, with their spans."""

from __future__ import annotations

from typing import NamedTuple


class Form(NamedTuple):
    """A term and the half-open span of the characters it stands for."""

    start: int
    end: int
    term: str
