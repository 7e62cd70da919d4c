"""Answers as human-readable tables."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from claimhound.data.records import Document
from claimhound.data.text.terminal_text import printable
from claimhound.pipeline.search.answer_json import finite
from claimhound.pipeline.search.results import STAGES, ClaimEvidence, ClaimSummary, Evidence

_NARROWEST = 30
_COPIES_NAMED = 5
_LEGEND = "+ supports, - refutes, ~ neither"
_MARK_STYLES = {"+": "green", "-": "red", "~": "dim"}
_DIGITS = {"bm25": 1, "dense": 2, "fused": 4, "rerank": 3}


def as_table(
    answer: ClaimEvidence, *, explain: bool = False, is_terminal: bool = False, width: int | None = None
) -> str:
    """Return the answer as a table, with the claim's words in bold in the evidence and no trailing blanks.

    If a stance model ran, evidence that points for the claim is marked +, evidence against it -, the rest ~, and a line
    says what the claim is called, unless that is NOT_ENOUGH_INFO, which says nothing. Only a terminal gets colours and
    bold. `width` defaults to the terminal's, or 80 characters without one.
    """
    page = io.StringIO()
    console = Console(file=page, force_terminal=is_terminal or None, width=width, highlight=False)
    parts: list[RenderableType] = [Text.assemble(("Claim: ", "bold"), printable(answer.claim))]
    if answer.summary is not None and answer.summary.label != "NOT_ENOUGH_INFO":
        parts.append(Text.assemble(("Stance: ", "bold"), _summary(answer, answer.summary)))
    if answer.evidence:
        # Without a terminal nothing is bold, and loading the analysis of words would take a tenth of the time.
        terms = _claim_terms(answer) if console.is_terminal else None
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
    # In a narrower terminal, its own wrapping shows more than a column of three letters would.
    console.width = max(console.width, _NARROWEST)
    console.print(Group(*parts))
    return "\n".join(line.rstrip(" ") for line in page.getvalue().removesuffix("\n").split("\n"))


def _mark(hit: Evidence, summary: ClaimSummary) -> str:
    doc_id = hit.document.doc_id
    return "+" if doc_id in summary.supports else "-" if doc_id in summary.refutes else "~"


def _summary(answer: ClaimEvidence, summary: ClaimSummary) -> str:
    """Return the label with the ranks of the evidence that counts: `DISPUTED (for: #2; against: #1, #3)`."""
    sides = [
        f"{word}: " + ", ".join(f"#{hit.rank}" for hit in answer.evidence if hit.document.doc_id in doc_ids)
        for word, doc_ids in (("for", summary.supports), ("against", summary.refutes))
        if doc_ids
    ]
    return f"{summary.label} ({'; '.join(sides)})" if sides else summary.label


def _probability(score: float) -> str:
    """Return the probability in two digits, but never rounded to 0 or 1."""
    shown = f"{score:.2f}"
    return {"0.00": "<.01", "1.00": ">.99"}.get(shown, shown)


def _claim_terms(answer: ClaimEvidence) -> frozenset[str]:
    from claimhound.data.text.claim_text import searched_text
    from claimhound.indexes.analysis.terms import query_terms

    return frozenset(query_terms(searched_text(answer.claim)))


def _hit_text(answer: ClaimEvidence, hit: Evidence, terms: frozenset[str] | None, *, explain: bool) -> Text:
    lines: list[Text] = []
    if hit.before:
        lines.append(_context("before", hit.before))
    evidence = Text(printable(hit.document.text))
    if terms is not None:
        from claimhound.indexes.analysis.terms import matching_spans

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
    """Return the number of copies and the first of them: `and 2 copies: wire-1 (Paper 1, 2021-03-03), wire-2`."""
    named = []
    for copy in hit.copies[:_COPIES_NAMED]:
        origin = ", ".join(printable(part) for part in (copy.source, copy.date) if part)
        named.append(f"{printable(copy.doc_id)} ({origin})" if origin else printable(copy.doc_id))
    more = f", and {hit.n_copies - len(named):,} more" if hit.n_copies > len(named) else ""
    return f"and {hit.n_copies:,} {'copy' if hit.n_copies == 1 else 'copies'}: {', '.join(named)}{more}"


def _context(label: str, documents: Sequence[Document]) -> Text:
    return Text(f"[{label}: {' '.join(printable(document.text) for document in documents)}]", style="dim")


def _why(answer: ClaimEvidence, hit: Evidence) -> list[str]:
    """Return the claim's words that the evidence contains and lacks, each stage's rank and score, and other fields."""
    from claimhound.indexes.analysis.terms import tokenize

    held = frozenset(tokenize(hit.document.text))
    words = [f"shares: {_words(answer.claim, held) or 'no word'}"]
    if lacking := _words(answer.claim, _claim_terms(answer) - held):
        words.append(f"lacks: {lacking}")
    lines = ["; ".join(words), ", ".join(_stage(answer, hit, name) for name in STAGES)]
    if hit.stance is not None:
        shares = ", ".join(f"{name} {_probability(value)}" for name, value in hit.stance.probabilities.items())
        lines.append(f"stance: {shares}")
    if hit.document.fields:
        fields = json.dumps(finite(hit.document.fields), ensure_ascii=False)
        lines.append(f"fields: {printable(fields)}")
    return lines


def _words(text: str, terms: frozenset[str]) -> str:
    """Return the distinct words of the text, as written, whose term is one of the terms."""
    from claimhound.indexes.analysis.terms import matching_spans

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
