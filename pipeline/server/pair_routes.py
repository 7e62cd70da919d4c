"""POST /v1/rerank, /rerank and /v1/stance: what the models say about pairs of texts, without an index.

A score is the plain sigmoid of the reranker's logit, as in `evaluate-pairs`. The probability that a search shows also
weighs where the first stage ranked a document, and a pair alone has no rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from claimhound.data.records import Document, Json
from claimhound.data.text.claim_text import searched_text
from claimhound.data.text.text_form import read_form
from claimhound.pipeline.models.blending import sigmoid
from claimhound.pipeline.models.cross_encoders import Reranker, StanceModel
from claimhound.pipeline.models.pair_readers import Pair
from claimhound.pipeline.search.results import EvidenceStance
from claimhound.pipeline.search.summary import stance_of
from claimhound.pipeline.server.bodies import read_json
from claimhound.pipeline.server.messages import parsed
from claimhound.pipeline.server.model_answers import OF_A_PAIR, RerankAnswer, StanceAnswer, TeiRerankAnswer
from claimhound.pipeline.server.operations import Answer, Content, DescribedRoute, Operation
from claimhound.pipeline.server.pair_messages import PassageRecord, RerankRequest, StanceRequest, TeiRerankRequest
from claimhound.pipeline.server.problems import RequestProblem
from claimhound.pipeline.server.responses import json_response, while_connected
from claimhound.pipeline.server.served_models import reranker_of, served_name, stance_of_server
from claimhound.pipeline.server.service import Service
from claimhound.pipeline.server.slices import in_slices

_SHOWN_AT_MOST = 10
_RERANK = Operation(
    "Documents in the order of their relevance to a query, in the form of Cohere and Jina.",
    [
        Answer(
            "The documents, best first.",
            [
                Content(
                    RerankAnswer,
                    {
                        "model": "cross-encoder",
                        "results": [{"index": 1, "relevance_score": 0.93, "truncated": False}],
                    },
                )
            ],
        )
    ],
    body=Content(
        RerankRequest,
        {"query": "The seas rise.", "documents": ["The moon is made of rock.", "Sea level rose."], "top_n": 1},
    ),
    details=OF_A_PAIR,
)
_TEI_RERANK = Operation(
    "Texts in the order of their relevance to a query, in the form of Text Embeddings Inference.",
    [
        Answer(
            "The texts, best first.",
            [Content(TeiRerankAnswer, [{"index": 0, "score": 0.93, "truncated": False}])],
        )
    ],
    body=Content(TeiRerankRequest, {"query": "The seas rise.", "texts": ["Sea level rose."]}),
    details=f"{OF_A_PAIR} What is too long is cut unless truncate is false.",
)
_STANCE = Operation(
    "Whether evidence supports a claim, refutes it, or neither.",
    [
        Answer(
            "A stance for each pair, in order.",
            [
                Content(
                    StanceAnswer,
                    {
                        "model": "cross-encoder",
                        "results": [
                            {
                                "label": "SUPPORTS",
                                "probabilities": {"SUPPORTS": 0.88, "REFUTES": 0.03, "NOT_ENOUGH_INFO": 0.09},
                                "truncated": False,
                            }
                        ],
                    },
                )
            ],
        )
    ],
    body=Content(StanceRequest, {"pairs": [{"claim": "The seas rise.", "evidence": "Sea level rose."}]}),
    details="The stances that a search gives to the same claim and evidence. Take them as a hint: the bundled model is "
    "wrong on about a third of the pairs about science, health and climate.",
)


class _Scored(NamedTuple):
    """A text's place in the request, its probability and logit, and whether the pair was cut."""

    place: int
    probability: float
    logit: float
    truncated: bool


