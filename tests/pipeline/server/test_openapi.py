"""The description of the server: complete, with valid examples, and kept by the answers."""

from __future__ import annotations

import json

import jsonschema
import pytest
from server_requests import client_of
from starlette.routing import Mount, Route

from claimhound.pipeline.search.answer_json import as_record
from claimhound.pipeline.server.answers import (
    ClaimAnswer,
    FoundDocument,
    Indexes,
    Live,
    Ready,
    Refusal,
)
from claimhound.pipeline.server.app import api_routes
from claimhound.pipeline.server.operations import Content, DescribedRoute
from claimhound.pipeline.server.service import Service

# What is no part of the API: the desk's files, and the tool of language models, which describes itself.
OTHER_PATHS = ("/", "/page/{name}", "/mcp")

# Descriptions need no indexes.
ROUTES = api_routes(Service((), None))  # type: ignore[arg-type]


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}" if isinstance(route, DescribedRoute) else route.path


def contents(route: DescribedRoute) -> list[Content]:
    bodies = [body for answer in route.operation.answers for body in answer.bodies]
    return bodies if route.operation.body is None else [route.operation.body, *bodies]


def routes_of(app) -> list[Route | Mount]:
    """Return the routes of an application, through what is wrapped around it."""
    while not hasattr(app, "routes"):
        app = app._app
    return list(app.routes)


@pytest.fixture
def described(client):
    return client.get("/openapi.json").json()


def test_each_route_of_the_server_is_described(client, described):
    routes = [route for route in routes_of(client.app) if route.path not in OTHER_PATHS]
    assert [route.path for route in routes if not isinstance(route, DescribedRoute)] == []
    in_server = {(route.path_format, route.method.lower()) for route in routes}
    assert {(path, method) for path, found in described["paths"].items() for method in found} == in_server
    assert len(in_server) == len(routes)


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_each_route_has_examples_that_its_models_accept(route: DescribedRoute, described):
    assert route.operation.summary.endswith(".")
    assert contents(route), "a route without any body has nothing to describe"
    for content in contents(route):
        if content.model is not None and content.media_type != "multipart/form-data":
            content.model.model_validate_json(json.dumps(content.example), extra="forbid")
    for media in media_types(described["paths"][route.path_format][route.method.lower()]):
        schema = media["schema"] | {"components": described["components"]}
        jsonschema.Draft202012Validator(schema).validate(media["example"])


def media_types(operation):
    bodies = [
        operation.get("requestBody", {}),
        *(one for status, one in operation["responses"].items() if "X" not in status),
    ]
    return [media for body in bodies for media in body.get("content", {}).values()]


def test_the_document_is_an_openapi_document(described):
    assert described["openapi"] == "3.1.0"
    ids = [operation["operationId"] for found in described["paths"].values() for operation in found.values()]
    assert len(set(ids)) == len(ids)
    for operation in (operation for found in described["paths"].values() for operation in found.values()):
        assert {"4XX", "5XX"} < set(operation["responses"])
        for parameter in operation.get("parameters", ()):
            assert parameter["schema"], parameter


def test_the_answer_of_a_search_has_the_keys_that_are_described(make_service):
    """The schema is closed here, as no client should: a key that only one side has is found."""
    service = make_service()
    asked = {"context": 1, "before": "2020"}
    for fields in ({}, asked, {"where": {"kind": "none"}}):
        response = client_of(service).post("/v1/search", json={"claim": "glaciers shrink", **fields})
        ClaimAnswer.model_validate_json(response.text, extra="forbid", strict=True)
    answer = service.indexes[0].opened.find_evidence(["glaciers shrink"])[0]
    required = set(ClaimAnswer.model_json_schema()["required"])
    assert set(as_record(answer)) == required


def test_other_answers_are_as_described(client):
    for path, model in (
        ("/v1/documents/g1?context=1", FoundDocument),
        ("/v1/indexes", Indexes),
        ("/health/live", Live),
        ("/health/ready", Ready),
        ("/nothing", Refusal),
    ):
        model.model_validate_json(client.get(path).text, extra="forbid", strict=True)


def test_the_limits_described_are_those_told(client, described):
    limits = client.get("/v1/indexes").json()["limits"]
    fields = described["components"]["schemas"]["SearchRequest"]["properties"]
    assert fields["k"]["maximum"] == limits["k"]
    assert fields["context"]["maximum"] == limits["context"]
    assert fields["claims"]["anyOf"][0]["maxItems"] == limits["claims"]
    assert fields["claim"]["anyOf"][0]["maxLength"] == limits["claim_characters"]
