"""POST /v1/search: the answers of `claimhound search`, byte for byte but for timings and the index's name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from claimhound.data.labelled_sets.stances import Side
from claimhound.data.records import Json
from claimhound.pipeline.search.answer_json import as_json
from claimhound.pipeline.search.results import ClaimEvidence
from claimhound.pipeline.server.answers import ClaimAnswer
from claimhound.pipeline.server.bodies import read_json
from claimhound.pipeline.server.messages import SearchRequest, parsed
from claimhound.pipeline.server.operations import Answer, Content, DescribedRoute, Operation
from claimhound.pipeline.server.problems import RequestProblem
from claimhound.pipeline.server.responses import as_problem, text_response, while_connected
from claimhound.pipeline.server.served_models import served_names
from claimhound.pipeline.server.server_log import log_failure
from claimhound.pipeline.server.service import Service
from claimhound.pipeline.server.warm_index import WarmIndex

NDJSON = "application/x-ndjson"
# Claims of one request that wait at the same time: the others of a long list let later requests come between.
_AHEAD = 16


_ANSWER: dict[str, Json] = {
    "schema": 1,
    "claim": "The seas rise.",
    "evidence": [
        {
            "rank": 1,
            "doc_id": "sea-1",
            "text": "Sea level rose by 20 centimetres between 1901 and 2018.",
            "title": "Sea level",
            "source": "Climate notes",
            "url": None,
            "date": "2021-08-09",
            "fields": {},
            "score": 0.93,
            "truncated": False,
            "stages": {
                "bm25": {"rank": 3, "score": 17.2},
                "dense": {"rank": 1, "score": 0.71},
                "fused": {"rank": 1, "score": 0.98},
                "rerank": {"rank": 1, "score": 0.93},
            },
            "stance": {
                "label": "SUPPORTS",
                "probabilities": {"SUPPORTS": 0.88, "REFUTES": 0.03, "NOT_ENOUGH_INFO": 0.09},
                "truncated": False,
            },
            "n_copies": 0,
            "copies": [],
        }
    ],
    "summary": {"label": "NOT_ENOUGH_INFO", "supports": ["sea-1"], "refutes": []},
    "nothing_relevant": False,
    "notes": [],
    "index": {"path": "news", "generation": 3, "n_docs": 925_657},
    "models": {"encoder": "encoder", "reranker": "cross-encoder", "stance": "cross-encoder"},
    "timings_ms": {"encode": 6.1, "bm25": 1.9, "dense": 5.2, "fuse": 0.2, "fetch": 1.0, "rerank": 140.3, "stance": 9.0},
}
_SEARCH = Operation(
    "Evidence for a claim, or for many.",
    [
        Answer(
            "For `claim` the answer as JSON, for `claims` one such object a line.",
            [Content(ClaimAnswer, _ANSWER), Content(ClaimAnswer, _ANSWER, NDJSON)],
        )
    ],
    body=Content(SearchRequest, {"claim": "The seas rise.", "k": 3, "before": "2022-01-01"}),
    details="Lines come in the order of the claims, each when it is ready. If the server fails halfway, the last line "
    "is an object with `error`.",
)


def search_routes(service: Service) -> list[DescribedRoute]:
    """Return the route of searches."""

    async def search(request: Request) -> Response:
        wanted = parsed(SearchRequest, await read_json(request, service.limits.body_bytes))
        index = service.index(wanted.index)
        require_models(index, adaptive_k=wanted.adaptive_k, min_score=wanted.min_score, sides=wanted.sides)
        if wanted.claim is not None:
            answer = await while_connected(request, answer_to(service, index, wanted, wanted.claim))
            return text_response(await asyncio.to_thread(as_json, answer) + "\n")  # a second for k = 1,000
        answers = _answers(service, index, wanted, wanted.claims or [])
        first = await while_connected(request, anext(answers))
        return StreamingResponse(_lines(first, answers), media_type=NDJSON)

    return [DescribedRoute("POST", "/v1/search", search, _SEARCH)]


def require_models(
    index: WarmIndex, *, adaptive_k: bool, min_score: float | None, sides: Collection[Side] = ()
) -> None:
    """Raise RequestProblem 422 for a request that needs a model which the server was started without."""
    opened = index.opened
    for name, is_wanted, is_there in (
        ("adaptive_k", adaptive_k, opened.reranker),
        ("min_score", min_score is not None, opened.reranker),
        ("sides", bool(sides), opened.stance),
    ):
        if is_wanted and is_there is None:
            model = "stance model" if name == "sides" else "reranker"
            raise RequestProblem(422, "no_model", f"{name} needs a {model}, and the server has none")


async def answer_to(
    service: Service, index: WarmIndex, wanted: SearchRequest, claim: str, *, is_admitted: bool = False
) -> ClaimEvidence:
    """Return the answer to a claim; the other fields of the request say how it is searched for."""
    # The claim apart, all that decides an answer: claims that agree in it are searched together.
    group = ("search", index.name, *(value for _, value in sorted(wanted.settings.items())))
    answer = await service.queue.do(group, claim, _search(index, wanted), is_admitted=is_admitted)
    service.metrics.count_claim(answer.timings_ms)
    return answer


def _search(index: WarmIndex, wanted: SearchRequest) -> Callable[[list[str]], Sequence[ClaimEvidence]]:
    def run(claims: list[str]) -> list[ClaimEvidence]:
        answers = index.current().find_evidence(
            claims,
            wanted.k,
            adaptive=wanted.adaptive_k,
            min_score=wanted.min_score,
            conditions=wanted.conditions,
            context=wanted.context,
            folding=wanted.fold,
            sides=wanted.sides,
        )
        return [
            replace(answer, index=answer.index | {"path": index.name}, models=served_names(answer.models))
            for answer in answers
        ]

    return run


async def _answers(
    service: Service, index: WarmIndex, wanted: SearchRequest, claims: Sequence[str]
) -> AsyncGenerator[ClaimEvidence]:
    """Yield the answers in order; a few claims wait at a time."""
    waiting: list[asyncio.Task[ClaimEvidence]] = []
    try:
        for number, claim in enumerate(claims):
            # The first claim is let in or refused, and the others with it: a refusal halfway would come too late.
            work = answer_to(service, index, wanted, claim, is_admitted=number > 0)
            waiting.append(asyncio.ensure_future(work))
            if len(waiting) == _AHEAD:
                yield await waiting.pop(0)
        while waiting:
            yield await waiting.pop(0)
    finally:
        for task in waiting:
            task.cancel()


async def _lines(first: ClaimEvidence, others: AsyncGenerator[ClaimEvidence]) -> AsyncGenerator[bytes]:
    """Yield the answers as JSON lines; an error, which comes too late for a status, is the last line."""
    async with aclosing(others):  # claims that wait are given up with the response
        try:
            yield _line(await asyncio.to_thread(as_json, first, indent=None))
            async for answer in others:
                yield _line(await asyncio.to_thread(as_json, answer, indent=None))
        except Exception as error:
            if not isinstance(error, RequestProblem):
                log_failure("POST /v1/search", error)
            yield _line(json.dumps(as_problem(error).record(), ensure_ascii=False))


def _line(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace") + b"\n"