def pair_routes(service: Service) -> list[DescribedRoute]:
    """Return the routes. `/v2/rerank` is what Cohere's newer client asks for, in the same form."""

    async def rerank(request: Request) -> Response:
        wanted = parsed(RerankRequest, await read_json(request, service.limits.body_bytes))
        model = reranker_of(service, wanted.model)
        texts = [_read_text(document) for document in wanted.documents]
        ranked = await _ranked(service, request, model, wanted.query, texts)
        results: list[Json] = []
        for scored in ranked[: wanted.top_n]:
            result: dict[str, Json] = {
                "index": scored.place,
                "relevance_score": scored.probability,
                "truncated": scored.truncated,
            }
            if wanted.return_documents:
                document = wanted.documents[scored.place]
                result["document"] = (
                    {"text": document} if isinstance(document, str) else document.model_dump(exclude_unset=True)
                )
            results.append(result)
        return json_response({"model": served_name(model.name), "results": results})

    async def tei_rerank(request: Request) -> Response:
        wanted = parsed(TeiRerankRequest, await read_json(request, service.limits.body_bytes))
        model = reranker_of(service, None)
        ranked = await _ranked(service, request, model, wanted.query, wanted.texts)
        if not wanted.truncate:
            _require_uncut(ranked, model.max_length)
        results: list[Json] = []
        for scored in ranked:
            score = scored.logit if wanted.raw_scores else scored.probability
            result: dict[str, Json] = {"index": scored.place, "score": score, "truncated": scored.truncated}
            if wanted.return_text:
                result["text"] = wanted.texts[scored.place]
            results.append(result)
        return json_response(results)

    async def stance(request: Request) -> Response:
        wanted = parsed(StanceRequest, await read_json(request, service.limits.body_bytes))
        model = stance_of_server(service, wanted.model)
        pairs = [(searched_text(pair.claim), _titled(pair.evidence, pair.title)) for pair in wanted.pairs]
        found = await while_connected(request, in_slices(service.queue, pairs, lambda some: _classified(model, some)))
        results: list[Json] = [_stance_record(one) for one in found]
        return json_response({"model": served_name(model.name), "results": results})

    return [
        DescribedRoute("POST", "/v1/rerank", rerank, _RERANK),
        DescribedRoute("POST", "/v2/rerank", rerank, _RERANK),
        DescribedRoute("POST", "/rerank", tei_rerank, _TEI_RERANK),
        DescribedRoute("POST", "/v1/stance", stance, _STANCE),
    ]


def _read_text(document: str | PassageRecord) -> str:
    return document if isinstance(document, str) else _titled(document.text, document.title)


def _titled(text: str, title: str | None) -> str:
    """Return a text in the form in which a search would have it read."""
    return read_form(Document("", text, title))


async def _ranked(
    service: Service, request: Request, model: Reranker, query: str, texts: Sequence[str]
) -> list[_Scored]:
    """Return the scores, best first; equal ones in the order of the texts."""
    claim = searched_text(query)
    pairs = [(claim, text) for text in texts]
    found = await while_connected(request, in_slices(service.queue, pairs, lambda some: _scored(model, some)))
    scored = [one._replace(place=place) for place, one in enumerate(found)]
    return sorted(scored, key=lambda one: (-one.logit, one.place))


def _scored(model: Reranker, pairs: Sequence[Pair]) -> list[_Scored]:
    logits, truncated = model.score(pairs)
    rows = zip(sigmoid(logits).tolist(), logits.tolist(), truncated.tolist(), strict=True)
    return [_Scored(index, *row) for index, row in enumerate(rows)]


def _classified(model: StanceModel, pairs: Sequence[Pair]) -> list[EvidenceStance]:
    found = model.classify(pairs)
    return [stance_of(*row) for row in zip(found.probabilities, found.truncated, strict=True)]


def _stance_record(stance: EvidenceStance) -> dict[str, Json]:
    probabilities: dict[str, Json] = {str(label): value for label, value in stance.probabilities.items()}
    return {"label": stance.label, "probabilities": probabilities, "truncated": stance.truncated}


def _require_uncut(ranked: Sequence[_Scored], max_length: int) -> None:
    cut = sorted(scored.place for scored in ranked if scored.truncated)
    if cut:
        which = ", ".join(map(str, cut[:_SHOWN_AT_MOST])) + (", …" if len(cut) > _SHOWN_AT_MOST else "")
        raise RequestProblem(
            413,
            "too_long",
            f"texts {which} (counted from 0) are too long: the model reads {max_length} tokens of query and text; "
            "shorten them, or leave truncate out to have them cut",
        )
