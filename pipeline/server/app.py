"""The application: its routes, and how errors become responses."""

from __future__ import annotations

import logging

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from claimhound.pipeline.server.access import Access, Guard
from claimhound.pipeline.server.document_routes import document_routes
from claimhound.pipeline.server.health_routes import health_routes
from claimhound.pipeline.server.page_routes import page_routes
from claimhound.pipeline.server.problems import RequestProblem
from claimhound.pipeline.server.responses import as_problem, problem_response
from claimhound.pipeline.server.search_routes import search_routes
from claimhound.pipeline.server.service import Service

LOG = logging.getLogger("claimhound.server")


def make_app(service: Service, access: Access) -> ASGIApp:
    """Return the application over a service, behind its guard."""
    app = Starlette(
        routes=[*page_routes(), *search_routes(service), *document_routes(service), *health_routes(service)],
        exception_handlers={RequestProblem: _refused, HTTPException: _no_route, Exception: _failed},
    )
    return Guard(app, access)


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
