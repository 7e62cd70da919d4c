"""/v1/jobs: a file of claims is uploaded, followed, and fetched with its evidence."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import wraps
from typing import BinaryIO, TypeAlias

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response

from claimhound.data.records import Json
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.annotation.folder import JobFiles
from claimhound.pipeline.server.answers import Job, Jobs
from claimhound.pipeline.server.bodies import read_json
from claimhound.pipeline.server.job_messages import JobForm, JobRequest, JobSettings, OutputQuery, form_record
from claimhound.pipeline.server.jobs.limits import JobRefused, Reason
from claimhound.pipeline.server.jobs.record import JobRecord
from claimhound.pipeline.server.jobs.runner import JobRunner
from claimhound.pipeline.server.jobs.uploads import shown_name, too_large
from claimhound.pipeline.server.messages import parsed, parsed_query
from claimhound.pipeline.server.operations import Answer, Content, DescribedRoute, Operation
from claimhound.pipeline.server.problems import RequestProblem, not_found
from claimhound.pipeline.server.responses import json_response
from claimhound.pipeline.server.search_routes import require_models
from claimhound.pipeline.server.service import Service

_STATUS: dict[Reason, int] = {
    "unknown": 404,
    "not_finished": 409,
    "wrong_file": 422,
    "too_large": 413,
    "too_many_jobs": 429,
    "disk_full": 429,
}
_MEDIA = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "html": "text/html; charset=utf-8",
}
_MULTIPART = "multipart/form-data"
# Uploads at a time, each of which takes disk before it is counted as a job, and how long one may take.
_MOST_UPLOADS = 4
_UPLOAD_S = 600
_FORM_BYTES = 200_000  # of a form around its file
_MOST_FIELDS = 20
_PASTED = "claims.jsonl"

_Answering: TypeAlias = Callable[[Request, JobRunner], Awaitable[Response]]

_EXAMPLE: dict[str, Json] = {
    "id": "q3vJm0cVt1o5wq9G2rJrXA",
    "name": "claims.jsonl",
    "state": "running",
    "done": 12,
    "total": 40,
    "n_rejected": 0,
    "message": None,
    "created": "2026-03-04T05:06:07+00:00",
    "expires": None,
    "index": "news",
    "generation": 3,
    "format": "jsonl",
}
_ID = {"job_id": "q3vJm0cVt1o5wq9G2rJrXA"}
_JOB = Content(Job, _EXAMPLE)
_ADD = Operation(
    "A file of claims to annotate, as a job.",
    [Answer("The job, which waits for its turn.", [_JOB], status=202)],
    body=Content(JobForm, {"file": '{"claim": "The sea rises."}', "k": 3}, _MULTIPART),
    other_bodies=[Content(JobRequest, {"claims": ["The sea rises."], "k": 3})],
    details="A job is answered from the generation of the index that is current now. It goes on after a restart.",
)
_LIST = Operation("All jobs.", [Answer("The jobs.", [Content(Jobs, {"jobs": [_EXAMPLE]})])])
_ONE = Operation("A job, and how far it is.", [Answer("The job.", [_JOB])], path_examples=_ID)
_DELETE = Operation("A job is cancelled and removed.", [Answer("The job as it was.", [_JOB])], path_examples=_ID)
_OUTPUT = Operation(
    "The output of a finished job.",
    [Answer("The file.", [Content(None, "", media) for media in _MEDIA.values()])],
    query=OutputQuery,
    path_examples=_ID,
)
_REJECTED = Operation(
    "The records of a finished job that are not claims, with line and reason.",
    [Answer("JSON lines.", [Content(None, "", _MEDIA["jsonl"])])],
    path_examples=_ID,
)


def job_routes(service: Service) -> list[DescribedRoute]:
    """Return the routes of jobs; without a folder for jobs they all answer that there are none."""
    uploads = _Uploads()

    def with_jobs(answer: _Answering) -> Callable[[Request], Awaitable[Response]]:
        @wraps(answer)
        async def route(request: Request) -> Response:
            if service.jobs is None:
                raise not_found("this server takes no jobs; it does when started with --jobs-dir DIR")
            try:
                return await answer(request, service.jobs)
            except JobRefused as refused:
                raise RequestProblem(_STATUS[refused.reason], refused.reason, str(refused)) from refused

        return route

    @with_jobs
    async def add(request: Request, jobs: JobRunner) -> Response:
        await asyncio.to_thread(jobs.store.require_room)
        with uploads:
            settings, name, file, n_bytes = await _upload(request, service, jobs.store.limits.upload_bytes)
            try:
                index = service.index(settings.index)
                require_models(index, adaptive_k=settings.adaptive_k, min_score=settings.min_score)
                loop = asyncio.get_running_loop()

                def current() -> IndexSnapshot:
                    newest = service.queue.call(lambda: (index.current(), index.snapshot)[1])
                    return asyncio.run_coroutine_threadsafe(newest, loop).result()

                order = settings.order(index.name)
                record = await asyncio.to_thread(jobs.store.add, order, name, file, current, n_bytes)
            finally:
                file.close()
        jobs.wake()
        response = _shown(jobs, record, 202)
        response.headers["Location"] = f"/v1/jobs/{record.id}"
        return response

    @with_jobs
    async def listed(_: Request, jobs: JobRunner) -> Response:
        found = await asyncio.to_thread(jobs.store.all)
        return json_response({"jobs": [record.shown(jobs.store.limits.days) for record in found]})

    @with_jobs
    async def one(request: Request, jobs: JobRunner) -> Response:
        return _shown(jobs, await _found(request, jobs))

    @with_jobs
    async def output(request: Request, jobs: JobRunner) -> Response:
        record = _finished(await _found(request, jobs))
        wanted = parsed_query(OutputQuery, request.query_params).format or record.order.output_format
        names = {record.order.output_format: record.output_name} | ({"html": "page.html"} if record.page_name else {})
        if wanted not in names:
            raise not_found(f"this job has no output in that format; it has {' and '.join(names)}")
        path = jobs.store.path(record, names[wanted])
        # Never shown in place: a page of the server's own address may do what the desk may.
        return FileResponse(path, media_type=_MEDIA[wanted], filename=record.download_name(wanted))

    @with_jobs
    async def rejected(request: Request, jobs: JobRunner) -> Response:
        record = _finished(await _found(request, jobs))
        if not record.n_rejected:
            return Response(b"", media_type=_MEDIA["jsonl"])
        path = JobFiles.of(jobs.store.path(record, record.output_name)).rejected
        return FileResponse(path, media_type=_MEDIA["jsonl"], filename=record.download_name("rejected.jsonl"))

    @with_jobs
    async def delete(request: Request, jobs: JobRunner) -> Response:
        return _shown(jobs, await asyncio.to_thread(jobs.store.cancel, request.path_params["job_id"]))

    return [
        DescribedRoute("POST", "/v1/jobs", add, _ADD),
        DescribedRoute("GET", "/v1/jobs", listed, _LIST),
        DescribedRoute("GET", "/v1/jobs/{job_id}", one, _ONE),
        DescribedRoute("DELETE", "/v1/jobs/{job_id}", delete, _DELETE),
        DescribedRoute("GET", "/v1/jobs/{job_id}/output", output, _OUTPUT),
        DescribedRoute("GET", "/v1/jobs/{job_id}/rejected", rejected, _REJECTED),
    ]


class _Uploads:
    """Counts uploads at hand, in the thread of the event loop, and refuses too many."""

    def __init__(self) -> None:
        self._n = 0

    def __enter__(self) -> None:
        if self._n >= _MOST_UPLOADS:
            raise RequestProblem(
                429, "busy", f"{self._n} files are being uploaded; try again in 5 s", {"Retry-After": "5"}
            )
        self._n += 1

    def __exit__(self, *_: object) -> None:
        self._n -= 1


async def _found(request: Request, jobs: JobRunner) -> JobRecord:
    return await asyncio.to_thread(jobs.store.get, request.path_params["job_id"])


def _shown(jobs: JobRunner, record: JobRecord, status: int = 200) -> Response:
    return json_response(record.shown(jobs.store.limits.days), status)


def _finished(record: JobRecord) -> JobRecord:
    if record.state != "finished":
        raise JobRefused("not_finished", f"the job is {record.state}; its output is there when it is finished")
    return record


async def _upload(request: Request, service: Service, most_bytes: int) -> tuple[JobSettings, str, BinaryIO, int]:
    """Return what is asked, the shown name of the file of claims, the file, open and from its start, and its bytes."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _MULTIPART:
        wanted = parsed(JobRequest, await read_json(request, service.limits.body_bytes))
        content = wanted.as_file()
        return wanted, _PASTED, io.BytesIO(content), len(content)
    form = await _form(request, most_bytes)
    file = None
    try:
        fields: dict[str, str] = {}
        for name, value in form.multi_items():
            if name in fields or (name == "file") != isinstance(value, UploadFile):
                raise RequestProblem(422, "invalid", f"{name}: is given twice, or is a file and should not be one")
            if isinstance(value, str):
                fields[name] = value
            else:
                file = value
        if file is None:
            raise RequestProblem(422, "invalid", "file: is missing; send the claims as the form's file of this name")
        settings = parsed(JobSettings, form_record(fields))
        return settings, shown_name(file.filename or ""), file.file, file.size or 0
    except BaseException:
        await form.close()
        raise


async def _form(request: Request, most_bytes: int) -> FormData:
    """Return a form, whose file is on disk beyond a megabyte, without reading more of it than allowed."""

    async def counted() -> AsyncGenerator[bytes, None]:
        n_bytes = 0
        async for chunk in request.stream():
            n_bytes += len(chunk)
            if n_bytes > most_bytes + _FORM_BYTES:
                raise too_large(most_bytes)
            yield chunk

    try:
        async with asyncio.timeout(_UPLOAD_S):
            return await MultiPartParser(
                request.headers, counted(), max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FORM_BYTES
            ).parse()
    except TimeoutError as error:
        raise RequestProblem(408, "too_slow", f"the upload took longer than {_UPLOAD_S} s") from error
    except (MultiPartException, UnicodeError) as error:
        raise RequestProblem(400, "not_a_form", "the body is not a form as multipart/form-data") from error
    except ClientDisconnect as error:
        raise RequestProblem(400, "cut_short", "the body ended too early") from error
