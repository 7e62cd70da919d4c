"""The end of a job: the output is written from the journal, and a finished job is recognized."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from claimhound.data.disk.checksums import sha256_of
from claimhound.data.disk.journal import Journal, differences, last_entry
from claimhound.data.errors import InputError
from claimhound.data.records import Json
from claimhound.pipeline.annotation.folder import JobFiles
from claimhound.pipeline.annotation.job import Job
from claimhound.pipeline.annotation.output import write_json_lines, write_output
from claimhound.pipeline.annotation.records import record_from


class Receipt(NamedTuple):
    """The journal entry of a finished job."""

    sha256: str
    n_claims: int
    n_bad: int


def finished_before(files: JobFiles, identity: Mapping[str, Json]) -> Receipt | None:
    """Return the receipt of a job that is already finished; None if there is work left.

    Raises InputError if a file would be lost that this job did not write.
    """
    if not files.journal.exists():
        if files.output.exists():
            raise InputError(f"{files.output}: already exists and belongs to no job; overwrite it with --fresh")
        return None
    before, entry = last_entry(files.journal)
    found: Any = entry.get("finished") if isinstance(entry, dict) else None
    if before is None or found is None:
        return None
    if not files.output.exists():
        files.journal.unlink()  # the output was removed: start over
        return None
    differing = differences(before, dict(identity))
    if differing:
        raise InputError(
            f"{files.output}: is the output of a job with other settings ({differing}); overwrite it with --fresh"
        )
    receipt = Receipt(**found)
    if sha256_of(files.output) != receipt.sha256:
        raise InputError(f"{files.output}: was changed after it was finished; overwrite it with --fresh")
    return receipt


def promote(journal: Journal, job: Job) -> None:
    """Write the output from the journal and move it into place; a run that died during this step repeats it.

    Raises InputError if a file cannot be written.
    """
    files, disk = job.files, job.disk
    index, models = job.searcher.origin()

    def records() -> Iterator[dict[str, Json]]:
        for record in _all(journal, "claims"):
            disk.growing(files.output_part)
            yield record_from(record, index, models)

    try:
        disk.before("write", files.rejected_part)
        if job.survey.n_bad:
            rejected = ({**record, "source": job.intake.source_name} for record in _all(journal, "bad"))
            write_json_lines(rejected, files.rejected_part)
            disk.sync_file(files.rejected_part)
            disk.rename(files.rejected_part, files.rejected)
        else:
            files.rejected.unlink(missing_ok=True)
        disk.before("write", files.output_part)
        write_output(
            records(),
            files.output_part,
            job.settings.output_format,
            job.survey.fields,
            title=f"Evidence for the claims of {job.intake.name}",
            is_dated=job.is_dated,
            plain_csv=job.settings.plain_csv,
        )
        disk.sync_file(files.output_part)
        sha256 = sha256_of(files.output_part)
        disk.rename(files.output_part, files.output)
        # Not earlier: if a power cut loses the folder's list of names, the journal must still be there.
        disk.sync_dir(files.output.absolute().parent)
        disk.before("unlink", files.spool)
        files.spool.unlink(missing_ok=True)
        disk.before("replace", files.journal)
        journal.replace([{"finished": Receipt(sha256, job.survey.n_claims, job.survey.n_bad)._asdict()}])
    except OSError as error:
        raise InputError(
            f"{files.output}: cannot be written: {error.strerror or error}; finished work is kept, "
            "and the same command resumes it"
        ) from error


def _all(journal: Journal, name: str) -> Iterator[Any]:
    for entry in journal:
        assert isinstance(entry, dict)
        listed = entry[name]
        assert isinstance(listed, list)
        yield from listed
