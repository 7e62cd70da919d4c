"""The main part of a job: every batch is searched and written to the journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any

from claimhound.data.disk.journal import Journal
from claimhound.data.errors import InputError, RecordError
from claimhound.data.progress import Progress
from claimhound.data.records import Json, Query
from claimhound.indexes.conditions import first_day
from claimhound.pipeline.annotation.batches import Batch, Place, Question, form_batches
from claimhound.pipeline.annotation.intake import ItemsDigest
from claimhound.pipeline.annotation.job import Job
from claimhound.pipeline.annotation.parallel import in_order
from claimhound.pipeline.annotation.records import bad_record, record_for
from claimhound.pipeline.annotation.searching import for_threads, search_batch

_BATCHES_AT_HAND = 8


def fill(journal: Journal, job: Job, on_progress: Progress, is_stopped: Callable[[], bool]) -> int | None:
    """Write every batch to the journal; return the number of records done by earlier runs, None if interrupted.

    Raises InputError if the journal holds other batches, and if the claims change while they are read.
    """
    digest = ItemsDigest()
    batches = form_batches(
        _digested(job.intake.items(), digest),
        job.batch_size,
        before=lambda claim: _earlier_day(job.intake.date(claim), job.settings.before),
    )
    done = n_bad = 0
    n_before = len(journal)
    todo: list[Batch] = []
    for batch in batches:
        if batch.number == n_before:
            todo.append(batch)
            break
        done, n_bad = done + batch.n_items, n_bad + len(batch.bad)
    n_resumed = done
    spent_s = 0.0
    if n_before:
        last: Any = journal.read(n_before - 1)
        if last["done"] != done:
            raise InputError(f"{journal.path}: its batches do not match the claims; discard it with --fresh")
        spent_s = last["spent_s"]

    def report() -> None:
        on_progress("annotate", done, job.survey.n_items, f"{n_bad:,} rejected" if n_bad else "")

    report()
    read = lru_cache(_BATCHES_AT_HAND)(journal.read)
    start = time.monotonic()
    for batch, found in in_order(
        for_threads(job.searcher),
        chain(todo, batches),
        lambda mine, batch: mine.in_turn(lambda: search_batch(mine, batch, job.settings)),
        is_stopped=is_stopped,
    ):
        done, n_bad = done + batch.n_items, n_bad + len(batch.bad)
        job.disk.before("append", journal.path)
        journal.append(
            [
                {
                    "claims": list(_records(batch, found, read)),
                    "bad": [bad_record(error) for error in batch.bad],
                    "done": done,
                    "n_bad": n_bad,
                    "spent_s": round(spent_s + time.monotonic() - start, 3),
                }
            ]
        )
        report()
    if done < job.survey.n_items and is_stopped():
        return None
    if digest.hexdigest() != job.survey.sha256:
        raise InputError("the claims changed while they were read; start again with --fresh")
    return n_resumed


def _earlier_day(day: str | None, other: str | None) -> str | None:
    """Return the earlier of two dates as a day (`YYYY-MM-DD`); a year or month counts as its first day."""
    days = [first_day(found) for found in (day, other) if found is not None]
    if not days:
        return None
    digits = f"{min(days):08d}"
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"


def _digested(items: Iterable[Query | RecordError], digest: ItemsDigest) -> Iterator[Query | RecordError]:
    for item in items:
        digest.add(item)
        yield item


def _records(batch: Batch, found: dict[Question, dict[str, Json]], read: Callable[[int], Json]) -> Iterator[Json]:
    for claim, question, first in zip(batch.claims, batch.questions, batch.same_as, strict=True):
        yield record_for(claim, found[question] if first.batch == batch.number else _earlier(read, first))


def _earlier(read: Callable[[int], Json], place: Place) -> dict[str, Json]:
    entry: Any = read(place.batch)
    record: dict[str, Json] = entry["claims"][place.claim]
    return record
