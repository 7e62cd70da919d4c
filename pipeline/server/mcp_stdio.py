"""MCP over standard input and output: standard output carries the protocol and nothing else."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from claimhound.pipeline.server.mcp_tools import mcp_server
from claimhound.pipeline.server.service import Service

_STDOUT, _STDERR = 1, 2


@contextmanager
def stdout_as_stderr() -> Iterator[None]:
    """Send to standard error what a library prints meanwhile, also from C. While it serves, the SDK does so itself."""
    kept = os.dup(_STDOUT)
    try:
        os.dup2(_STDERR, _STDOUT)
        yield
        sys.stdout.flush()
    finally:
        os.dup2(kept, _STDOUT)
        os.close(kept)


def run_over_stdio(service: Service) -> None:
    """Answer until standard input ends."""
    try:
        asyncio.run(mcp_server(service).run_stdio_async())
    finally:
        service.queue.close()
