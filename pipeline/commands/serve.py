"""`serve`: answer claims over HTTP, with indexes and models kept warm."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from claimhound.data.extras import require
from claimhound.pipeline.commands.model_choice import ModelChoice, pipeline_options
from claimhound.pipeline.commands.named_indexes import indexes_option, named_indexes
from claimhound.pipeline.commands.options import count_option, path_option
from claimhound.pipeline.commands.output import say
from claimhound.pipeline.commands.settings import chosen_config
from claimhound.pipeline.server.jobs.limits import JobLimits

_JOBS = JobLimits()


@click.command(short_help="Answer claims in a browser and over HTTP.")
@indexes_option
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 for a free one.")
@path_option("--token-file", "token_path", "FILE", "File with the token that requests must carry.")
@click.option(
    "--allowed-host",
    "allowed_hosts",
    metavar="NAME",
    multiple=True,
    help="Host name under which browsers reach the server, such as a proxy's; repeatable.",
)
@click.option(
    "--queue",
    "most_waiting",
    default=256,
    show_default=True,
    metavar="N",
    type=click.IntRange(min=1),
    help="Claims that may wait; more are refused with status 429.",
)
@path_option("--jobs-dir", "jobs_dir", "DIR", "Folder for jobs, files of claims to annotate.  [default: no jobs]")
@count_option("--job-bytes", _JOBS.upload_bytes, "Bytes that the file of a job may have, packed and unpacked.")
@count_option("--most-jobs", _JOBS.kept, "Jobs that may be kept at a time, finished ones included.")
@count_option("--job-days", _JOBS.days, "Days after which a job that is over is removed.")
@count_option("--jobs-disk", _JOBS.disk_bytes, "Bytes that all jobs together may take.")
@pipeline_options
def serve(
    indexes: tuple[str, ...],
    host: str,
    port: int,
    token_path: Path | None,
    allowed_hosts: tuple[str, ...],
    most_waiting: int,
    jobs_dir: Path | None,
    job_bytes: int,
    most_jobs: int,
    job_days: int,
    jobs_disk: int,
    config_path: Path | None,
    first_stage_k: int,
    rerank_k: int,
    **model_options: Any,
) -> None:
    """Answer claims for a browser and for programs, with the answers of `claimhound search`.

    On this machine alone by default. With another --host, requests need the token of --token-file. Needs the extra
    `serve`. SIGTERM and Ctrl-C finish what is at hand; unfinished jobs of --jobs-dir go on when it is started again.
    """
    for module in ("starlette", "uvicorn", "pydantic", "prometheus_client"):
        require(module, "serve", "a server")
    from claimhound.pipeline.server.access import read_access
    from claimhound.pipeline.server.jobs.store import JobStore
    from claimhound.pipeline.server.running import listen, run
    from claimhound.pipeline.server.starting import start_service

    models = ModelChoice(**model_options)
    models.refuse_contradictions()
    access = read_access(host, allowed_hosts, token_path)
    config = chosen_config(config_path, first_stage_k=first_stage_k, rerank_k=rerank_k)
    named = named_indexes(indexes)
    # Before the models are loaded: a port or a folder that is taken is told at once.
    with listen(host, port) as socket, ExitStack() as opened:
        jobs = None
        if jobs_dir is not None:
            limits = JobLimits(upload_bytes=job_bytes, kept=most_jobs, days=job_days, disk_bytes=jobs_disk)
            jobs = JobStore(jobs_dir, limits)
            opened.callback(jobs.close)
        service = start_service(named, lambda folder: models.open(folder, config), models.compute, most_waiting, jobs)
        run(service, access, socket, say)
