"""Annotated claims as one HTML page that needs nothing else: no network, no file beside it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from typing import Any, NamedTuple, TextIO, TypeGuard

from claimhound.data.records import Json
from claimhound.data.text.claim_text import searched_text
from claimhound.data.text.terminal_text import printable
from claimhound.indexes.analysis.terms import matching_spans, query_terms

_VERDICTS = ("SUPPORTS", "REFUTES", "DISPUTED", "NOT_ENOUGH_INFO")
_MARKS = {"for": "+ supports", "against": "− refutes", "neither": "~ neither"}
_SIDES = {"for": "supports", "against": "refutes"}
"""Where a summary names the documents that count."""
# No user name before the host: https://good.example@bad.example leads to the second.
_LINK = re.compile(r"https?://[^\s/?#@\\]+([/?#]\S*)?", re.IGNORECASE)
_HOST_END = re.compile("[/?#]")
_NOTHING = "Probably nothing relevant"
_CHUNK = 200  # pieces of text between two writes


def write_page(records: Iterable[Mapping[str, Json]], file: TextIO, *, title: str) -> None:
    """Write the claims with their evidence as a whole HTML page, one at a time: memory does not grow with their number.

    A record is that of `search --format json` (`claim`, `evidence`, `summary`, `nothing_relevant`, `notes`, `index`,
    `models`) and may have `id`, `fields`, the claim's other fields, and `known`, a list of what `KnownClaim.as_record`
    gives. The same records give the same bytes. All their text is escaped, and only http and https addresses become
    links. Filter and order are set in the page and kept in its address after the #: `q` (words), `summary` (its label,
    or `none`), `evidence` (`some`, `none`, `for`, `against`, `nothing`), `min` (the least best probability), `sort`
    (`file`, `best`, `summary`, `known`) and `details` (1).

    Raises ValueError for a record without `claim` or `evidence`, naming its number.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_harmless
    )
    environment.filters |= {
        "count": lambda number: f"{number:,}",
        "of_claims": lambda n: f"{n:,} claim{'' if n == 1 else 's'}",
        "of_copies": lambda n: f"{n:,} {'copy' if n == 1 else 'copies'}",
        "is_link": is_link,
        "sha256": lambda text: base64.b64encode(hashlib.sha256(str(text).encode()).digest()).decode(),
    }
    template = resources.files(__package__).joinpath("page.html.jinja").read_text(encoding="utf-8")
    tally = _Tally()
    page = environment.from_string(template).stream(title=title, claims=_claims(records, tally), tally=tally)
    page.enable_buffering(_CHUNK)
    file.writelines(page)
    file.write("\n")


def is_link(value: object) -> TypeGuard[str]:
    """Tell whether a value is an http or https address that leads where it says."""
    return isinstance(value, str) and value.isprintable() and _LINK.fullmatch(value) is not None


class _Part(NamedTuple):
    """One of the things that say where evidence is from, with the address that it leads to."""

    text: str
    url: str | None = None


class _Hit(NamedTuple):
    """A piece of evidence; `pieces` are its text in parts, with whether the part is a word of the claim."""

    rank: int
    score_text: str
    percent: str | None
    pieces: list[tuple[str, bool]]
    before: str
    after: str
    mark: str | None
    mark_text: str
    origin: list[_Part]
    n_copies: int
    copies: list[list[_Part]]
    warnings: list[str]
    fields: list[tuple[str, str]]
    stages: str


class _Known(NamedTuple):
    """A known claim near to this one."""

    claim_id: str
    text: str
    score_text: str
    fields: list[tuple[str, str]]


class _Claim(NamedTuple):
    """A claim; `best` is the highest probability among its evidence and `near` the score of the nearest known one."""

    number: int
    claim_id: str
    text: str
    fields: list[tuple[str, str]]
    verdict: str | None
    sides: str
    notes: list[str]
    is_without: bool
    evidence: list[_Hit]
    best: float | None
    known: list[_Known]
    near: float | None


class _Tally:
    """What the foot of the page says of all claims, counted while they pass."""

    def __init__(self) -> None:
        self.n_claims = 0
        self.n_with = 0
        self.has_probabilities = False
        self._verdicts: Counter[str] = Counter()
        self._origins: dict[str, None] = {}

    def add(self, claim: _Claim, record: Mapping[str, Any]) -> None:
        self.n_claims += 1
        self.n_with += bool(claim.evidence)
        self.has_probabilities = self.has_probabilities or claim.best is not None
        if claim.verdict:
            self._verdicts[claim.verdict] += 1
        if origin := _origin(record.get("index") or {}, record.get("models") or {}):
            self._origins[origin] = None

    def verdicts(self) -> list[tuple[str, int]]:
        """Return each label that was given, with its number."""
        return [(name, self._verdicts[name]) for name in _VERDICTS if self._verdicts[name]]

    def origins(self) -> list[str]:
        """Return the indexes and models that the evidence came from; of one job there is one."""
        return list(self._origins)


