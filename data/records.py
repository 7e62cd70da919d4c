"""The field's nouns as types: what passes between the layers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

TEXT_FORM_VERSION = 1
"""Version of the form in which models read a document; 1 is its text alone. Other forms give other vectors."""

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class Document:
    """A sentence or passage that can be evidence.

    `date` is ISO 8601 (`YYYY`, `YYYY-MM` or `YYYY-MM-DD`). `fields` holds whatever else the record carried; it is
    stored and shown. A sentence that was split from a longer document names it in `parent_id`, and `span` is its
    half-open character range there.
    """

    doc_id: str
    text: str
    title: str | None = None
    source: str | None = None
    url: str | None = None
    date: str | None = None
    fields: dict[str, Json] = field(default_factory=dict)
    parent_id: str | None = None
    span: tuple[int, int] | None = None

    @property
    def text_id(self) -> str:
        """The id of the text that it is, or that it is a sentence of."""
        return self.doc_id if self.parent_id is None else self.parent_id


@dataclass(frozen=True, slots=True)
class Query:
    """A text to find evidence for; users call it a claim. `fields` is carried through untouched."""

    query_id: str
    text: str
    fields: dict[str, Json] = field(default_factory=dict)


class ScoredDoc(NamedTuple):
    """One retrieved document; a higher score is better at every stage."""

    doc_id: str
    score: float


Ranking: TypeAlias = list[ScoredDoc]
"""Results of one query, best first, each document once, ties by doc_id; those of a run that was read, as trec_eval."""

Run: TypeAlias = dict[str, Ranking]
"""Results of all queries: query_id -> ranking."""

Qrels: TypeAlias = dict[str, dict[str, int]]
"""Relevance judgments: query_id -> doc_id -> grade; 0 and below is judged and not relevant."""
