"""A process that starts others, kills each while it renews an index, and reports how far they got.

Run as `python renewal_victim.py FUNCTION JSON-ARGUMENTS`; prints JSON.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
from functools import partial
from itertools import count
from pathlib import Path

from claimhound.data.errors import ClaimhoundError
from claimhound.indexes.durable import Disk
from claimhound.pipeline.indexing.encoding import IndexingReport
from claimhound.pipeline.indexing.renewing import renew_index
from tests.pipeline.pipeline_fakes import IDENTITY, FakeEncoder
from tests.victims import DONE, DyingDisk, ended
from tests.victims import start as start_with

start = partial(start_with, ours=(ClaimhoundError,))
SHARD_SIZE = 4


def renew(index_dir: Path, disk: Disk | None = None) -> tuple[IndexingReport, list[list[str]]]:
    """Renew in this process; return the report and the encoded texts, shard by shard."""
    encoder = FakeEncoder(vectors(), identity=IDENTITY)
    return renew_index(index_dir, encoder, shard_size=SHARD_SIZE, disk=disk), encoder.calls


def vectors() -> dict[str, tuple[float, float]]:
    """The encoder's vectors for the texts of these tests, with and without a title."""
    by_text = {f"glacier {number} of {number % 3}": (1.0, number / 10) for number in range(20)}
    return by_text | {f"Title: {text}": vector for text, vector in by_text.items()}


def die_everywhere(index_dir: str, work: str) -> int:
    """Renew a copy once per change to the disk, dying just before it; return the number of changes."""
    for n in count():
        copy = Path(shutil.copytree(index_dir, Path(work, str(n))))
        code = ended(start(lambda copy=copy, n=n: renew(copy, DyingDisk(n))))
        if code == DONE:
            return n
        assert code == -signal.SIGKILL, code
    raise AssertionError("unreachable")


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](**json.loads(sys.argv[2]))))
