"""Annotated claims as an HTML page shows them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from claimhound.data.records import Json
from claimhound.data.text.claim_text import searched_text
from claimhound.data.text.terminal_text import printable
from claimhound.indexes.analysis.terms import matching_spans, query_terms

_MARKS = {"for": "+ supports", "against": "− refutes", "neither": "~ neither"}
_SIDES = {"for": "supports", "against": "refutes"}
"""Each side's key in a summary, which lists documents."""
# No user name before the host: https://good.example@bad.example leads to the second host.
_LINK = re.compile(r"https?://[^\s/?#@\\]+([/?#]\S*)?", re.IGNORECASE)
_HOST_END = re.compile("[/?#]")
_NOTHING = "Probably nothing relevant"


def is_link(value: object) -> TypeGuard[str]:
    """Return whether a value is an http or https address that leads where it appears to."""
    return isinstance(value, str) and value.isprintable() and _LINK.fullmatch(value) is not None


class Part(NamedTuple):
    """A part of a document's origin, with the address that it links to."""

    text: str
    url: str | None = None


class Hit(NamedTuple):
    """A piece of evidence; `pieces` are parts of its text, each with whether it is a word of the claim."""

    rank: int
    score_text: str
    percent: str | None
    pieces: list[tuple[str, bool]]
    before: str
    after: str
    mark: str | None
    mark_text: str
    origin: list[Part]
    n_copies: int
    copies: list[list[Part]]
    warnings: list[str]
    fields: list[tuple[str, str]]
    stages: str


class Known(NamedTuple):
    """A known claim near this one."""

    claim_id: str
    text: str
    score_text: str
    fields: list[tuple[str, str]]


class Claim(NamedTuple):
    """A claim; `best` is the highest probability of its evidence, `near` the score of the nearest known claim."""

    number: int
    claim_id: str
    text: str
    fields: list[tuple[str, str]]
    verdict: str | None
    sides: str
    notes: list[str]
    is_without: bool
    evidence: list[Hit]
    best: float | None
    known: list[Known]
    near: float | None


def shown_claim(number: int, record: Mapping[str, Any]) -> Claim:
    """Return the claim of a record, counted from 1, as the page shows it."""
    evidence: Sequence[Mapping[str, Any]] = record["evidence"]
    summary = record.get("summary")
    terms = frozenset(query_terms(searched_text(record["claim"])))
    notes = list(record.get("notes") or ())
    is_without = bool(record.get("nothing_relevant"))
    if is_without and not any(note.startswith(_NOTHING) for note in notes):
        notes.insert(0, f"{_NOTHING}.")
    probabilities = [hit["score"] for hit in evidence if _is_probability(hit)]
    known: Sequence[Mapping[str, Any]] = record.get("known") or ()
    nearness = [near["score"] for near in known if near.get("score") is not None]
    return Claim(
        number,
        _text_of(record.get("id")),
        record["claim"],
        _fields(record),
        summary["label"] if summary else None,
        _sides(evidence, summary) if summary else "",
        notes,
        is_without,
        [_hit(hit, terms, summary) for hit in evidence],
        max(probabilities, default=None),
        [Known(_text_of(near.get("id")), near["text"], _digits(near.get("score")), _fields(near)) for near in known],
        max(nearness, default=None),
    )


def _hit(hit: Mapping[str, Any], terms: frozenset[str], summary: Mapping[str, Any] | None) -> Hit:
    is_probability = _is_probability(hit)
    context = hit.get("context") or {}
    stance = hit.get("stance")
    warnings = []
    if hit.get("truncated"):
        warnings.append("Cut for the reranker: claim and evidence together are too long.")
    elif stance and stance.get("truncated"):
        warnings.append("Cut for the stance model: claim and evidence together are too long.")
    mark = _mark(hit, summary)
    return Hit(
        hit["rank"],
        f"p {_probability(hit['score'])}" if is_probability else _digits(hit["score"]),
        f"{100 * hit['score']:.1f}" if is_probability else None,
        _pieces(printable(hit["text"]), terms),
        " ".join(document["text"] for document in context.get("before", ())),
        " ".join(document["text"] for document in context.get("after", ())),
        mark,
        _mark_text(mark, stance),
        _origin_parts(hit),
        hit.get("n_copies") or 0,
        [_origin_parts(copy) for copy in hit.get("copies") or ()],
        warnings,
        _fields(hit),
        _stages(hit),
    )


def _is_probability(hit: Mapping[str, Any]) -> bool:
    return hit["score"] is not None and (hit.get("stages") or {}).get("rerank") is not None


def _pieces(text: str, terms: frozenset[str]) -> list[tuple[str, bool]]:
    """Return the text in parts: words of the claim, and the text between them."""
    pieces = []
    done = 0
    for start, end in matching_spans(text, terms):
        if start > done:
            pieces.append((text[done:start], False))
        pieces.append((text[start:end], True))
        done = end
    if done < len(text):
        pieces.append((text[done:], False))
    return pieces


def _mark(hit: Mapping[str, Any], summary: Mapping[str, Any] | None) -> str | None:
    """Return `for` or `against` for evidence that counts on that side, else `neither`; None if there is no stance."""
    if summary is None:
        return None
    return next((side for side, name in _SIDES.items() if hit["doc_id"] in summary[name]), "neither")


def _mark_text(mark: str | None, stance: Mapping[str, Any] | None) -> str:
    """Return the mark in words, with the probability of the stance if it counts."""
    if mark is None:
        return ""
    if mark not in _SIDES or stance is None:
        return _MARKS[mark]
    return f"{_MARKS[mark]} (p {_probability(stance['probabilities'][stance['label']])})"


def _sides(evidence: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> str:
    """Return the ranks of the evidence on each side: `for: #2; against: #1, #3`."""
    sides = []
    for side, name in _SIDES.items():
        ranks = [f"#{hit['rank']}" for hit in evidence if hit["doc_id"] in summary[name]]
        if ranks:
            sides.append(f"{side}: {', '.join(ranks)}")
    return "; ".join(sides)


def _origin_parts(hit: Mapping[str, Any]) -> list[Part]:
    """Return title, source, date and id; the title, or without a title the address itself, is the link."""
    title, url = hit.get("title"), hit.get("url")
    rest = [Part(text) for text in (hit.get("source"), hit.get("date"), hit["doc_id"]) if text]
    if not is_link(url):
        return [Part(text) for text in (title, url) if text] + rest
    if not title:
        return [Part(url, url), *rest]
    return [Part(title, url), Part(_HOST_END.split(url.split("//", 1)[1], maxsplit=1)[0]), *rest]


def _stages(hit: Mapping[str, Any]) -> str:
    """Return each stage's rank of a hit, and the probability of each stance."""
    places = [(name, place) for name, place in (hit.get("stages") or {}).items() if place is not None]
    parts = [f"{name} #{place['rank']} ({_digits(place['score'])})" for name, place in places]
    if stance := hit.get("stance"):
        parts += [f"{name} {_probability(value)}" for name, value in stance["probabilities"].items()]
    return " · ".join(parts)


def _fields(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and text of each other field that has a value."""
    return [(name, text) for name, value in (record.get("fields") or {}).items() if (text := _text_of(value))]


def _text_of(value: Json) -> str:
    """Return text as it is, nothing for null, and JSON for any other value."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _probability(value: float | None) -> str:
    """Return two digits; rounding never turns a probability into a certainty."""
    if value is None:
        return "–"
    shown = f"{value:.2f}"
    return {"0.00": "<.01", "1.00": ">.99"}.get(shown, shown)


def _digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
