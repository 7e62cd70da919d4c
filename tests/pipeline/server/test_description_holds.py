"""Requests drawn from the server's own description: no failure, and no answer that is not described."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from claimhound.pipeline.server.access import Access
from claimhound.pipeline.server.app import api_routes, make_app
from claimhound.pipeline.server.service import Service

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis, of the extra dev, is not installed")

HOSTS = ("testserver", "localhost")  # as Starlette's client and schemathesis call themselves
ROUTES = api_routes(Service((), None))  # type: ignore[arg-type]
# What takes nothing from a client but a text in its address cannot be asked wrongly.
OPERATIONS = [
    (route.path_format, route.method, kind)
    for route in ROUTES
    for kind in ("POSITIVE", "NEGATIVE")
    if kind == "POSITIVE" or route.operation.body or route.operation.query
]


@pytest.mark.parametrize(("path", "method", "kind"), OPERATIONS)
def test_each_drawn_request_gets_an_answer_that_is_described(make_service, path, method, kind):
    from schemathesis import checks

    schema = schemathesis.openapi.from_asgi("/openapi.json", make_app(make_service(), Access(frozenset(HOSTS))))
    kept = [
        checks.not_a_server_error,
        schemathesis.specs.openapi.checks.status_code_conformance,
        schemathesis.specs.openapi.checks.content_type_conformance,
        schemathesis.specs.openapi.checks.response_schema_conformance,
    ]

    @given(case=schema[path][method].as_strategy(generation_mode=schemathesis.GenerationMode[kind]))
    @settings(
        max_examples=15,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        case.call_and_validate(checks=kept)

    ask()
