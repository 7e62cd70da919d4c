"""The OpenAPI description of the routes, made from the models of requests and answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from claimhound.data.records import Json
from claimhound.pipeline.server.answers import Refusal
from claimhound.pipeline.server.operations import Content, DescribedRoute, Operation

_ABOUT = (
    "Evidence for claims from a corpus: the answers of `claimhound search`. Scores of evidence and of pairs are "
    "probabilities of relevance where a reranker runs. What was cut because it was too long is marked `truncated`."
)
_REFERENCE = "#/components/schemas/{model}"
# One of both, or neither on a server without a token.
_SECURITY: list[dict[str, list[str]]] = [{}, {"bearer": []}, {"key": []}]
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def description(routes: Sequence[DescribedRoute], version: str) -> dict[str, Any]:
    """Return the routes as an OpenAPI 3.1 document."""
    models = {model for route in routes for model in _models(route.operation)} | {Refusal}
    ordered: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "validation") for model in sorted(models, key=lambda model: model.__name__)
    ]
    references, definitions = models_json_schema(ordered, ref_template=_REFERENCE)
    schemas = {model: references[model, mode] for model, mode in ordered}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path_format, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "claimhound", "version": version, "description": _ABOUT},
        "security": _SECURITY,
        "paths": paths,
        "components": {"schemas": definitions["$defs"], "securitySchemes": _SCHEMES},
    }


def _models(operation: Operation) -> Iterable[type[BaseModel]]:
    for content in _contents(operation):
        if content.model is not None:
            yield content.model


def _contents(operation: Operation) -> Iterable[Content]:
    if operation.body is not None:
        yield operation.body
    yield from operation.other_bodies
    for answer in operation.answers:
        yield from answer.bodies


def _operation(route: DescribedRoute, schemas: dict[type[BaseModel], Any]) -> dict[str, Any]:
    operation = route.operation
    record: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": operation.summary,
        "responses": {
            str(answer.status): {"description": answer.description}
            | ({"content": _content(answer.bodies, schemas)} if answer.bodies else {})
            for answer in operation.answers
        }
        | {
            status: {
                "description": description,
                "content": {"application/json": {"schema": schemas[Refusal]}},
            }
            for status, description in (("4XX", "Refused; the message says why."), ("5XX", "The server cannot answer."))
        },
    }
    if operation.details:
        record["description"] = operation.details
    if parameters := [*_path_parameters(route), *_query_parameters(operation.query)]:
        record["parameters"] = parameters
    if operation.body is not None:
        record["requestBody"] = {
            "required": True,
            "content": _content([operation.body, *operation.other_bodies], schemas),
        }
    return record


def _operation_id(route: DescribedRoute) -> str:
    words = [word.strip("{}") for word in route.path_format.split("/") if word]
    return "_".join([route.method.lower(), *words]).replace(".", "_")


def _content(bodies: Iterable[Content], schemas: dict[type[BaseModel], Any]) -> dict[str, Any]:
    return {
        body.media_type: {
            "schema": {"type": "string"} if body.model is None else schemas[body.model],
            "example": body.example,
        }
        for body in bodies
    }


def _path_parameters(route: DescribedRoute) -> Iterable[dict[str, Json]]:
    for name in route.param_convertors:
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
            "example": route.operation.path_examples[name],
        }


def _query_parameters(query: type[BaseModel] | None) -> Iterable[dict[str, Any]]:
    if query is None:
        return
    schema = query.model_json_schema()
    for name, found in schema["properties"].items():
        about = {key: value for key, value in found.items() if key not in ("title", "description")}
        if "anyOf" in about:  # in an address, what is left out is the only null
            [about] = [option for option in about["anyOf"] if option != {"type": "null"}]
        yield {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "schema": about,
            **({"description": found["description"]} if "description" in found else {}),
        }
