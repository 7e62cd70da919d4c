"""Answers as TSV: one line per piece of evidence, for programs and spreadsheets."""

from __future__ import annotations

import unicodedata

from claimhound.data.formats.spreadsheet import guarded
from claimhound.pipeline.search.results import ClaimEvidence

TSV_COLUMNS = ("claim", "rank", "score", "doc_id", "text", "title", "source", "url", "date", "stance", "n_copies")


def as_tsv_lines(answer: ClaimEvidence) -> list[str]:
    """Return a line for each piece of evidence, in the order of TSV_COLUMNS.

    Each tab, line break and other control character becomes a space, and texts that a spreadsheet would take for
    formulas are guarded.
    """
    return [
        "\t".join(
            _cell(value)
            for value in (
                answer.claim,
                hit.rank,
                hit.score,
                hit.document.doc_id,
                hit.document.text,
                hit.document.title,
                hit.document.source,
                hit.document.url,
                hit.document.date,
                None if hit.stance is None else hit.stance.label,
                hit.n_copies,
            )
        )
        for hit in answer.evidence
    ]


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    if not text.isprintable():
        text = "".join(" " if unicodedata.category(char) in {"Cc", "Zl", "Zp"} else char for char in text)
    return guarded(text) if isinstance(value, str) else text
