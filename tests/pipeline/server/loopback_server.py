"""Real servers on this machine, in a thread: one of an application, and one that gives prepared replies."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import uvicorn
from starlette.types import ASGIApp

from claimhound.pipeline.server.running import listen


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serve an application at a free port; yield its address."""
    with listen("127.0.0.1", 0) as socket:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{socket.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


class Reply(NamedTuple):
    """A reply of a server that is told what to say; `closes` ends the connection without saying so."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    closes: bool = False


def refusal(status: int, message: str, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps({"error": {"code": "x", "message": message}}).encode(), named)


class Received(NamedTuple):
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, object]


@contextmanager
def replying(replies: Sequence[Reply]) -> Iterator[tuple[str, list[Received]]]:
    """Give these replies in turn; yield the address, and the requests that came."""
    received: list[Received] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            received.append(Received(self.path, dict(self.headers), json.loads(self.rfile.read(length))))
            reply = replies[len(received) - 1]
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)
            self.close_connection = reply.closes

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
