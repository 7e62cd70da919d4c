"""The server's process: its socket, its log, and its end."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from claimhound.data.errors import InputError
from claimhound.pipeline.server.access import Access
from claimhound.pipeline.server.app import make_app
from claimhound.pipeline.server.server_log import LOG, Telling
from claimhound.pipeline.server.service import Service

_PATIENCE_S = 30
_BACKLOG = 1024


@contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """Open a socket that listens. Raises InputError if the address or the port cannot be had."""
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((bare, port))
            opened.listen(_BACKLOG)
        except OSError as error:
            raise InputError(f"--host {host} --port {port}: cannot be listened on ({error.strerror})") from error
        yield opened


def run(service: Service, access: Access, opened: socket.socket, notify: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; requests at hand are finished, those that take longer than 30 s are not.

    A running job stops at the end of its batch, and the next start goes on with it.
    """
    LOG.addHandler(telling := Telling(notify))
    LOG.propagate = False
    config = uvicorn.Config(
        make_app(service, access),
        log_config=None,
        http="h11",  # whatever else is installed
        access_log=False,  # a log of requests would hold claims in addresses
        server_header=False,
        date_header=True,
        lifespan="on",
        ws="none",
        timeout_graceful_shutdown=_PATIENCE_S,
        h11_max_incomplete_event_size=64 * 1024,
    )
    host, port = opened.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    notify(f"listening on http://{shown}:{port}" + (f" (token {access.fingerprint})" if access.token else ""))
    # When it has finished, uvicorn raises the signal that it stopped for once more, which would end the process here.
    signal.signal(signal.SIGTERM, lambda _, __: None)
    try:
        if service.jobs is not None:
            service.jobs.start()
        uvicorn.Server(config).run(sockets=[opened])
    finally:
        if service.jobs is not None:
            service.jobs.stop()
        service.queue.close()
        LOG.removeHandler(telling)
