"""The application: its routes, and how errors become responses."""

from __future__ import annotations

import logging
from importlib.util import find_spec

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from claimhound.pipeline.server.access import Access, Guard
from claimhound.pipeline.server.document_routes import document_routes
from claimhound.pipeline.server.embedding_routes import embedding_routes
from claimhound.pipeline.server.health_routes import health_routes
from claimhound.pipeline.server.openapi_route import openapi_route
from claimhound.pipeline.server.operations import DescribedRoute
from claimhound.pipeline.server.pair_routes import pair_routes
from claimhound.pipeline.server.problems import RequestProblem
from claimhound.pipeline.server.responses import as_problem, problem_response
from claimhound.pipeline.server.search_routes import search_routes
from claimhound.pipeline.server.service import Service

LOG = logging.getLogger("claimhound.server")


def make_app(service: Service, access: Access) -> ASGIApp:
    """Return the application over a service, behind its guard."""
    spoken = _mcp(service)
    app = Starlette(
        routes=[*api_routes(service), *(spoken.routes if spoken else ())],
        lifespan=spoken.router.lifespan_context if spoken else None,
        exception_handlers={RequestProblem: _refused, HTTPException: _no_route, Exception: _failed},
    )
    return Guard(app, access)


def _mcp(service: Service) -> Starlette | None:
    """Return /mcp, None without the extra."""
    if find_spec("mcp") is None:
        return None
    from claimhound.pipeline.server.mcp_tools import mcp_app, mcp_server

    return mcp_app(mcp_server(service), service.limits.body_bytes)


def api_routes(service: Service) -> list[DescribedRoute]:
    """Return all routes of the API with their descriptions, and the one that describes them."""
    routes = [
        *search_routes(service),
        *document_routes(service),
        *pair_routes(service),
        *embedding_routes(service),
        *health_routes(service),
    ]
    return [*routes, openapi_route(routes)]


async def _refused(_: Request, problem: Exception) -> Response:
    return problem_response(as_problem(problem))


async def _no_route(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, message = {
        404: ("not_found", "there is nothing at this path; GET /openapi.json describes what there is"),
        405: ("wrong_method", "this path does not answer this method"),
    }.get(error.status_code, ("refused", str(error.detail)))
    return problem_response(RequestProblem(error.status_code, code, message, error.headers))


async def _failed(request: Request, error: Exception) -> Response:
    # Of a request only its path's first part is logged: claims never are.
    LOG.error("%s %s failed", request.method, request.scope["route"].path if "route" in request.scope else "?")
    return problem_response(as_problem(error))
