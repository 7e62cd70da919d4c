"""Mined claims: the file that `claimhound mine` writes and training reads.

JSON Lines, one claim a line, with its judged evidence and its hard negatives:

    {"claim_id": "c1", "claim": "…",
     "positives": [{"doc_id": "d7", "text": "…"}],
     "negatives": [{"doc_id": "d3", "text": "…", "rank": 12}]}

`rank` is the rank, from 1, at which the negative was retrieved; null for a passage that was judged not relevant.
An encoder learns each positive against the claim's negatives; a reranker learns each passage on its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.entries import Entry, locate_labelled, read_entries
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.data.text.claim_text import searched_text


class MinedPassage(NamedTuple):
    """A passage of the corpus; `rank` is the rank at which it was retrieved, None for a judged one."""

    doc_id: str
    text: str
    rank: int | None = None


class MinedClaim(NamedTuple):
    """A claim with its judged evidence and its hard negatives, which include passages judged not relevant."""

    query_id: str
    query: str
    positives: tuple[MinedPassage, ...]
    negatives: tuple[MinedPassage, ...]


def training_pairs(mined: Iterable[MinedClaim]) -> list[TrainingPair]:
    """Return for each claim its positives with label 1, then its negatives with label 0."""
    return [
        TrainingPair(claim.query_id, searched_text(claim.query), passage.text, label)
        for claim in mined
        for label, passages in ((1.0, claim.positives), (0.0, claim.negatives))
        for passage in passages
    ]


def write_mined_claims(claims: Iterable[MinedClaim], path: Path) -> None:
    """Write the claims in one atomic step; raises InputError if the file cannot be written."""
    with write_atomically(path) as file:
        for claim in claims:
            record = {
                "claim_id": claim.query_id,
                "claim": claim.query,
                "positives": [{"doc_id": passage.doc_id, "text": passage.text} for passage in claim.positives],
                "negatives": [passage._asdict() for passage in claim.negatives],
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def read_mined_claims(path: Path) -> list[MinedClaim]:
    """Return the claims of a file, in file order.

    Raises RecordError for a bad line, a duplicate claim id and a claim without positives, and InputError for a file
    without claims.
    """
    seen: dict[str, int] = {}
    claims = []
    for entry in read_entries(locate_labelled(path)):
        if not {"claim_id", "claim", "positives", "negatives"} <= entry.fields.keys():
            raise entry.error("is not a mined claim; 'claimhound mine' writes files of mined claims")
        claim_id, text = entry.text("claim_id"), entry.text("claim")
        positives, negatives = (tuple(_passages(entry, name)) for name in ("positives", "negatives"))
        if not positives:
            raise entry.error(f"claim {claim_id!r} has no positives")
        first = seen.setdefault(claim_id, entry.line)
        if first != entry.line:
            raise entry.error(f"duplicate claim id {claim_id!r}, first seen in line {first}")
        claims.append(MinedClaim(claim_id, text, positives, negatives))
    if not claims:
        raise InputError(f"{path}: contains no mined claims; 'claimhound mine' writes such files")
    return claims


def _passages(claim: Entry, name: str) -> Iterator[MinedPassage]:
    for passage in claim.objects(name):
        doc_id, rank = passage.text("doc_id"), passage.fields.get("rank")
        if rank is not None and (isinstance(rank, bool) or not isinstance(rank, int) or rank < 1):
            raise claim.error(f"the rank of {doc_id!r} must be a whole number from 1, or null, not {rank!r}")
        yield MinedPassage(doc_id, passage.text("text"), rank)
