"""A claim's evidence as a table for people, or as JSON, JSON lines and TSV for programs."""

from __future__ import annotations

import io
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from claimhound.data.formats.spreadsheet import guarded
from claimhound.data.records import Document, Json
from claimhound.data.text.claim_text import searched_text
from claimhound.data.text.terminal_text import printable
from claimhound.indexes.analysis.terms import matching_spans, query_terms, tokenize
from claimhound.pipeline.search.results import STAGES, ClaimEvidence, ClaimSummary, Evidence

TSV_COLUMNS = ("claim", "rank", "score", "doc_id", "text", "title", "source", "url", "date", "stance", "n_copies")

_NARROWEST = 30
_COPIES_NAMED = 5
# Readers bound the depth of a record's fields; an index that was built before they did may hold more.
_DEEPEST = 100
_TOO_DEEP = "(nested too deeply to be shown)"
_LEGEND = "+ supports, - refutes, ~ neither"
_MARK_STYLES = {"+": "green", "-": "red", "~": "dim"}
_DIGITS = {"bm25": 1, "dense": 2, "fused": 4, "rerank": 3}
# JSON may hold these as they are; but some readers end a line at some of them, and terminals obey others.
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def as_record(answer: ClaimEvidence) -> dict[str, Json]:
    """Return the answer as the JSON object that `search --format json` prints; numbers that are none become null."""
    return {
        "claim": answer.claim,
        "evidence": [_hit_record(hit) for hit in answer.evidence],
        "summary": None
        if answer.summary is None
        else {
            "label": answer.summary.label,
            "supports": list(answer.summary.supports),
            "refutes": list(answer.summary.refutes),
        },
        "nothing_relevant": answer.nothing_relevant,
        "notes": list(answer.notes),
        "index": _finite(answer.index),
        "models": _finite(answer.models),
        "timings_ms": _finite(dict(answer.timings_ms)),
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
        "fields": _finite(document.fields),
        "score": _finite(hit.score),
        "truncated": hit.truncated,
        "stages": {
            name: None if place is None else {"rank": place.rank, "score": _finite(place.score)}
            for name, place in hit.stages.items()
        },
        "stance": None
        if hit.stance is None
        else {
            "label": hit.stance.label,
            "probabilities": {name: _finite(value) for name, value in hit.stance.probabilities.items()},
            "truncated": hit.stance.truncated,
        },
        "n_copies": hit.n_copies,
        "copies": [_copy_record(document, copy) for copy in hit.copies],
    }
    if document.parent_id is not None and document.span is not None:
        record["parent_id"] = document.parent_id
        record["span"] = list(document.span)
    if hit.before or hit.after:
        record["context"] = {"before": _texts(hit.before), "after": _texts(hit.after)}
    return record


def _copy_record(document: Document, copy: Document) -> dict[str, Json]:
    """Return where a copy is from, and its text where that differs from the one that is shown."""
    record: dict[str, Json] = {
        "doc_id": copy.doc_id,
        "title": copy.title,
        "source": copy.source,
        "url": copy.url,
        "date": copy.date,
    }
    if copy.text != document.text:
        record["text"] = copy.text
    return record


def _texts(documents: Iterable[Document]) -> list[Json]:
    return [{"doc_id": document.doc_id, "text": document.text} for document in documents]


def _finite(value: Json, depth: int = 0) -> Json:
    """Return the value with null for what JSON has no number for, NaN and the infinities, and a text for the deepest.

    JSON's writer gives up at a thousand objects within one another, and so would this.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict | list) and depth == _DEEPEST:
        return _TOO_DEEP
    if isinstance(value, dict):
        return {name: _finite(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item, depth + 1) for item in value]
    return value


def as_json(answer: ClaimEvidence, *, indent: int | None = 2) -> str:
    """Return the answer as JSON; in one line without `indent`."""
    return _json_text(as_record(answer), indent)


def json_line(record: Mapping[str, Json]) -> str:
    """Return an object as JSON in one line, as every reader of lines sees it."""
    return _json_text(record, None)


def _json_text(record: Mapping[str, Json], indent: int | None) -> str:
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, indent=indent)
    return _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def as_tsv_lines(answer: ClaimEvidence) -> list[str]:
    """Return a line for each piece of evidence in the order of TSV_COLUMNS.

    Tabs, line breaks and other control characters become a space each, and texts are guarded that a spreadsheet takes
    for formulas.
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


def as_table(
    answer: ClaimEvidence, *, explain: bool = False, is_terminal: bool = False, width: int | None = None
) -> str:
    """Return the answer for people; the claim's words are bold in the evidence. No line ends in blanks.

    Where a stance model ran, the evidence that counts for the claim is marked +, what counts against it -, the rest ~.
    Only a terminal gets colours and bold. It is as wide as the terminal at hand, 80 characters without any, unless
    `width` is given.
    """
    parts: list[RenderableType] = [Text.assemble(("Claim: ", "bold"), printable(answer.claim))]
    if answer.summary is not None:
        parts.append(Text.assemble(("Stance: ", "bold"), _summary(answer, answer.summary)))
    if answer.evidence:
        terms = frozenset(query_terms(searched_text(answer.claim)))
        table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False, header_style="dim")
        table.add_column("#", justify="right", no_wrap=True)
        table.add_column("p" if answer.has_probabilities else "score", justify="right", no_wrap=True)
        if answer.summary is not None:
            table.add_column("", no_wrap=True)
        table.add_column("evidence", overflow="fold", ratio=1)
        for hit in answer.evidence:
            score = _probability(hit.score) if answer.has_probabilities else f"{hit.score:.3g}"
            cells = [Text(str(hit.rank)), Text(score, style="cyan")]
            if answer.summary is not None:
                mark = _mark(hit, answer.summary)
                cells.append(Text(mark, style=_MARK_STYLES[mark]))
            table.add_row(*cells, _hit_text(answer, hit, terms, explain=explain))
        parts.append(Padding(table, (1, 0, 0, 0)))
        if answer.summary is not None:
            parts.append(Padding(Text(_LEGEND, style="dim"), (1, 0, 0, 0)))
    parts.extend(Padding(Text(note, style="yellow"), (1, 0, 0, 0)) for note in answer.notes)
    if explain and answer.timings_ms:
        parts.append(Padding(Text(_time(answer), style="dim"), (1, 0, 0, 0)))
    page = io.StringIO()
    console = Console(file=page, force_terminal=is_terminal or None, width=width, highlight=False)
    # In a narrower terminal its own wrapping shows more than a column of three letters.
    console.width = max(console.width, _NARROWEST)
    console.print(Group(*parts))
    return "\n".join(line.rstrip(" ") for line in page.getvalue().removesuffix("\n").split("\n"))


