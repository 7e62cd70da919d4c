"""Claims in, the same claims with their evidence out: a job that may be killed at any moment and goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from claimhound.data.disk.checksums import sha256_of
from claimhound.data.disk.file_systems import NO_SYNC
from claimhound.data.disk.journal import Journal, differences, last_entry
from claimhound.data.errors import InputError, RecordError
from claimhound.data.records import Json, Query
from claimhound.indexes.conditions import Conditions, first_day
from claimhound.indexes.durable import Disk
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.annotation.batches import Batch, Place, Question, form_batches
from claimhound.pipeline.annotation.folder import JobFiles
from claimhound.pipeline.annotation.intake import ClaimSource, Intake, ItemsDigest, Survey, files_read
from claimhound.pipeline.annotation.interrupts import first_interrupt
from claimhound.pipeline.annotation.known import KnownClaims
from claimhound.pipeline.annotation.output import OutputFormat, column_names, write_json_lines, write_output
from claimhound.pipeline.annotation.records import bad_record, claim_record, record_for, record_from
from claimhound.pipeline.annotation.side_by_side import in_order
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.opening import describe, without_places
from claimhound.pipeline.serving.devices import n_threads_available

# Raise when records or batches come out otherwise, so that no job is continued by a version that makes others.
_VERSION = 2
_MOST_WORKERS = 4
# A CPU gains nothing from more, and what an interrupted job loses is one batch; a GPU is busy only with many pairs, and
# an index remembers the documents of no more claims than these.
_CLAIMS_ON_CPU = 16
_CLAIMS_ON_ACCELERATOR = 64
_BATCHES_AT_HAND = 8


@dataclass(frozen=True)
class AnnotationSettings:
    """What is asked for each claim, as `find_evidence` has it, and in what format the answers are written.

    `folding` makes near-copies one piece of evidence. `batch_size` claims are searched together, None for what suits
    the device. `n_known` is how many known claims are shown with each, where there are any. `plain_csv` writes a CSV
    for programs and not for spreadsheets. Evidence is dated before the day `before` and has the values of `where`;
    where claims have dates of their own, the earlier day counts for each.
    """

    k: int = 5
    adaptive: bool = False
    min_score: float | None = None
    folding: bool = True
    output_format: OutputFormat = "jsonl"
    batch_size: int | None = None
    n_known: int = 5
    plain_csv: bool = False
    before: str | None = None
    where: tuple[tuple[str, str], ...] = ()


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

    `n_taken_up` is how many of the records an interrupted run had done before. `renamed` has the columns of the claims'
    fields that are named as columns of ours.
    """

    output: Path
    n_claims: int
    n_bad: int
    n_taken_up: int
    rejected: Path | None
    renamed: dict[str, str] = field(default_factory=dict)

    @property
    def bad_share(self) -> float:
        """The share of records that are no claims."""
        return self.n_bad / (self.n_claims + self.n_bad)


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
    without the interruption. Claims, index and models are told by what they hold: they may have moved, and so may the
    output with its folder; what the output says of their places is where the last run found them. With `fresh` whatever
    is there is given up. A record that is no claim is set aside in `OUTPUT.rejected.jsonl`.

    `load` opens index and models, once it is known that there is something to do with them. `n_workers` batches are
    worked on at a time. `on_notice` is called with each line of what the readers noticed, and told what the file system
    does not guarantee. At the first interrupt
    `on_interrupt` is called, the batches at hand are brought to their end, and KeyboardInterrupt is raised.

    Raises InputError for an output that is a stream or the file of the claims, where another process is at work on it,
    where another job's output or half of it is there, where no record is a claim, and where something cannot be read or
    written.
    """
    disk = disk or Disk()
    files = JobFiles.of(output)
    files.require_apart(files_read(claims))
    files.make_folder()
    with files.locked(on_notice):
        intake = Intake(claims, files.spool)
        try:
            survey = intake.survey()
        finally:
            for line in intake.notices.lines():
                on_notice(line)
        searcher = load()
        job = _identity(claims, survey, settings, searcher)
        is_dated = settings.before is not None or claims.before_field is not None
        columns = column_names(survey.fields, settings.output_format, is_dated=is_dated)
        renamed = {name: column for name, column in columns.items() if column != name}
        finished = _finished_before(files, job, fresh=fresh)
        if finished is not None:
            files.spool.unlink(missing_ok=True)
            return replace(finished, renamed=renamed)
        with Journal.open(files.journal, job, fresh=fresh) as journal, first_interrupt(on_interrupt) as is_stopped:
            n_taken_up = _fill(
                journal, intake, survey, searcher, settings, n_workers or min(_MOST_WORKERS, n_threads_available()),
                on_progress, is_stopped, disk,
            )  # fmt: skip
            if n_taken_up is None:
                raise KeyboardInterrupt
            _promote(journal, files, survey, intake, searcher.pipeline, settings, disk, is_dated=is_dated)
        if not (disk.confirms and journal.confirms):
            on_notice(f"{files.folder}: {NO_SYNC}")
        rejected = files.rejected if survey.n_bad else None
        return AnnotationReport(files.output, survey.n_claims, survey.n_bad, n_taken_up, rejected, renamed)


def _identity(claims: ClaimSource, survey: Survey, settings: AnnotationSettings, searcher: Searcher) -> dict[str, Json]:
    """Return all that makes two jobs the same."""
    return {
        "version": _VERSION,
        "claims": {
            "sha256": survey.sha256,
            "n_claims": survey.n_claims,
            "n_bad": survey.n_bad,
            "before_field": claims.before_field,
            "date_order": claims.reading.date_order if claims.before_field is not None else None,
        },
        "settings": asdict(settings) | {"batch_size": _batch_size(settings, searcher.pipeline)},
        "known": None if searcher.known is None else searcher.known.fingerprint,
        "search": without_places(describe(searcher.pipeline)),
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
    batches = form_batches(
        _taken_up(intake.items(), digest),
        _batch_size(settings, searcher.pipeline),
        before=lambda claim: _earlier_day(intake.date(claim), settings.before),
    )
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


def _earlier_day(day: str | None, other: str | None) -> str | None:
    """Return the earlier of two dates as a day (`YYYY-MM-DD`); of a year or a month the first day counts."""
    days = [first_day(found) for found in (day, other) if found is not None]
    if not days:
        return None
    digits = f"{min(days):08d}"
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"


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


def _search(searcher: Searcher, batch: Batch, settings: AnnotationSettings) -> dict[Question, dict[str, Json]]:
    """Return the records of a batch's questions that were not there before."""
    questions = batch.new_questions()
    of_day: dict[str | None, list[str]] = {}
    for text, before in questions:
        of_day.setdefault(before, []).append(text)
    found: dict[Question, dict[str, Json]] = {}
    for before, texts in of_day.items():
        answers = searcher.pipeline.find_evidence(
            texts,
            settings.k,
            adaptive=settings.adaptive,
            min_score=settings.min_score,
            conditions=Conditions(before, settings.where),
            folding=settings.folding,
        )
        known = None if searcher.known is None else searcher.known.nearest(texts, settings.n_known)
        for row, (text, answer) in enumerate(zip(texts, answers, strict=True)):
            nearest = None if known is None else known[row]
            found[Question(text, before)] = claim_record(Query("", text), answer, nearest, before=before)
    return found


