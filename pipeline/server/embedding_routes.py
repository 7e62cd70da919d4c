"""POST /v1/embeddings: the encoder's vectors of texts, in OpenAI's form."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from claimhound.data.records import Json
from claimhound.data.text.claim_text import searched_text
from claimhound.pipeline.models.encoders import Encoder
from claimhound.pipeline.server.bodies import read_json
from claimhound.pipeline.server.embedding_messages import EmbeddingsRequest
from claimhound.pipeline.server.messages import parsed
from claimhound.pipeline.server.model_answers import EmbeddingsAnswer
from claimhound.pipeline.server.operations import Answer, Content, DescribedRoute, Operation
from claimhound.pipeline.server.problems import RequestProblem
from claimhound.pipeline.server.responses import json_response, while_connected
from claimhound.pipeline.server.served_models import encoder_of, served_name
from claimhound.pipeline.server.service import Service
from claimhound.pipeline.server.slices import in_slices

_EMBEDDINGS = Operation(
    "Vectors of texts, in the form of OpenAI.",
    [
        Answer(
            "A vector for each text, in order.",
            [
                Content(
                    EmbeddingsAnswer,
                    {
                        "object": "list",
                        "data": [{"object": "embedding", "index": 0, "embedding": [0.6, -0.8], "truncated": False}],
                        "model": "encoder",
                        "usage": {"prompt_tokens": 5, "total_tokens": 5},
                    },
                )
            ],
        )
    ],
    body=Content(EmbeddingsRequest, {"input": ["Sea level rose."], "input_type": "document"}),
    details="The vectors that an index is searched by. What is too long is cut, and marked.",
)


class _Encoded(NamedTuple):
    """(dim,) numbers, the tokens that were read, and whether the text had more."""

    vector: NDArray[np.float32]
    n_tokens: int
    truncated: bool


def embedding_routes(service: Service) -> list[DescribedRoute]:
    """Return the route."""

    async def embeddings(request: Request) -> Response:
        wanted = parsed(EmbeddingsRequest, await read_json(request, service.limits.body_bytes))
        model = encoder_of(service, wanted.model)
        dim = model.identity.dim
        if wanted.dimensions not in (None, dim):
            raise RequestProblem(422, "invalid", f"dimensions: the vectors have {dim}, and cannot be shortened")
        as_query = wanted.input_type == "query"
        # As in a search, where a claim is read without links and emoji.
        texts = [searched_text(text) for text in wanted.texts] if as_query else wanted.texts
        encoded = await while_connected(
            request, in_slices(service.queue, texts, lambda some: _encoded(model, some, as_query=as_query))
        )
        n_tokens = sum(one.n_tokens for one in encoded)
        data: list[Json] = [
            {
                "object": "embedding",
                "index": index,
                "embedding": _written(one.vector, wanted.encoding_format),
                "truncated": one.truncated,
            }
            for index, one in enumerate(encoded)
        ]
        return json_response(
            {
                "object": "list",
                "data": data,
                "model": served_name(model.identity.name),
                "usage": {"prompt_tokens": n_tokens, "total_tokens": n_tokens},
            }
        )

    return [DescribedRoute("POST", "/v1/embeddings", embeddings, _EMBEDDINGS)]


def _encoded(model: Encoder, texts: Sequence[str], *, as_query: bool) -> list[_Encoded]:
    vectors = model.encode(texts, as_query=as_query)
    lengths = model.lengths(texts, as_query=as_query)
    return [_Encoded(vector, *length) for vector, length in zip(vectors, lengths, strict=True)]


def _written(vector: NDArray[np.float32], form: str) -> Json:
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
    numbers: list[Json] = vector.tolist()
    return numbers
