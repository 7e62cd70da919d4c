"""GET /health/live and /health/ready, for whatever watches the server."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from claimhound.data.records import Json
from claimhound.pipeline.server.answers import Live, Ready
from claimhound.pipeline.server.operations import Answer, Content, DescribedRoute, Operation
from claimhound.pipeline.server.responses import json_response
from claimhound.pipeline.server.service import Service

_WAITING: dict[str, Json] = {"waiting": 0, "indexes_at_an_old_generation": []}
_LIVE = Operation("Whether the server runs; needs no token.", [Answer("It does.", [Content(Live, {"status": "live"})])])
_READY = Operation(
    "Whether the server takes work.",
    [
        Answer("It does.", [Content(Ready, {"status": "ready", **_WAITING})]),
        Answer("As much waits as may wait.", [Content(Ready, {"status": "busy", **_WAITING, "waiting": 256})], 503),
    ],
)


def health_routes(service: Service) -> list[DescribedRoute]:
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

    return [DescribedRoute("GET", "/health/live", live, _LIVE), DescribedRoute("GET", "/health/ready", ready, _READY)]
