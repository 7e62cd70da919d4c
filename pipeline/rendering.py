"""A claim's evidence as a table for people, or as JSON, JSON lines and TSV for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Literal

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from data.records import Document, Json
from indexes.analysis import matching_spans, tokenize
from pipeline.results import STAGES, ClaimEvidence, Evidence

Format = Literal["table", "json", "jsonl", "tsv"]
TSV_COLUMNS = ("claim", "rank", "score", "doc_id", "text", "title", "source", "url", "date")


def as_record(answer: ClaimEvidence) -> dict[str, Json]:
    """Return the answer as the JSON object that `search --format json` prints."""
    return {
        "claim": answer.claim,
        "evidence": [_hit_record(hit) for hit in answer.evidence],
        "notes": list(answer.notes),
        "index": answer.index,
        "models": answer.models,
        "timings_ms": dict(answer.timings_ms),
    }


def _hit_record(hit: Evidence) -> dict[str, Json]:
    document = hit.document
    record: dict[str, Json] = {
        "rank": hit.rank,
        "doc_id": document.doc_id,
        "text": document.text,
        "title": document.title,
        "source": document.source,
        "url": document.url,
        "date": document.date,
        "fields": document.fields,
        "score": hit.score,
        "truncated": hit.truncated,
        "stages": {
            name: None if place is None else {"rank": place.rank, "score": place.score}
            for name, place in hit.stages.items()
        },
    }
    if document.parent_id is not None and document.span is not None:
        record["parent_id"] = document.parent_id
        record["span"] = list(document.span)
    if hit.before or hit.after:
        record["context"] = {"before": _texts(hit.before), "after": _texts(hit.after)}
    return record


def _texts(documents: Iterable[Document]) -> list[Json]:
    return [{"doc_id": document.doc_id, "text": document.text} for document in documents]


def as_json(answer: ClaimEvidence) -> str:
    """Return the answer as indented JSON."""
    return json.dumps(as_record(answer), ensure_ascii=False, indent=2)


def as_json_line(answer: ClaimEvidence) -> str:
    """Return the answer as JSON in one line."""
    return json.dumps(as_record(answer), ensure_ascii=False)


def as_tsv_lines(answer: ClaimEvidence) -> list[str]:
    """Return a line for each piece of evidence in the order of TSV_COLUMNS; tabs and line breaks become spaces."""
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
            )
        )
        for hit in answer.evidence
    ]


def _cell(value: object) -> str:
    return "" if value is None else " ".join(str(value).split())


def as_table(answer: ClaimEvidence, *, explain: bool = False) -> RenderableType:
    """Return the answer for a terminal of any width; the claim's words are bold in the evidence."""
    terms = frozenset(tokenize(answer.claim))
    parts: list[RenderableType] = [Text.assemble(("Claim: ", "bold"), _printable(answer.claim))]
    if answer.evidence:
        table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False, header_style="dim")
        table.add_column("#", justify="right", no_wrap=True)
        table.add_column("p" if answer.has_probabilities else "score", justify="right", no_wrap=True)
        table.add_column("evidence", overflow="fold", ratio=1)
        for hit in answer.evidence:
            score = f"{hit.score:.2f}" if answer.has_probabilities else f"{hit.score:.3g}"
            table.add_row(str(hit.rank), Text(score, style="cyan"), _hit_text(hit, terms, explain=explain))
        parts.append(Padding(table, (1, 0, 0, 0)))
    parts.extend(Padding(Text(note, style="yellow"), (1, 0, 0, 0)) for note in answer.notes)
    if explain and answer.timings_ms:
        spent = ", ".join(f"{name} {value:.0f} ms" for name, value in answer.timings_ms.items())
        parts.append(Padding(Text(f"Time: {spent}", style="dim"), (1, 0, 0, 0)))
    return Group(*parts)


def _hit_text(hit: Evidence, terms: frozenset[str], *, explain: bool) -> Text:
    body = Text()
    for neighbour in hit.before:
        body.append(_printable(neighbour.text) + " ", style="dim")
    evidence = Text(_printable(hit.document.text))
    for start, end in matching_spans(evidence.plain, terms):
        evidence.stylize("bold", start, end)
    body.append_text(evidence)
    for neighbour in hit.after:
        body.append(" " + _printable(neighbour.text), style="dim")
    origin = [hit.document.title, hit.document.source, hit.document.date, hit.document.url, hit.document.doc_id]
    shown = [_printable(part) for part in origin if part]
    body.append("\n" + " · ".join(shown), style="dim italic")
    if hit.truncated:
        body.append("\ncut for the reranker: claim and evidence are too long together", style="yellow")
    if explain:
        body.append("\n" + _why(hit), style="green")
    return body


def _why(hit: Evidence) -> str:
    """Return each stage's rank and score in one line."""
    digits = {"bm25": 1, "dense": 2, "fused": 4, "rerank": 3}
    parts: list[str] = []
    for name in STAGES:
        place = hit.stages.get(name)
        parts.append(f"{name} –" if place is None else f"{name} #{place.rank} ({place.score:.{digits[name]}f})")
    return "  ".join(parts)


def _printable(text: str) -> str:
    """Return the text without what would move a terminal's cursor or colour it."""
    return "".join(char if char.isprintable() else " " for char in text.replace("\u00ad", ""))


def print_table(console: Console, answer: ClaimEvidence, *, explain: bool = False) -> None:
    """Print the answer as a table, and an empty line after it."""
    console.print(as_table(answer, explain=explain), highlight=False)
    console.print()
