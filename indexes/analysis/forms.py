"""Further terms of a text beside its words, and where each of them stands."""

from __future__ import annotations

from typing import NamedTuple


class Form(NamedTuple):
    """A term and the half-open span of the characters that it stands for."""

    start: int
    end: int
    term: str
