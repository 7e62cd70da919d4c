"""Claims in, the same claims with their evidence out: a job that may be killed at any moment and goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from data.checksums import sha256_of
from data.errors import InputError, RecordError
from data.file_systems import NO_SYNC
from data.journal import Journal, differences, last_entry
from data.records import Json, Query
from indexes.durable import Disk
from indexes.snapshot import IndexSnapshot
from pipeline.annotation.batches import Batch, Place, form_batches
from pipeline.annotation.folder import JobFiles
from pipeline.annotation.intake import ClaimSource, Intake, ItemsDigest, Survey
from pipeline.annotation.interrupts import first_interrupt
from pipeline.annotation.known import KnownClaims
from pipeline.annotation.output import OutputFormat, write_json_lines, write_output
from pipeline.annotation.records import bad_record, claim_record, record_for
from pipeline.annotation.side_by_side import in_order
from pipeline.evidence import EvidencePipeline
from pipeline.opening import describe
from pipeline.runtimes import n_threads_available

# Raise when records or batches come out otherwise, so that no job is continued by a version that makes others.
_VERSION = 1
_MOST_WORKERS = 4
# A CPU gains nothing from more, and what an interrupted job loses is one batch; a GPU is busy only with many pairs, and
# an index remembers the documents of no more claims than these.
_CLAIMS_ON_CPU = 16
_CLAIMS_ON_ACCELERATOR = 64
_BATCHES_AT_HAND = 8


@dataclass(frozen=True)
class AnnotationSettings:
    """What is asked for each claim, as `find_evidence` has it, and in what format the answers are written.

    `batch_size` claims are searched together, None for what suits the device. `n_known` is how many known claims are
    shown with each, where there are any.
    """

    k: int = 5
    adaptive: bool = False
    min_score: float | None = None
    output_format: OutputFormat = "jsonl"
    batch_size: int | None = None
    n_known: int = 5


class AnnotationProgress(NamedTuple):
    """How many records of how many are done, good and bad, and how many of these were bad."""

    done: int
    total: int
    n_bad: int


class Searcher(NamedTuple):
    """What finds evidence, and the claims that were already checked, if any."""

    pipeline: EvidencePipeline
    known: KnownClaims | None = None


@dataclass(frozen=True)
class AnnotationReport:
    """What a job did. `rejected` is where the bad records are told, None where there were none.

    `n_taken_up` is how many of the records an interrupted run had done before.
    """

    output: Path
    n_claims: int
    n_bad: int
    n_taken_up: int
    rejected: Path | None


def annotate(
    claims: ClaimSource,
    output: Path,
    load: Callable[[], Searcher],
    settings: AnnotationSettings = AnnotationSettings(),
    *,
    fresh: bool = False,
    n_workers: int | None = None,
    on_progress: Callable[[AnnotationProgress], None] = lambda _progress: None,
    on_interrupt: Callable[[], None] = lambda: None,
    on_notice: Callable[[str], None] = lambda _line: None,
    disk: Disk | None = None,
) -> AnnotationReport:
    """Find evidence for every claim of a source, each exactly once, and write it with the claim's own id and fields.

    The output appears when all is done. What was done until then is in the folder `OUTPUT.job`; started again with the
    same claims, settings, index and models, the job goes on there, and the output has the bytes that it would have had
    without the interruption. With `fresh` whatever is there is given up. A record that is no claim is set aside in
    `OUTPUT.rejected.jsonl`.

    `load` opens index and models, once it is known that there is something to do with them. `n_workers` batches are
    worked on at a time. `on_notice` is told what the file system does not guarantee. At the first interrupt
    `on_interrupt` is called, the batches at hand are brought to their end, and KeyboardInterrupt is raised.

    Raises InputError where another process is at work on the output, where another job's output or half of it is there,
    where no record is a claim, and where something cannot be read or written.
    """
    disk = disk or Disk()
    files = JobFiles.of(output)
    files.make_folder()
    with files.locked(on_notice):
        intake = Intake(claims, files.spool)
        survey = intake.survey()
        searcher = load()
        job = _identity(survey, settings, searcher)
        finished = _finished_before(files, job, fresh=fresh)
        if finished is not None:
            files.spool.unlink(missing_ok=True)
            return finished
        with Journal.open(files.journal, job, fresh=fresh) as journal, first_interrupt(on_interrupt) as is_stopped:
            n_taken_up = _fill(
                journal, intake, survey, searcher, settings, n_workers or min(_MOST_WORKERS, n_threads_available()),
                on_progress, is_stopped, disk,
            )  # fmt: skip
            if n_taken_up is None:
                raise KeyboardInterrupt
            _promote(journal, files, survey, settings.output_format, f"Evidence for the claims of {intake.name}", disk)
        if not (disk.confirms and journal.confirms):
            on_notice(f"{files.folder}: {NO_SYNC}")
        return _report(files, survey, n_taken_up)


def _identity(survey: Survey, settings: AnnotationSettings, searcher: Searcher) -> dict[str, Json]:
    """Return all that makes two jobs the same."""
    return {
        "version": _VERSION,
        "claims": {"sha256": survey.sha256, "n_claims": survey.n_claims, "n_bad": survey.n_bad},
        "settings": asdict(settings) | {"batch_size": _batch_size(settings, searcher.pipeline)},
        "known": None if searcher.known is None else searcher.known.fingerprint,
        "search": describe(searcher.pipeline),
    }


def _batch_size(settings: AnnotationSettings, pipeline: EvidencePipeline) -> int:
    if settings.batch_size is not None:
        return settings.batch_size
    is_on_cpu = pipeline.reranker is not None and pipeline.reranker.runtime_name.endswith("cpu")
    return _CLAIMS_ON_CPU if is_on_cpu else _CLAIMS_ON_ACCELERATOR


def _finished_before(files: JobFiles, job: dict[str, Json], *, fresh: bool) -> AnnotationReport | None:
    """Return the report of a job that is done already. Raises InputError where other people's work would be lost."""
    if fresh:
        return None
    if not files.journal.exists():
        if files.output.exists():
            raise InputError(f"{files.output}: is there already, and not as a job left it; give it up with --fresh")
        return None
    before, entry = last_entry(files.journal)
    receipt: Any = entry.get("finished") if isinstance(entry, dict) else None
    if before is None or receipt is None:
        return None
    if not files.output.exists():
        files.journal.unlink()  # somebody took the output away: made anew
        return None
    differing = differences(before, job)
    if differing:
        raise InputError(
            f"{files.output}: is the output of a job with other settings ({differing}); give it up with --fresh"
        )
    if sha256_of(files.output) != receipt["sha256"]:
        raise InputError(f"{files.output}: was changed since it was finished; make it anew with --fresh")
    n_claims, n_bad = receipt["n_claims"], receipt["n_bad"]
    return AnnotationReport(files.output, n_claims, n_bad, n_claims + n_bad, files.rejected if n_bad else None)


