"""Routes that describe themselves: what GET /openapi.json says about each stands beside the function that answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from claimhound.data.records import Json
from claimhound.pipeline.server.responses import JSON


@dataclass(frozen=True)
class Content:
    """A body: the model of its JSON, None for a body that is not JSON, and an example, which a test validates.

    A body of JSON lines is described by the model of one line. A form (`multipart/form-data`) is described by a model
    as well, with `bytes` for a file.
    """

    model: type[BaseModel] | None
    example: Json
    media_type: str = JSON


@dataclass(frozen=True)
class Answer:
    """What a request is answered with: one status, and its possible bodies; none for a status without a body."""

    description: str
    bodies: Sequence[Content] = ()
    status: int = 200


@dataclass(frozen=True)
class Operation:
    """What the description says about a route.

    `other_bodies` are forms that the body may have instead. `query` is the model of its query string, `path_examples`
    has an example for each parameter in its path, and `details` goes on from the summary in whole sentences. Refusals,
    which all routes have in common, are left out.
    """

    summary: str
    answers: Sequence[Answer]
    body: Content | None = None
    other_bodies: Sequence[Content] = ()
    query: type[BaseModel] | None = None
    path_examples: Mapping[str, str] = field(default_factory=dict)
    details: str = ""


class DescribedRoute(Route):
    """A route for one method with its description; a route of the API that is a plain `Route` fails a test."""

    def __init__(
        self, method: str, path: str, endpoint: Callable[[Request], Awaitable[Response]], operation: Operation
    ) -> None:
        super().__init__(path, endpoint, methods=[method])
        self.method = method
        self.operation = operation

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; logs and metrics name it by the route, since its path may say what was asked."""
        scope["route"] = self
        await super().handle(scope, receive, send)
