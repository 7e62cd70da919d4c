"""Mined claims on the disk: what `claimhound mine` writes and every training reads.

JSON Lines, one claim a line, with its judged evidence and its hard negatives:

    {"claim_id": "c1", "claim": "…",
     "positives": [{"doc_id": "d7", "text": "…"}],
     "negatives": [{"doc_id": "d3", "text": "…", "rank": 12}]}

`rank` is the negative's place in the list that it was drawn from, from 1, and null for a passage that was judged not to
be relevant. An encoder learns each positive against the claim's negatives, a reranker each passage for itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.errors import InputError, RecordError
from claimhound.data.formats.sources import locate_text
from claimhound.data.formats.streams import read_lines
from claimhound.data.rejects import rejecter
from claimhound.pipeline.training.negatives.mining import MinedClaim, MinedPassage


def write_mined_claims(claims: Iterable[MinedClaim], path: Path) -> None:
    """Write the claims; the file appears whole or not at all. Raises InputError where it cannot be written."""
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
    """Return the claims of a file, in its order.

    Raises RecordError for a line of another shape, a claim id that was there before, or a claim without positives, and
    InputError for a file without claims.
    """
    seen: dict[str, int] = {}
    claims = []
    for line, text in read_lines(locate_text(path), rejecter("stop")):
        try:
            record = json.loads(text)
        except ValueError as error:
            raise RecordError(str(path), line, f"is not JSON: {error}") from error
        claim = _claim(str(path), line, record)
        first = seen.setdefault(claim.query_id, line)
        if first != line:
            raise RecordError(str(path), line, f"claim {claim.query_id!r} is there twice, first in line {first}")
        claims.append(claim)
    if not claims:
        raise InputError(f"{path}: holds no mined claims; claimhound mine makes such a file")
    return claims


def _claim(path: str, line: int, record: object) -> MinedClaim:
    if not isinstance(record, dict):
        raise RecordError(path, line, "is no JSON object")
    for name in ("claim_id", "claim"):
        if not isinstance(record.get(name), str) or not record[name].strip():
            raise RecordError(
                path, line, f"{name!r} must be a text that is not empty; claimhound mine makes such files"
            )
    positives, negatives = (tuple(_passages(path, line, record, name)) for name in ("positives", "negatives"))
    if not positives:
        raise RecordError(path, line, f"claim {record['claim_id']!r} has no positives")
    return MinedClaim(record["claim_id"], record["claim"], positives, negatives)


def _passages(path: str, line: int, record: dict[str, Any], name: str) -> Iterator[MinedPassage]:
    items = record.get(name)
    if not isinstance(items, list):
        raise RecordError(path, line, f"{name!r} must be a list of passages")
    for item in items:
        doc_id, text, rank = (item.get(key) if isinstance(item, dict) else None for key in MinedPassage._fields)
        if not isinstance(doc_id, str) or not isinstance(text, str) or not text.strip():
            raise RecordError(path, line, f"each of {name!r} must have a 'doc_id' and a 'text' that is not empty")
        if rank is not None and (isinstance(rank, bool) or not isinstance(rank, int) or rank < 1):
            raise RecordError(
                path, line, f"the rank of {doc_id!r} must be a whole number from 1, or null, not {rank!r}"
            )
        yield MinedPassage(doc_id, text, rank)
