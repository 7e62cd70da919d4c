"""Records that pass between the layers, named in the terms of information retrieval."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class Document:
    """A sentence or passage that can be evidence.

    `date` is ISO 8601 (`YYYY`, `YYYY-MM` or `YYYY-MM-DD`). `fields` are the record's other fields; they are stored and
    shown. A sentence split from a longer document has that document's id in `parent_id` and its half-open character
    range in `span`.
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
        """The id of the whole text: the parent's id for a sentence, otherwise the document's own."""
        return self.doc_id if self.parent_id is None else self.parent_id


@dataclass(frozen=True, slots=True)
class Query:
    """A text to find evidence for; users call it a claim. `fields` are passed through unchanged."""

    query_id: str
    text: str
    fields: dict[str, Json] = field(default_factory=dict)


class ScoredDoc(NamedTuple):
    """One retrieved document; a higher score is better at every stage."""

    doc_id: str
    score: float


Ranking: TypeAlias = list[ScoredDoc]
"""Results of one query, best first, each document once, ties by doc_id (in a run read from a file, as in trec_eval)."""

Run: TypeAlias = dict[str, Ranking]
"""Results of all queries: query_id -> ranking."""

Qrels: TypeAlias = dict[str, dict[str, int]]
"""Relevance judgments: query_id -> doc_id -> grade; a grade of 0 or below means judged and not relevant."""

EvidenceSets: TypeAlias = dict[str, list[frozenset[str]]]
"""Sets of evidence, each sufficient on its own if complete: query_id -> sets of document ids."""
