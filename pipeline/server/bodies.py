"""Reading a request's body, within limits before and after decompression."""

from __future__ import annotations

import json
import zlib
from typing import Any

from starlette.requests import ClientDisconnect, Request

from claimhound.pipeline.server.problems import RequestProblem

_GZIP = 31  # zlib's window bits for a gzip stream
_JSON = "application/json"
_DEEPEST = 50


async def read_json(request: Request, most_bytes: int) -> Any:
    """Return the body as JSON.

    Raises RequestProblem: 413 if it is longer than `most_bytes`, packed or unpacked, 415 for another type or packing
    than JSON and gzip, 400 for what is not JSON or nested too deeply.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _JSON:
        raise RequestProblem(415, "wrong_type", f"the body must be JSON: send Content-Type: {_JSON}")
    raw = await read_bytes(request, most_bytes)
    try:
        record = json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except RecursionError as error:
        raise RequestProblem(400, "not_json", "the body is nested too deeply") from error
    except ValueError as error:  # also bytes that are not UTF-8; the message must not repeat a claim
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise RequestProblem(400, "not_json", f"the body is not JSON in UTF-8{where}") from error
    if not isinstance(record, dict):
        raise RequestProblem(400, "not_json", "the body must be a JSON object")
    if _depth_exceeds(record, _DEEPEST):
        raise RequestProblem(400, "not_json", "the body is nested too deeply")
    return record


async def read_bytes(request: Request, most_bytes: int) -> bytes:
    """Return the body, unpacked if it is gzip; see `read_json` for what is raised."""
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "gzip"):
        raise RequestProblem(415, "wrong_encoding", "a body may be packed with gzip alone", {"Accept-Encoding": "gzip"})
    unpack = zlib.decompressobj(_GZIP) if packing == "gzip" else None
    parts: list[bytes] = []
    n_received = n_unpacked = 0
    try:
        async for chunk in request.stream():
            n_received += len(chunk)
            part = chunk if unpack is None else unpack.decompress(chunk, most_bytes + 1 - n_unpacked)
            n_unpacked += len(part)
            if max(n_received, n_unpacked) > most_bytes:
                raise RequestProblem(413, "too_large", f"the body may have {most_bytes:,} bytes, packed and unpacked")
            parts.append(part)
    except zlib.error as error:
        raise RequestProblem(400, "not_gzip", "the body says that it is gzip and is not") from error
    except ClientDisconnect as error:
        raise RequestProblem(400, "cut_short", "the body ended too early") from error
    if unpack is not None and not unpack.eof:
        raise RequestProblem(400, "not_gzip", "the packed body is cut short")
    if unpack is not None and unpack.unused_data:
        raise RequestProblem(400, "not_gzip", "the packed body goes on behind its end; send one gzip stream")
    return b"".join(parts)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _depth_exceeds(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True
