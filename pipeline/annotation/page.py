"""Annotated claims as one self-contained HTML page: no network, no other file."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from claimhound.data.records import Json
from claimhound.data.text.html_template import page_template
from claimhound.pipeline.annotation.page_claims import Claim, is_link, shown_claim

_VERDICTS = ("SUPPORTS", "REFUTES", "DISPUTED", "NOT_ENOUGH_INFO")
_CHUNK = 200  # pieces of text between two writes


def write_page(records: Iterable[Mapping[str, Json]], file: TextIO, *, title: str) -> None:
    """Write the claims with their evidence as a whole HTML page, one at a time: memory does not grow with their number.

    A record is that of `search --format json` (`claim`, `evidence`, `summary`, `nothing_relevant`, `notes`, `index`,
    `models`) and may have `id`, `fields` (the claim's other fields) and `known`, a list of `KnownClaim.as_record`. The
    same records give the same bytes. All text is escaped, and only http and https addresses become links. The page's
    filter and sort controls are kept in its address after the #: `q` (words), `summary` (its label, or `none`),
    `evidence` (`some`, `none`, `for`, `against`, `nothing`), `min` (the lowest best probability), `sort` (`file`,
    `best`, `summary`, `known`) and `details` (1).

    Raises ValueError, naming the record's number, for a record without `claim` or `evidence`.
    """
    template = page_template(
        __package__,
        "page.html.jinja",
        {
            "of_copies": lambda n: f"{n:,} {'copy' if n == 1 else 'copies'}",
            "is_link": is_link,
            "sha256": lambda text: base64.b64encode(hashlib.sha256(str(text).encode()).digest()).decode(),
        },
    )
    tally = _Tally()
    page = template.stream(title=title, claims=_claims(records, tally), tally=tally)
    page.enable_buffering(_CHUNK)
    file.writelines(page)
    file.write("\n")


class _Tally:
    """Counts of all claims for the footer, updated while they are written."""

    def __init__(self) -> None:
        self.n_claims = 0
        self.n_with = 0
        self.has_probabilities = False
        self._verdicts: Counter[str] = Counter()
        self._origins: dict[str, None] = {}

    def add(self, claim: Claim, record: Mapping[str, Any]) -> None:
        self.n_claims += 1
        self.n_with += bool(claim.evidence)
        self.has_probabilities = self.has_probabilities or claim.best is not None
        if claim.verdict:
            self._verdicts[claim.verdict] += 1
        if origin := _origin(record.get("index") or {}, record.get("models") or {}):
            self._origins[origin] = None

    def verdicts(self) -> list[tuple[str, int]]:
        """Return each label in use with its count."""
        return [(name, self._verdicts[name]) for name in _VERDICTS if self._verdicts[name]]

    def origins(self) -> list[str]:
        """Return the indexes and models that the evidence came from; a job has one of each."""
        return list(self._origins)


def _claims(records: Iterable[Mapping[str, Any]], tally: _Tally) -> Iterator[Claim]:
    for number, record in enumerate(records, start=1):
        for name in ("claim", "evidence"):
            if name not in record:
                raise ValueError(f"record {number} has no {name!r}; it has {', '.join(record) or 'nothing'}")
        claim = shown_claim(number, record)
        tally.add(claim, record)
        yield claim


def _origin(index: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    parts = []
    if index:
        place = f"Index {index['path']}" if index.get("path") else "Passages in memory"
        generation = f", generation {index['generation']}" if index.get("generation") is not None else ""
        n_docs = f", {index['n_docs']:,} documents" if index.get("n_docs") is not None else ""
        parts.append(f"{place}{generation}{n_docs}")
    parts += [f"{kind} {name}" for kind, name in models.items() if name]
    return "; ".join(parts)