def _claims(records: Iterable[Mapping[str, Any]], tally: _Tally) -> Iterator[_Claim]:
    for number, record in enumerate(records, start=1):
        for name in ("claim", "evidence"):
            if name not in record:
                raise ValueError(f"record {number} has no {name!r}; it has {', '.join(record) or 'nothing'}")
        claim = _claim(number, record)
        tally.add(claim, record)
        yield claim


def _claim(number: int, record: Mapping[str, Any]) -> _Claim:
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
    return _Claim(
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
        [_Known(_text_of(near.get("id")), near["text"], _digits(near.get("score")), _fields(near)) for near in known],
        max(nearness, default=None),
    )


def _hit(hit: Mapping[str, Any], terms: frozenset[str], summary: Mapping[str, Any] | None) -> _Hit:
    is_probability = _is_probability(hit)
    context = hit.get("context") or {}
    stance = hit.get("stance")
    warnings = []
    if hit.get("truncated"):
        warnings.append("Cut for the reranker: claim and evidence are too long together.")
    elif stance and stance.get("truncated"):
        warnings.append("Cut for the stance model: claim and evidence are too long together.")
    mark = _mark(hit, summary)
    return _Hit(
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
    """Return the text in parts, the claim's words apart from what is between them."""
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
    """Return `for` or `against` for evidence that counts so, `neither` for other, None where no stance is known."""
    if summary is None:
        return None
    return next((side for side, name in _SIDES.items() if hit["doc_id"] in summary[name]), "neither")


def _mark_text(mark: str | None, stance: Mapping[str, Any] | None) -> str:
    """Return the mark in words, of what counts with the probability of its stance."""
    if mark is None:
        return ""
    if mark not in _SIDES or stance is None:
        return _MARKS[mark]
    return f"{_MARKS[mark]} (p {_probability(stance['probabilities'][stance['label']])})"


def _sides(evidence: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> str:
    """Return the ranks of what counts: `for: #2; against: #1, #3`."""
    sides = []
    for side, name in _SIDES.items():
        ranks = [f"#{hit['rank']}" for hit in evidence if hit["doc_id"] in summary[name]]
        if ranks:
            sides.append(f"{side}: {', '.join(ranks)}")
    return "; ".join(sides)


def _origin_parts(hit: Mapping[str, Any]) -> list[_Part]:
    """Return title, source, date and id; the title, or without one the address itself, leads to the address."""
    title, url = hit.get("title"), hit.get("url")
    rest = [_Part(text) for text in (hit.get("source"), hit.get("date"), hit["doc_id"]) if text]
    if not is_link(url):
        return [_Part(text) for text in (title, url) if text] + rest
    if not title:
        return [_Part(url, url), *rest]
    return [_Part(title, url), _Part(_HOST_END.split(url.split("//", 1)[1], maxsplit=1)[0]), *rest]


def _stages(hit: Mapping[str, Any]) -> str:
    """Return where each stage ranked a hit, and the probability of each stance."""
    places = [(name, place) for name, place in (hit.get("stages") or {}).items() if place is not None]
    parts = [f"{name} #{place['rank']} ({_digits(place['score'])})" for name, place in places]
    if stance := hit.get("stance"):
        parts += [f"{name} {_probability(value)}" for name, value in stance["probabilities"].items()]
    return " · ".join(parts)


def _fields(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and text of each further field that has a value."""
    return [(name, text) for name, value in (record.get("fields") or {}).items() if (text := _text_of(value))]


def _text_of(value: Json) -> str:
    """Return a text as it is and other values as JSON, nothing for null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _probability(value: float | None) -> str:
    """Return two digits, and never a certainty that rounding made."""
    if value is None:
        return "–"
    shown = f"{value:.2f}"
    return {"0.00": "<.01", "1.00": ">.99"}.get(shown, shown)


def _digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _origin(index: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    parts = []
    if index:
        place = f"Index {index['path']}" if index.get("path") else "Passages in memory"
        generation = f", generation {index['generation']}" if index.get("generation") is not None else ""
        n_docs = f", {index['n_docs']:,} documents" if index.get("n_docs") is not None else ""
        parts.append(f"{place}{generation}{n_docs}")
    parts += [f"{kind} {name}" for kind, name in models.items() if name]
    return "; ".join(parts)


def _harmless(value: Any) -> Any:
    """Return a text without characters that hide or reorder others, or that no UTF-8 file can hold."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
