"""GET /metrics, for Prometheus."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from claimhound.pipeline.server.operations import Answer, Content, DescribedRoute, Operation
from claimhound.pipeline.server.service import Service

_OPERATION = Operation(
    "Counts of requests, claims and seconds by stage; the queue's length; each index's generation.",
    [
        Answer(
            "Prometheus' text format.",
            [Content(None, "# TYPE claimhound_waiting gauge\nclaimhound_waiting 0.0\n", "text/plain")],
        )
    ],
)


def metrics_routes(service: Service) -> list[DescribedRoute]:
    """Return the route of the metrics."""

    async def metrics(_: Request) -> Response:
        return Response(service.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [DescribedRoute("GET", "/metrics", metrics, _OPERATION)]