def _fill(
    journal: Journal,
    intake: Intake,
    survey: Survey,
    searcher: Searcher,
    settings: AnnotationSettings,
    n_workers: int,
    on_progress: Callable[[AnnotationProgress], None],
    is_stopped: Callable[[], bool],
    disk: Disk,
) -> int | None:
    """Bring every batch into the journal; return how many records were there before, None if an interrupt came."""
    digest = ItemsDigest()
    batches = form_batches(_taken_up(intake.items(), digest), _batch_size(settings, searcher.pipeline))
    done = n_bad = n_taken_up = 0
    n_before = len(journal)
    todo: list[Batch] = []
    for batch in batches:
        if batch.number == n_before:
            todo.append(batch)
            break
        done, n_bad = done + batch.n_items, n_bad + len(batch.bad)
    n_taken_up = done
    spent_s = 0.0
    if n_before:
        last: Any = journal.read(n_before - 1)
        if last["done"] != done:
            raise InputError(f"{journal.path}: holds other batches than the claims; give it up with --fresh")
        spent_s = last["spent_s"]
    on_progress(AnnotationProgress(done, survey.n_items, n_bad))
    read = lru_cache(_BATCHES_AT_HAND)(journal.read)
    start = time.monotonic()
    searchers = _searchers(searcher, n_workers)
    for batch, found in in_order(
        searchers, chain(todo, batches), lambda mine, batch: _search(mine, batch, settings), is_stopped=is_stopped
    ):
        done, n_bad = done + batch.n_items, n_bad + len(batch.bad)
        disk.before("append", journal.path)
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
        on_progress(AnnotationProgress(done, survey.n_items, n_bad))
    if done < survey.n_items and is_stopped():
        return None
    if digest.hexdigest() != survey.sha256:
        raise InputError("the claims changed while they were read; start again with --fresh")
    return n_taken_up


