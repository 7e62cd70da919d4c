"""The application: its routes, and how errors become responses."""

from __future__ import annotations

from importlib.util import find_spec

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from claimhound.pipeline.server.access import Access, Guard
from claimhound.pipeline.server.document_routes import document_routes
from claimhound.pipeline.server.embedding_routes import embedding_routes
from claimhound.pipeline.server.health_routes import health_routes
from claimhound.pipeline.server.job_routes import job_routes
from claimhound.pipeline.server.metrics import Counted
from claimhound.pipeline.server.metrics_route import metrics_routes
from claimhound.pipeline.server.openapi_route import openapi_route
from claimhound.pipeline.server.operations import DescribedRoute
from claimhound.pipeline.server.page_routes import page_routes
from claimhound.pipeline.server.pair_routes import pair_routes
from claimhound.pipeline.server.problems import RequestProblem
from claimhound.pipeline.server.responses import as_problem, problem_response
from claimhound.pipeline.server.search_routes import search_routes
from claimhound.pipeline.server.server_log import log_failure
from claimhound.pipeline.server.service import Service


def make_app(service: Service, access: Access) -> ASGIApp:
    """Return the application over a service, behind its guard."""
    spoken = _mcp(service)
    app = Starlette(
        routes=[*page_routes(), *api_routes(service), *(spoken.routes if spoken else ())],
        lifespan=spoken.router.lifespan_context if spoken else None,
        exception_handlers={
            RequestProblem: _refused,
            HTTPException: _no_route,
            ClientDisconnect: _gone,
            Exception: _failed,
        },
    )
    app.router.redirect_slashes = False  # an address is right or wrong
    return Counted(Guard(_Quiet(app), access), service.metrics)


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
        *job_routes(service),
        *health_routes(service),
        *metrics_routes(service),
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


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=499)  # for the metrics: nobody gets it


async def _failed(_: Request, error: Exception) -> Response:
    return problem_response(as_problem(error))


class _Quiet:
    """Logs what failed.

    Starlette raises an error again when `_failed` has answered, and uvicorn would log it with its message, which may
    quote a claim.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            pass
        except Exception as error:
            route = scope.get("route")
            log_failure(f"{scope.get('method', scope['type'])} {getattr(route, 'path', '?')}", error)
