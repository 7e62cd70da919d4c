"""Responses as JSON, and the wait for work while a client stays connected."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from claimhound.data.errors import ClaimhoundError
from claimhound.pipeline.server.problems import RequestProblem

Result = TypeVar("Result")

JSON = "application/json"


def json_response(record: Any, status: int = 200) -> Response:
    """Return a record as JSON."""
    return text_response(json.dumps(record, ensure_ascii=False, allow_nan=False), status)


def text_response(text: str, status: int = 200) -> Response:
    """Return JSON that is text already; a lone surrogate, which UTF-8 cannot encode, becomes an escape."""
    return Response(text.encode("utf-8", "backslashreplace"), status, media_type=JSON)


def problem_response(problem: RequestProblem) -> Response:
    """Return a refusal."""
    response = json_response(problem.record(), problem.status)
    response.headers.update(problem.headers)
    return response


def as_problem(error: Exception) -> RequestProblem:
    """Return the refusal that an error amounts to.

    Our own errors are sentences for users, but may name paths of the server's disk, which clients are not told.
    """
    if isinstance(error, RequestProblem):
        return error
    if isinstance(error, ClaimhoundError):
        return RequestProblem(503, "unusable", "the index or a model cannot be used; the server's log says why")
    return RequestProblem(500, "failed", "the server failed; its log says why")


async def while_connected(request: Request, work: Awaitable[Result]) -> Result:
    """Return the result of work, which is cancelled when the client goes away.

    Call it once the body has been read. Raises ClientDisconnect if the client went away.
    """
    doing = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({doing, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientDisconnect
        return await doing
    finally:
        watching.cancel()
        doing.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
