"""GET /v1/documents/{id} and GET /v1/indexes: what the indexes hold, and what the server allows."""

from __future__ import annotations

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response

from claimhound.data.records import Document, Json
from claimhound.pipeline.search.answer_json import finite
from claimhound.pipeline.server.answers import FoundDocument, Indexes
from claimhound.pipeline.server.messages import DocumentQuery, parsed_query
from claimhound.pipeline.server.operations import Answer, Content, DescribedRoute, Operation
from claimhound.pipeline.server.problems import not_found
from claimhound.pipeline.server.responses import json_response, while_connected
from claimhound.pipeline.server.served_models import served_names
from claimhound.pipeline.server.service import Limits, Service
from claimhound.pipeline.server.warm_index import WarmIndex

_EXAMPLE: dict[str, Json] = {
    "doc_id": "sea-1",
    "text": "Sea level rose by 20 centimetres between 1901 and 2018.",
    "title": "Sea level",
    "source": "Climate notes",
    "url": None,
    "date": "2021-08-09",
    "fields": {},
}
_DOCUMENT = Operation(
    "A document, and the ones around it.",
    [Answer("The document.", [Content(FoundDocument, {**_EXAMPLE, "context": {"before": [], "after": []}})])],
    query=DocumentQuery,
    path_examples={"doc_id": "sea-1"},
    details="An id may contain slashes, as they are or as %2F.",
)
_INDEXES = Operation(
    "The indexes, their models, and the limits of a request.",
    [
        Answer(
            "The first index is meant when a request names none.",
            [
                Content(
                    Indexes,
                    {
                        "indexes": [
                            {
                                "name": "news",
                                "generation": 3,
                                "n_docs": 925_657,
                                "n_dated": 925_000,
                                "models": {"encoder": "encoder", "reranker": "cross-encoder", "stance": None},
                                "runtimes": {"encoder": "OpenVINO", "reranker": "OpenVINO", "stance": None},
                            }
                        ],
                        "limits": asdict(Limits()),
                        "jobs": None,
                    },
                )
            ],
        )
    ],
)


def document_routes(service: Service) -> list[DescribedRoute]:
    """Return the routes of documents and indexes."""

    async def document(request: Request) -> Response:
        wanted = parsed_query(DocumentQuery, request.query_params)
        index = service.index(wanted.index)
        doc_id = request.path_params["doc_id"]
        work = service.queue.call(lambda: with_neighbours(index, doc_id, wanted.context))
        found = await while_connected(request, work)
        if found is None:
            raise not_found(f"index {index.name!r} has no document of this id")
        return json_response(found)

    async def indexes(request: Request) -> Response:
        found = await while_connected(request, service.queue.call(lambda: list(map(described, service.indexes))))
        jobs = None if service.jobs is None else asdict(service.jobs.store.limits)
        return json_response({"indexes": found, "limits": asdict(service.limits), "jobs": jobs})

    return [
        DescribedRoute("GET", "/v1/documents/{doc_id:path}", document, _DOCUMENT),
        DescribedRoute("GET", "/v1/indexes", indexes, _INDEXES),
    ]


def with_neighbours(index: WarmIndex, doc_id: str, n: int) -> dict[str, Json] | None:
    """Return a document with n before it and n after it, None if the index has none of this id."""
    index.current()
    snapshot = index.snapshot
    if not snapshot.positions_of([doc_id]):
        return None
    [document] = snapshot.documents([doc_id])
    before, after = snapshot.neighbours(doc_id, n) if n else ([], [])
    return _record(document) | {
        "context": {"before": [_record(one) for one in before], "after": [_record(one) for one in after]}
    }


def _record(document: Document) -> dict[str, Json]:
    record: dict[str, Json] = {
        "doc_id": document.doc_id,
        "text": document.text,
        "title": document.title,
        "source": document.source,
        "url": document.url,
        "date": document.date,
        "fields": finite(document.fields),
    }
    if document.parent_id is not None and document.span is not None:
        record |= {"parent_id": document.parent_id, "span": list(document.span)}
    return record


def described(index: WarmIndex) -> dict[str, Json]:
    """Return what a client may know about an index."""
    pipeline = index.current()
    manifest = index.snapshot.manifest
    models = {"encoder": pipeline.encoder, "reranker": pipeline.reranker, "stance": pipeline.stance}
    return {
        "name": index.name,
        "generation": manifest.generation,
        "n_docs": manifest.n_docs,
        "n_dated": index.snapshot.n_dated,
        "models": served_names(pipeline.origin()[1]),
        "runtimes": {name: None if model is None else model.runtime_name for name, model in models.items()},
    }
