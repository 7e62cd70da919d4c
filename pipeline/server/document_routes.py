"""GET /v1/documents/{id} and GET /v1/indexes: what the indexes hold, and what the server allows."""

from __future__ import annotations

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from claimhound.data.records import Document, Json
from claimhound.pipeline.search.answer_json import finite
from claimhound.pipeline.server.problems import RequestProblem, not_found
from claimhound.pipeline.server.responses import json_response, while_connected
from claimhound.pipeline.server.service import Service
from claimhound.pipeline.server.warm_index import WarmIndex


def document_routes(service: Service) -> list[Route]:
    """Return the routes of documents and indexes."""

    async def document(request: Request) -> Response:
        index = service.index(request.query_params.get("index"))
        doc_id = request.path_params["doc_id"]
        n = _context(request.query_params.get("context", "0"), service.limits.context)
        found = await while_connected(request, service.queue.call(lambda: _with_neighbours(index, doc_id, n)))
        if found is None:
            raise not_found(f"index {index.name!r} has no document of this id")
        return json_response(found)

    async def indexes(request: Request) -> Response:
        described = await while_connected(request, service.queue.call(lambda: list(map(_described, service.indexes))))
        jobs = None if service.jobs is None else asdict(service.jobs.store.limits)
        return json_response({"indexes": described, "limits": asdict(service.limits), "jobs": jobs})

    return [
        Route("/v1/documents/{doc_id:path}", document, methods=["GET"]),
        Route("/v1/indexes", indexes, methods=["GET"]),
    ]


def _context(text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) <= most):
        raise RequestProblem(422, "invalid", f"context: must be a whole number from 0 to {most}")
    return int(text)


def _with_neighbours(index: WarmIndex, doc_id: str, n: int) -> dict[str, Json] | None:
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


def _described(index: WarmIndex) -> dict[str, Json]:
    pipeline = index.current()
    manifest = index.snapshot.manifest
    models = {"encoder": pipeline.encoder, "reranker": pipeline.reranker, "stance": pipeline.stance}
    return {
        "name": index.name,
        "generation": manifest.generation,
        "n_docs": manifest.n_docs,
        "n_dated": index.snapshot.n_dated,
        "models": pipeline.origin()[1],
        "runtimes": {name: None if model is None else model.runtime_name for name, model in models.items()},
    }