def _mark(hit: Evidence, summary: ClaimSummary) -> str:
    doc_id = hit.document.doc_id
    return "+" if doc_id in summary.supports else "-" if doc_id in summary.refutes else "~"


def _summary(answer: ClaimEvidence, summary: ClaimSummary) -> str:
    """Return the label with the ranks of what counts: `DISPUTED (for: #2; against: #1, #3)`."""
    sides = [
        f"{word}: " + ", ".join(f"#{hit.rank}" for hit in answer.evidence if hit.document.doc_id in doc_ids)
        for word, doc_ids in (("for", summary.supports), ("against", summary.refutes))
        if doc_ids
    ]
    return f"{summary.label} ({'; '.join(sides)})" if sides else summary.label


def _probability(score: float) -> str:
    """Return two digits, and never a certainty that rounding made."""
    shown = f"{score:.2f}"
    return {"0.00": "<.01", "1.00": ">.99"}.get(shown, shown)


def _hit_text(answer: ClaimEvidence, hit: Evidence, terms: frozenset[str], *, explain: bool) -> Text:
    lines: list[Text] = []
    if hit.before:
        lines.append(_context("before", hit.before))
    evidence = Text(printable(hit.document.text))
    for start, end in matching_spans(evidence.plain, terms):
        evidence.stylize("bold", start, end)
    lines.append(evidence)
    if hit.after:
        lines.append(_context("after", hit.after))
    origin = [hit.document.title, hit.document.source, hit.document.date, hit.document.url, hit.document.doc_id]
    lines.append(Text(" · ".join(printable(part) for part in origin if part), style="dim italic"))
    if hit.n_copies:
        lines.append(Text(_copies(hit), style="dim italic"))
    if hit.truncated:
        lines.append(Text("cut for the reranker: claim and evidence are too long together", style="yellow"))
    elif hit.stance is not None and hit.stance.truncated:
        lines.append(Text("cut for the stance model: claim and evidence are too long together", style="yellow"))
    if explain:
        lines.extend(Text(line, style="green") for line in _why(answer, hit))
    return Text("\n").join(lines)


def _copies(hit: Evidence) -> str:
    """Return how many copies there are and the first of them: `and 2 copies: wire-1 (Paper 1, 2021-03-03), wire-2`."""
    named = []
    for copy in hit.copies[:_COPIES_NAMED]:
        origin = ", ".join(printable(part) for part in (copy.source, copy.date) if part)
        named.append(f"{printable(copy.doc_id)} ({origin})" if origin else printable(copy.doc_id))
    more = f", and {hit.n_copies - len(named):,} more" if hit.n_copies > len(named) else ""
    return f"and {hit.n_copies:,} {'copy' if hit.n_copies == 1 else 'copies'}: {', '.join(named)}{more}"


def _context(label: str, documents: Sequence[Document]) -> Text:
    return Text(f"[{label}: {' '.join(printable(document.text) for document in documents)}]", style="dim")


def _why(answer: ClaimEvidence, hit: Evidence) -> list[str]:
    """Return the claim's words that the evidence holds and lacks, each stage's rank and score, and further fields."""
    held = frozenset(tokenize(hit.document.text))
    words = [f"shares: {_words(answer.claim, held) or 'no word'}"]
    if lacking := _words(answer.claim, frozenset(query_terms(searched_text(answer.claim))) - held):
        words.append(f"lacks: {lacking}")
    lines = ["; ".join(words), ", ".join(_stage(answer, hit, name) for name in STAGES)]
    if hit.stance is not None:
        shares = ", ".join(f"{name} {_probability(value)}" for name, value in hit.stance.probabilities.items())
        lines.append(f"stance: {shares}")
    if hit.document.fields:
        fields = json.dumps(_finite(hit.document.fields), ensure_ascii=False)
        lines.append(f"fields: {printable(fields)}")
    return lines


def _words(text: str, terms: frozenset[str]) -> str:
    """Return the different words of the text, as they are written, whose term is one of the terms."""
    found = [text[start:end] for start, end in matching_spans(text, terms)]
    return ", ".join(printable(word) for word in dict.fromkeys(found))


def _stage(answer: ClaimEvidence, hit: Evidence, name: str) -> str:
    place = hit.stages.get(name)
    if place is not None:
        return f"{name} #{place.rank} ({place.score:.{_DIGITS[name]}f})"
    needed = {"dense": "encoder", "fused": "encoder", "rerank": "reranker"}.get(name)
    was_off = needed is not None and answer.models.get(needed) is None
    return f"{name} off" if was_off else f"{name} not found"


def _time(answer: ClaimEvidence) -> str:
    spent = ", ".join(f"{name} {value:.0f} ms" for name, value in answer.timings_ms.items())
    return f"Time: {sum(answer.timings_ms.values()):.0f} ms ({spent})"
