"""GET /health/live and /health/ready, for whatever watches the server."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from claimhound.pipeline.server.responses import json_response
from claimhound.pipeline.server.service import Service


def health_routes(service: Service) -> list[Route]:
    """Return the routes."""

    async def live(_: Request) -> Response:
        return json_response({"status": "live"})

    async def ready(_: Request) -> Response:
        stale = [index.name for index in service.indexes if index.problem is not None]
        is_full = service.queue.n_waiting >= service.queue.most_waiting
        record = {
            "status": "busy" if is_full else "ready",
            "waiting": service.queue.n_waiting,
            "indexes_at_an_old_generation": stale,
        }
        return json_response(record, 503 if is_full else 200)

    return [Route("/health/live", live, methods=["GET"]), Route("/health/ready", ready, methods=["GET"])]