def _records(batch: Batch, found: dict[Question, dict[str, Json]], read: Callable[[int], Json]) -> Iterator[Json]:
    for claim, question, first in zip(batch.claims, batch.questions, batch.same_as, strict=True):
        yield record_for(claim, found[question] if first.batch == batch.number else _earlier(read, first))


def _earlier(read: Callable[[int], Json], place: Place) -> dict[str, Json]:
    entry: Any = read(place.batch)
    record: dict[str, Json] = entry["claims"][place.claim]
    return record


def _promote(
    journal: Journal,
    files: JobFiles,
    survey: Survey,
    intake: Intake,
    pipeline: EvidencePipeline,
    settings: AnnotationSettings,
    disk: Disk,
    *,
    is_dated: bool,
) -> None:
    """Write the output out of the journal and put it in its place; what was done of this before is done again."""
    index, models = pipeline.origin()
    records = (record_from(record, index, models) for record in _all(journal, "claims"))
    try:
        disk.before("write", files.rejected_part)
        if survey.n_bad:
            write_json_lines(
                ({**record, "source": intake.source_name} for record in _all(journal, "bad")), files.rejected_part
            )
            disk.sync_file(files.rejected_part)
            disk.rename(files.rejected_part, files.rejected)
        else:
            files.rejected.unlink(missing_ok=True)
        disk.before("write", files.output_part)
        write_output(
            records,
            files.output_part,
            settings.output_format,
            survey.fields,
            title=f"Evidence for the claims of {intake.name}",
            is_dated=is_dated,
            plain_csv=settings.plain_csv,
        )
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
