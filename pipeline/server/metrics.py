"""What the server counts, for Prometheus: requests, seconds by stage, the queue, each index's generation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from claimhound.pipeline.server.warm_index import WarmIndex
    from claimhound.pipeline.server.work_queue import WorkQueue

_NO_ROUTE = "none"
# A client that went away before its answer, as nginx counts it.
_GONE = 499
_METHODS = frozenset(("GET", "HEAD", "POST", "DELETE", "OPTIONS"))


class Metrics:
    """Counts of one server, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "claimhound_requests",
            "Requests by route, method and status; refused before a route was found: none.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self._claims = Counter("claimhound_claims", "Claims that were searched.", registry=self._registry)
        self._seconds = Counter(
            "claimhound_stage_seconds", "Wall time of the stages of searches.", ("stage",), registry=self._registry
        )

    def count_request(self, route: str | None, method: str, status: int) -> None:
        """Count a request that was answered or refused."""
        # A client's invention would be a time series of its own.
        self._requests.labels(route or _NO_ROUTE, method if method in _METHODS else "other", str(status)).inc()

    def count_claim(self, timings_ms: Mapping[str, float]) -> None:
        """Count a searched claim and the time that its stages took."""
        self._claims.inc()
        for stage, spent in timings_ms.items():
            self._seconds.labels(stage).inc(spent / 1000)

    def watch(self, indexes: Sequence[WarmIndex], queue: WorkQueue) -> None:
        """Tell of these indexes and this queue as they are whenever the metrics are read."""
        self._registry.register(_Watched(indexes, queue))

    def text(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self._registry)


class _Watched:
    def __init__(self, indexes: Sequence[WarmIndex], queue: WorkQueue) -> None:
        self._indexes = indexes
        self._queue = queue

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges as they are now."""
        yield GaugeMetricFamily("claimhound_waiting", "Claims and other work that waits.", self._queue.n_waiting)
        yield GaugeMetricFamily("claimhound_most_waiting", "What may wait.", self._queue.most_waiting)
        generation = GaugeMetricFamily("claimhound_index_generation", "Generation that answers.", labels=("index",))
        stale = GaugeMetricFamily(
            "claimhound_index_stale", "1 if a newer generation cannot be opened.", labels=("index",)
        )
        for index in self._indexes:
            generation.add_metric((index.name,), index.snapshot.manifest.generation)
            stale.add_metric((index.name,), index.problem is not None)
        yield generation
        yield stale


class Counted:
    """Counts the requests to an application, by its routes' templates: an address may hold what was asked."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it when it has been answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _GONE

        async def noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting_status)
        finally:
            route = scope.get("route")
            self._metrics.count_request(getattr(route, "path", None), scope["method"], status)
