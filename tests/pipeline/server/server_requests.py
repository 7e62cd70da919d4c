"""Ways to ask a server in this process: one request, many at once, and one that is given up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping

import httpx2
from starlette.testclient import TestClient

from claimhound.pipeline.server.access import Access
from claimhound.pipeline.server.app import make_app
from claimhound.pipeline.server.service import Service

HOST = "127.0.0.1:8765"
TOKEN = "0123456789abcdef0123456789abcdef"
RERANK_K = 5
HERE = Access(frozenset(("127.0.0.1", "localhost", "::1")))
WITH_TOKEN = Access(HERE.hosts, TOKEN)


def client_of(service: Service, access: Access = HERE) -> TestClient:
    return TestClient(make_app(service, access), base_url=f"http://{HOST}")


def problem(response) -> tuple[int, str]:
    """Return status and code of a refusal, which has to be JSON with a reason."""
    assert response.headers["content-type"] == "application/json", response.text
    record = response.json()
    assert record["error"]["message"] == record["message"] != ""
    return response.status_code, record["error"]["code"]


def post_all(service: Service, bodies: Iterable[Mapping[str, object]]) -> list[httpx2.Response]:
    """Post searches at the same time; return the responses in this order."""

    async def run() -> list[httpx2.Response]:
        transport = httpx2.ASGITransport(make_app(service, HERE))
        async with httpx2.AsyncClient(transport=transport, base_url=f"http://{HOST}", timeout=None) as client:
            return await asyncio.gather(*(client.post("/v1/search", json=dict(body)) for body in bodies))

    return asyncio.run(run())


async def search_until_gone(
    app, body: Mapping[str, object], gone: Awaitable[object], headers: Iterable[tuple[bytes, bytes]] = ()
) -> list[Mapping[str, object]]:
    """Search as a client that goes away when `gone` is done; return the messages that the server sent."""
    waiting = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]
    sent: list[Mapping[str, object]] = []

    async def receive() -> Mapping[str, object]:
        if waiting:
            return waiting.pop()
        await gone
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/search",
        "raw_path": b"/v1/search",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", HOST.encode()), (b"content-type", b"application/json"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8765),
    }
    await app(scope, receive, send)
    return sent


def until(is_so: Callable[[], bool]) -> Awaitable[None]:
    """Wait until something is so; a test that waits in vain fails after a minute."""

    async def wait() -> None:
        async with asyncio.timeout(60):
            while not is_so():
                await asyncio.sleep(0.001)

    return wait()
