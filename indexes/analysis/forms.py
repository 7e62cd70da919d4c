"""Terms of a text besides its words, with their places."""

from __future__ import annotations

from typing import NamedTuple


class Form(NamedTuple):
    """A term and the half-open span of the characters it stands for."""

    start: int
    end: int
    term: str
