"""The clients of OpenAI and Cohere, unchanged, against a server on this machine."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from loopback_server import served
from server_requests import TOKEN, WITH_TOKEN

from claimhound.pipeline.server.app import make_app

pytestmark = pytest.mark.usefixtures("loopback")


@pytest.fixture
def url(make_service, loopback):
    with served(make_app(make_service(), WITH_TOKEN)) as address:
        yield address


def _imported(name: str):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


def test_the_openai_client_gets_vectors_in_the_base64_that_it_asks_for(url) -> None:
    openai = _imported("openai")
    with openai.OpenAI(base_url=f"{url}/v1", api_key=TOKEN, max_retries=0) as client:
        answer = client.embeddings.create(model="default", input=["Ice melts.", "Bread rises."])
        assert [one.embedding for one in answer.data] == [[1.0, 0.0], [1.0, 0.0]]
        assert answer.usage.total_tokens == 4
        asked = client.embeddings.create(model="default", input="Ice.", extra_body={"input_type": "query"})
        assert np.linalg.norm(asked.data[0].embedding) == pytest.approx(1)
        with pytest.raises(openai.NotFoundError, match="there is no encoder 'text-embedding-3-small' here"):
            client.embeddings.create(model="text-embedding-3-small", input="Ice.")
    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.embeddings.create(model="default", input="Ice.")


@pytest.mark.parametrize("kind", ["Client", "ClientV2"])
def test_the_cohere_clients_get_documents_in_order(url, kind: str) -> None:
    cohere = _imported("cohere")
    documents = ["Bread needs yeast.", "Ice: Glaciers shrink every summer."]
    with _imported("httpx").Client() as connection:
        client = getattr(cohere, kind)(api_key=TOKEN, base_url=url, httpx_client=connection)
        answer = client.rerank(model="default", query="Glaciers shrink.", documents=documents, top_n=1)
        with pytest.raises(cohere.NotFoundError, match=r"there is no reranker 'rerank-v3\.5' here"):
            client.rerank(model="rerank-v3.5", query="Glaciers shrink.", documents=documents)
    assert [result.index for result in answer.results] == [1]
    assert answer.results[0].relevance_score == pytest.approx(0.9526, abs=1e-4)
