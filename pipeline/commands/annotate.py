"""`annotate`: find evidence for a file of claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from claimhound.data.read_options import DateOrder, ReadOptions
from claimhound.data.text.wording import counted
from claimhound.pipeline.commands.conditions import chosen_conditions, condition_options
from claimhound.pipeline.commands.exit_codes import EXIT_REJECTS
from claimhound.pipeline.commands.long_jobs import if_interrupted
from claimhound.pipeline.commands.model_choice import ModelChoice, pipeline_options
from claimhound.pipeline.commands.options import adaptive_options, count_option, no_fold_option, path_option
from claimhound.pipeline.commands.output import print_text, say
from claimhound.pipeline.commands.progress_display import duration, pace_text, progress_display
from claimhound.pipeline.commands.reading_options import LARGE_BAD_SHARE, claim_reading_options
from claimhound.pipeline.commands.settings import chosen_config
from claimhound.pipeline.commands.typed_claims import STDIN, require_stdin


@click.command(short_help="Find evidence for a file of claims.")
@click.argument("claims", required=False)
@path_option("--index", "index_dir", "DIR", "Folder of the index.  [required]")
@path_option("--output", "output", "OUT", "File to write.  [required]")
@path_option("--status", "status_of", "OUT", "Show the progress of the job that makes OUT, running or not, and exit.")
@count_option("-k", 5, "Pieces of evidence for each claim.")
@adaptive_options
@no_fold_option
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["jsonl", "csv", "parquet", "html"]),
    help="Format of OUT.  [default: by the ending of its name]",
)
@click.option("--plain-csv", is_flag=True, help="Write a CSV for programs, without additions for spreadsheets.")
@condition_options
@click.option("--before-field", metavar="NAME", help="Field with each claim's date; evidence must be dated before it.")
@click.option(
    "--date-order", type=click.Choice(get_args(DateOrder)),
    help="Order of a date such as 03/04/2021.  [default: such a date is invalid]",
)  # fmt: skip
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Annotate only the first N claims.")
@click.option("--fresh", is_flag=True, help="Start over and discard existing work.")
@click.option("--known", metavar="FILE", help="Claims already checked; the nearest are shown with each claim.")
@count_option("--known-k", 5, "Number of known claims to show.")
@claim_reading_options
@click.option(
    "--batch-size",
    default="auto",
    show_default=True,
    metavar="N",
    callback=lambda _context, _option, value: _batch_size(value),
    help="Claims to search together; auto picks a number for the device.",
)
@click.option(
    "--workers", metavar="N", type=click.IntRange(min=1),
    help="Batches to search at a time.  [default: the number of cores, at most 4]",
)  # fmt: skip
@pipeline_options
def annotate(
    claims: str | None,
    index_dir: Path | None,
    output: Path | None,
    status_of: Path | None,
    k: int,
    adaptive_k: bool,
    min_score: float | None,
    no_fold: bool,
    output_format: Any,
    plain_csv: bool,
    before: str | None,
    where: tuple[str, ...],
    before_field: str | None,
    limit: int | None,
    fresh: bool,
    known: str | None,
    known_k: int,
    reading: ReadOptions,
    batch_size: int | None,
    workers: int | None,
    config_path: Path | None,
    first_stage_k: int,
    rerank_k: int,
    **model_options: Any,
) -> None:
    """Find evidence for each claim in CLAIMS and write all of them to OUT, with their own ids and fields.

    CLAIMS is a file, a BEIR folder, hf:NAME[@CONFIG][:SPLIT], or - for one claim per line on standard input. After a
    kill or an interruption the same command resumes the job, and OUT is byte-for-byte the same. Bad records are written
    to OUT.rejected.jsonl, and the exit status is then 4. With --before-field a claim gets no evidence from after its
    date, and a claim without a readable date is a bad record.
    """
    if status_of is not None:
        if claims is not None or index_dir is not None or output is not None:
            raise click.UsageError("--status OUT allows no other arguments")
        _print_status(status_of)
        return
    if claims is None or index_dir is None or output is None:
        raise click.UsageError("name the claims, --index DIR and --output OUT (or a job with --status OUT)")
    models = ModelChoice(**model_options)
    models.refuse_contradictions(adaptive_k=adaptive_k, min_score=min_score)
    if known is not None and models.no_encoder:
        raise click.UsageError("--known needs the encoder to compare claims; leave out --no-encoder")
    if reading.date_order is not None and before_field is None:
        raise click.UsageError("--date-order is for the dates of claims: it needs --before-field NAME")
    conditions = chosen_conditions(before, where)
    if claims == STDIN:
        require_stdin()
    config = chosen_config(config_path, first_stage_k=first_stage_k, rerank_k=rerank_k)
    from claimhound.api import annotate
    from claimhound.pipeline.annotation.folder import JobFiles
    from claimhound.pipeline.annotation.output import format_of

    JobFiles.of(output).require_apart([Path(name) for name in (known, config_path) if name is not None])
    output_format = output_format or format_of(output)
    if plain_csv and output_format != "csv":
        raise click.UsageError("--plain-csv is for a CSV file")
    with (
        if_interrupted(f"run the same command again to resume; {output} is written when everything is done"),
        progress_display("records", say, every_s=60) as on_progress,
    ):
        report = annotate(
            claims,
            output,
            lambda: models.open(index_dir, config),
            k,
            adaptive=adaptive_k,
            min_score=min_score,
            conditions=conditions,
            folding=not no_fold,
            output_format=output_format,
            plain_csv=plain_csv,
            reading=reading,
            before_field=before_field,
            limit=limit,
            known=known,
            n_known=known_k,
            batch_size=batch_size,
            n_workers=workers,
            fresh=fresh,
            on_progress=on_progress,
            on_notice=say,
        )
    details = [f"{report.n_resumed:,} records already done"] if report.n_resumed else []
    details += [_rejected(report.n_bad)] if report.n_bad else []
    print_text(f"{output}: {counted(report.n_claims, 'claim')}" + (f" ({', '.join(details)})" if details else ""))
    if report.renamed:
        own, columns = ", ".join(report.renamed), ", ".join(report.renamed.values())
        say(f"{output}: the claims' own {own} {'is' if len(report.renamed) == 1 else 'are'} in {columns}")
    if report.rejected is not None:
        say(f"{report.rejected}: {counted(report.n_bad, 'bad record')}, with line and reason")
        if report.bad_share >= LARGE_BAD_SHARE:
            total = counted(report.n_claims + report.n_bad, "record")
            say(
                f"WARNING: {output} lacks {report.n_bad:,} of {total} ({report.bad_share:.0%}): "
                f"check {report.rejected} before you use it"
            )
        click.get_current_context().exit(EXIT_REJECTS)


def _batch_size(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise click.BadParameter(f"{text!r} is neither auto nor a positive whole number")
    return int(text)


def _rejected(n: int) -> str:
    return f"{n:,} rejected"


def _print_status(output: Path) -> None:
    from claimhound.pipeline.annotation.status import job_status

    status = job_status(output)
    parts = [f"{status.done:,} of {counted(status.total, 'record')} ({status.done / status.total:.0%})"]
    parts += [_rejected(status.n_bad)] if status.n_bad else []
    if status.state != "finished":
        parts += [] if status.per_second is None else [f"{pace_text(status.per_second)} a second"]
        parts += [] if status.left_s is None else [f"about {duration(status.left_s)} left"]
        idle = f"{status.idle_s:.0f} s" if status.idle_s < 90 else duration(status.idle_s)
        parts.append(f"last progress {idle} ago")
    print_text(f"{output}: {status.state}, {', '.join(parts)}")
