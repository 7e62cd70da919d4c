"""Files of claims, written as JSON Lines that every command reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.records import Query


def write_claims(claims: Iterable[Query], path: Path) -> None:
    """Write `_id`, `text` and the further fields of each claim in one atomic step.

    Raises InputError if the file cannot be written.
    """
    with write_atomically(path) as file:
        for claim in claims:
            record = {"_id": claim.query_id, "text": claim.text, **claim.fields}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
