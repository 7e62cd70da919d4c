"""A process that forks others, harms each while it uses an index, and reports how they ended: see `tests.victims`."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import time
from functools import partial
from itertools import count
from pathlib import Path

from index_samples import CHANGES, ENCODER, QUERIES, documents, unit_vectors

from claimhound.data.errors import IndexUnusableError, IndexWriteError
from claimhound.indexes import IndexSnapshot, IndexWriter, verify_index
from tests.victims import DyingDisk, ended, serve
from tests.victims import start as start_with

start = partial(start_with, ours=(IndexUnusableError, IndexWriteError))


def _fresh(base: str, target: Path) -> Path:
    if base:
        shutil.copytree(base, target)
    return target


def die_ahead_of(base: str, work: str, change: str, operations: list[int]) -> list[int]:
    """Make the change once for each of these disk operations, counted from 0, dying before it; return exit codes."""
    codes = []
    for n in operations:
        index_dir = _fresh(base, Path(work, str(n)))
        codes.append(ended(start(lambda index_dir=index_dir, n=n: CHANGES[change](index_dir, DyingDisk(n)))))
    return codes


def write_with_limits(base: str, work: str, change: str, limits: list[int]) -> list[int]:
    """Make the change once for each limit on file size in bytes; return the exit codes."""

    def limited(index_dir: Path, limit: int) -> None:
        _silence()  # standard error may be a file with the same limit
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        CHANGES[change](index_dir, None)

    codes = []
    for limit in limits:
        index_dir = _fresh(base, Path(work, str(limit)))
        codes.append(ended(start(lambda index_dir=index_dir, limit=limit: limited(index_dir, limit))))
    return codes


def change_until_shot(base: str, work: str, n_times: int, seed: int) -> list[int]:
    """Start a process that adds to an index and compacts it over and over, and kill it at a random moment.

    The moment comes after 0 to 4 commits, each of which adds one document. Returns for each process the number of
    commits it reported.
    """
    chance = random.Random(seed)
    told = []
    for n in range(n_times):
        index_dir = _fresh(base, Path(work, str(n)))
        reader, writer = os.pipe()
        process = start(lambda index_dir=index_dir, writer=writer: _change_for_ever(index_dir, writer))
        os.close(writer)
        reports = os.read(reader, 1)  # it has started
        while len(reports) <= n % 5:
            reports += os.read(reader, 1)
        time.sleep(chance.random() * 0.05)
        os.kill(process, signal.SIGKILL)
        assert ended(process) == -signal.SIGKILL
        told.append(len(reports + os.read(reader, 1 << 16)) - 1)
        os.close(reader)
    return told


def _change_for_ever(index_dir: Path, writer: int) -> None:
    os.write(writer, b"s")
    for n in count():
        with IndexWriter.open(index_dir, exact_up_to=40, small_up_to=0) as index:
            index.add(documents(1, first=1000 + n), unit_vectors(1, seed=n))
            index.delete([f"d{n:04d}"] if n % 3 == 1 else [])
            if n % 5 == 4:
                index.compact()
            index.commit()
        os.write(writer, b"c")


def use_damaged(index_dir: str, damages: list[tuple[str, int, str]]) -> list[int]:
    """Open and search an index once for each damage: (file, offset, bytes in hex); offset -1 replaces the whole file.

    The file is restored after each. Returns the exit codes.
    """
    codes = []
    for name, offset, hexadecimal in damages:
        path = Path(name)
        whole = path.read_bytes()
        harm = bytes.fromhex(hexadecimal)
        path.write_bytes(harm if offset < 0 else whole[:offset] + harm + whole[offset + len(harm) :])
        codes.append(ended(start(lambda: _use(Path(index_dir)))))
        path.write_bytes(whole)
    return codes


def _silence() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _use(index_dir: Path) -> None:
    _silence()
    snapshot = IndexSnapshot.open(index_dir)
    for query in QUERIES:
        snapshot.documents([hit.doc_id for hit in snapshot.search_text(query, 20)])
    snapshot.search_vectors(unit_vectors(2, seed=5), 100, probe_share=1.0)
    snapshot.neighbours("d0010", 2)


def read_without_rights(index_dir: str) -> int:
    """Search and verify an index as a user without write permission; return the exit code."""

    def read() -> None:
        if os.getuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        _use(Path(index_dir))
        assert not verify_index(Path(index_dir)).damaged

    return ended(start(read))


def hold_lock(index_dir: str) -> None:
    """Open an index for writing, report it, and wait to be killed."""
    with IndexWriter.open(Path(index_dir)) as writer:
        assert writer.encoder == ENCODER
        print(json.dumps("held"), flush=True)
        signal.pause()


if __name__ == "__main__":
    serve(globals())