def _taken_up(items: Iterable[Query | RecordError], digest: ItemsDigest) -> Iterator[Query | RecordError]:
    for item in items:
        digest.add(item)
        yield item


def _searchers(searcher: Searcher, n: int) -> list[Searcher]:
    """Return one searcher for each thread: models serve all of them, an index snapshot one at a time."""
    pipeline, known = searcher
    index = pipeline.index
    if not isinstance(index, IndexSnapshot):
        return [searcher]
    others = [
        EvidencePipeline(
            index.for_another_thread(), pipeline.encoder, pipeline.reranker, pipeline.config, pipeline.stance
        )
        for _ in range(n - 1)
    ]
    return [searcher, *(Searcher(other, known) for other in others)]


def _search(searcher: Searcher, batch: Batch, settings: AnnotationSettings) -> dict[str, dict[str, Json]]:
    """Return the records of the claims of a batch that were not there before, by their text."""
    texts = batch.new_texts()
    if not texts:
        return {}
    answers = searcher.pipeline.find_evidence(
        texts, settings.k, adaptive=settings.adaptive, min_score=settings.min_score
    )
    known = None if searcher.known is None else searcher.known.nearest(texts, settings.n_known)
    return {
        text: claim_record(Query("", text), answer, None if known is None else known[row])
        for row, (text, answer) in enumerate(zip(texts, answers, strict=True))
    }


def _records(batch: Batch, found: dict[str, dict[str, Json]], read: Callable[[int], Json]) -> Iterator[Json]:
    for claim, first in zip(batch.claims, batch.same_as, strict=True):
        yield record_for(claim, found[claim.text] if first.batch == batch.number else _earlier(read, first))


def _earlier(read: Callable[[int], Json], place: Place) -> dict[str, Json]:
    entry: Any = read(place.batch)
    record: dict[str, Json] = entry["claims"][place.claim]
    return record


def _promote(
    journal: Journal, files: JobFiles, survey: Survey, output_format: OutputFormat, title: str, disk: Disk
) -> None:
    """Write the output out of the journal and put it in its place; what was done of this before is done again."""
    try:
        disk.before("write", files.rejected_part)
        if survey.n_bad:
            write_json_lines(_all(journal, "bad"), files.rejected_part)
            disk.sync_file(files.rejected_part)
            disk.rename(files.rejected_part, files.rejected)
        else:
            files.rejected.unlink(missing_ok=True)
        disk.before("write", files.output_part)
        write_output(_all(journal, "claims"), files.output_part, output_format, survey.fields, title=title)
        disk.sync_file(files.output_part)
        sha256 = sha256_of(files.output_part)
        disk.rename(files.output_part, files.output)
        # Only now: were the folder's list of names lost with the power, the journal must still be there.
        disk.sync_dir(files.output.absolute().parent)
        disk.before("unlink", files.spool)
        files.spool.unlink(missing_ok=True)
        disk.before("replace", files.journal)
        journal.replace([{"finished": {"sha256": sha256, "n_claims": survey.n_claims, "n_bad": survey.n_bad}}])
    except OSError as error:
        raise InputError(
            f"{files.output}: cannot be written: {error.strerror or error}; what was found is kept, "
            "and the same command goes on from there"
        ) from error


def _all(journal: Journal, name: str) -> Iterator[Any]:
    for entry in journal:
        assert isinstance(entry, dict)
        listed = entry[name]
        assert isinstance(listed, list)
        yield from listed


def _report(files: JobFiles, survey: Survey, n_taken_up: int) -> AnnotationReport:
    return AnnotationReport(
        files.output, survey.n_claims, survey.n_bad, n_taken_up, files.rejected if survey.n_bad else None
    )
