"""GET /openapi.json: the description of all routes, this one among them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from claimhound.pipeline.server.openapi import description
from claimhound.pipeline.server.operations import Answer, Content, DescribedRoute, Operation
from claimhound.pipeline.server.responses import json_response

_VERSION = "1"
"""The version of the API, as in /v1, not of the package."""


class Description(BaseModel):
    """An OpenAPI document."""

    openapi: str
    info: dict[str, Any]
    security: list[dict[str, list[str]]]
    paths: dict[str, Any]
    components: dict[str, Any]


_OPERATION = Operation(
    "The description of this server.",
    [
        Answer(
            "An OpenAPI document.",
            [Content(Description, {"openapi": "3.1.0", "info": {}, "security": [], "paths": {}, "components": {}})],
        )
    ],
)


def openapi_route(others: Sequence[DescribedRoute]) -> DescribedRoute:
    """Return the route that describes the other ones and itself."""

    @cache
    def described() -> dict[str, Any]:
        return description([*others, route], _VERSION)

    async def openapi(_: Request) -> Response:
        return json_response(described())

    route = DescribedRoute("GET", "/openapi.json", openapi, _OPERATION)
    return route
