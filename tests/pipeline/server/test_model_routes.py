"""/v1/rerank, /rerank, /v1/stance and /v1/embeddings: what the models say, in the forms of other servers."""

from __future__ import annotations

import base64
import json
import math

import numpy as np
import pytest
from pipeline_fakes import FakeEncoder, FakeReranker, FakeStance
from server_requests import client_of, problem

from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.models.blending import Blend
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.server.service import Service
from claimhound.pipeline.server.slices import AT_A_TIME
from claimhound.pipeline.server.warm_index import WarmIndex
from claimhound.pipeline.server.work_queue import WorkQueue
from claimhound.pipeline.serving.compute import Compute

LOGITS = {"low": -2.0, "high": 2.0, "Ice: middle": 0.5, "long": 1.0}
STANCES = {"yes": (0.7, 0.1, 0.2), "Ice: no": (0.1, 0.8, 0.1)}
HIGH = 1 / (1 + math.exp(-2))


@pytest.fixture
def make_client(index_dir):
    """Make a client of a service with these models, None for none."""
    queues = []

    def make(reranker=None, stance=None, encoder=None):
        pipeline = EvidencePipeline(IndexSnapshot.open(index_dir), encoder, reranker, stance=stance)
        queues.append(WorkQueue())
        return client_of(Service([WarmIndex("news", pipeline, Compute("cpu"))], queues[-1]))

    yield make
    for queue in queues:
        queue.close()


@pytest.fixture
def models():
    return {
        "reranker": FakeReranker(LOGITS, truncated=["long"]),
        "stance": FakeStance(STANCES, truncated=["yes"]),
        "encoder": FakeEncoder({"north": (0.0, 1.0), "long " * 99: (0.6, 0.8)}),
    }


@pytest.fixture
def client(make_client, models):
    return make_client(**models)


def test_rerank_orders_documents_by_the_probability_of_the_pair_alone(client) -> None:
    body = {"query": "q", "documents": ["low", {"text": "high", "id": 7}, {"text": "middle", "title": "Ice"}]}
    answer = client.post("/v1/rerank", json=body).json()
    assert answer["model"] == "fake-reranker"
    assert [result["index"] for result in answer["results"]] == [1, 2, 0]
    assert answer["results"][0] == {"index": 1, "relevance_score": pytest.approx(HIGH), "truncated": False}


def test_a_blend_that_weighs_ranks_does_not_change_the_score_of_a_pair(make_client, models) -> None:
    models["reranker"].blend = Blend(0.3, (("logit", 2.0), ("log_fused_rank", -1.0)))
    [result] = make_client(**models).post("/v1/rerank", json={"query": "q", "documents": ["high"]}).json()["results"]
    assert result["relevance_score"] == pytest.approx(HIGH)


def test_rerank_gives_documents_back_as_they_came_and_only_the_best(client) -> None:
    body = {"query": "q", "documents": ["low", {"text": "high", "id": 7}, "long"], "top_n": 2, "return_documents": True}
    results = client.post("/v2/rerank", json=body).json()["results"]
    assert [result["document"] for result in results] == [{"text": "high", "id": 7}, {"text": "long"}]
    assert [result["truncated"] for result in results] == [False, True]
    assert len(client.post("/v1/rerank", json=body | {"top_n": 99}).json()["results"]) == 3


def test_equal_scores_keep_the_order_of_the_documents(client) -> None:
    results = client.post("/v1/rerank", json={"query": "q", "documents": ["b", "high", "a"]}).json()["results"]
    assert [result["index"] for result in results] == [1, 0, 2]


def test_a_claim_as_posted_is_read_as_a_search_reads_it(client, models) -> None:
    client.post("/v1/rerank", json={"query": "RT @who: Ice melts https://x.example/1", "documents": ["low"]})
    assert models["reranker"].calls == [[("Ice melts", "low")]]


def test_rerank_in_teis_form_is_a_list_with_probabilities_or_logits(client) -> None:
    body = {"query": "q", "texts": ["low", "high"], "return_text": True}
    assert client.post("/rerank", json=body).json() == [
        {"index": 1, "score": pytest.approx(HIGH), "truncated": False, "text": "high"},
        {"index": 0, "score": pytest.approx(1 - HIGH), "truncated": False, "text": "low"},
    ]
    body = {"query": "q", "texts": ["low", "high"], "raw_scores": True}
    assert [found["score"] for found in client.post("/rerank", json=body).json()] == [2.0, -2.0]


def test_teis_truncate_decides_whether_long_texts_are_cut_or_refused(client) -> None:
    body = {"query": "q", "texts": ["high", "long"]}
    assert [found["truncated"] for found in client.post("/rerank", json=body).json()] == [False, True]
    refused = client.post("/rerank", json=body | {"truncate": False})
    assert problem(refused) == (413, "too_long")
    assert "texts 1 (counted from 0) are too long: the model reads 64 tokens" in refused.text
    assert client.post("/rerank", json={"query": "q", "texts": ["high"], "truncate": False}).status_code == 200


def test_stance_gives_a_label_with_probabilities_for_each_pair(client) -> None:
    pairs = [{"claim": "c", "evidence": "yes"}, {"claim": "c", "evidence": "no", "title": "Ice"}]
    answer = client.post("/v1/stance", json={"pairs": pairs}).json()
    assert answer["model"] == "fake-stance"
    assert [(one["label"], one["truncated"]) for one in answer["results"]] == [("SUPPORTS", True), ("REFUTES", False)]
    assert answer["results"][0]["probabilities"] == {"SUPPORTS": 0.7, "REFUTES": 0.1, "NOT_ENOUGH_INFO": 0.2}


def test_embeddings_come_as_numbers_and_as_the_same_numbers_in_base64(client) -> None:
    body = {"input": ["north", "long " * 99]}
    answer = client.post("/v1/embeddings", json=body).json()
    assert [one["embedding"] for one in answer["data"]] == [[0, 1], [pytest.approx(0.6), pytest.approx(0.8)]]
    assert [one["truncated"] for one in answer["data"]] == [False, True]
    assert answer["usage"] == {"prompt_tokens": 65, "total_tokens": 65}
    packed = client.post("/v1/embeddings", json=body | {"encoding_format": "base64"}).json()
    for one, other in zip(answer["data"], packed["data"], strict=True):
        assert np.frombuffer(base64.b64decode(other["embedding"]), "<f4").tolist() == one["embedding"]


def test_texts_are_encoded_as_documents_unless_they_are_called_queries(client, models) -> None:
    client.post("/v1/embeddings", json={"input": "north"})
    client.post("/v1/embeddings", json={"input": "south https://x.example/1", "input_type": "query"})
    assert (models["encoder"].calls, models["encoder"].query_calls) == ([["north"]], [["south"]])


def test_dimensions_are_refused_unless_they_are_the_models_own(client) -> None:
    assert client.post("/v1/embeddings", json={"input": "north", "dimensions": 2}).status_code == 200
    refused = client.post("/v1/embeddings", json={"input": "north", "dimensions": 1})
    assert problem(refused) == (422, "invalid")
    assert "the vectors have 2" in refused.text


BODIES = {
    "/v1/rerank": {"query": "q", "documents": ["low"]},
    "/v1/stance": {"pairs": [{"claim": "c", "evidence": "yes"}]},
    "/v1/embeddings": {"input": "north"},
}


@pytest.mark.parametrize(
    ("path", "own"),
    [("/v1/rerank", "fake-reranker"), ("/v1/stance", "fake-stance"), ("/v1/embeddings", "fake-encoder")],
)
def test_another_model_than_the_servers_is_refused_by_name(client, path: str, own: str) -> None:
    for served in (own, "default", None):
        assert client.post(path, json=BODIES[path] | {"model": served}).status_code == 200
    refused = client.post(path, json=BODIES[path] | {"model": "rerank-v3.5"})
    assert problem(refused) == (404, "not_found")
    assert f"'rerank-v3.5' here, but: {own}" in refused.text


@pytest.mark.parametrize("path", BODIES)
def test_a_server_without_the_model_says_so(make_client, path: str) -> None:
    assert problem(make_client().post(path, json=BODIES[path])) == (422, "no_model")


def test_a_model_in_a_folder_is_named_without_the_folders_place(make_client) -> None:
    reranker = FakeReranker()
    reranker.name = "/srv/models/ours"
    client = make_client(reranker)
    assert client.post("/v1/rerank", json=BODIES["/v1/rerank"] | {"model": "ours"}).json()["model"] == "ours"
    assert client.get("/v1/indexes").json()["indexes"][0]["models"]["reranker"] == "ours"
    assert "/srv" not in client.post("/v1/search", json={"claim": "Ice."}).text


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/v1/rerank", {"query": " ", "documents": ["a"]}, "query: is empty"),
        ("/v1/rerank", {"query": "q", "documents": []}, "at least 1 item"),
        ("/v1/rerank", {"query": "q", "documents": ["a"] * 1001}, "at most 1000 items"),
        ("/v1/rerank", {"query": "q", "documents": ["a" * 50_001]}, "at most 50000 characters"),
        ("/v1/rerank", {"query": "q", "documents": ["\udc80"]}, "documents.0.text: Input should be a valid string"),
        ("/v1/rerank", {"query": "q", "documents": [3]}, "documents.0.object"),
        ("/v1/rerank", {"query": "q", "documents": ["a"], "top_n": 0}, "top_n"),
        ("/v1/rerank", {"query": "q", "documents": ["a"], "rank_fields": ["x"]}, "rank_fields"),
        ("/rerank", {"query": "q", "texts": ["a"], "truncation_direction": "Left"}, "truncation_direction"),
        ("/rerank", {"query": "q" * 10_001, "texts": ["a"]}, "at most 10000 characters"),
        ("/v1/stance", {"pairs": [{"claim": "", "evidence": "a"}]}, "pairs.0.claim"),
        ("/v1/embeddings", {"input": ["a", " "]}, "is blank, and has no vector"),
        ("/v1/embeddings", {"input": [1, 2]}, "token ids are of another model; send texts"),
        ("/v1/embeddings", {"input": [[1, 2]]}, "token ids are of another model; send texts"),
        ("/v1/embeddings", {"input": "a", "input_type": "passage"}, "input_type"),
        ("/v1/embeddings", {"input": "a", "encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_field_and_limit(client, path: str, body: object, reason: str) -> None:
    refused = client.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert problem(refused) == (422, "invalid")
    assert reason in refused.text


def test_a_long_list_is_worked_on_in_slices_between_which_others_have_their_turn(client, models) -> None:
    texts = [f"text {number}" for number in range(2 * AT_A_TIME + 1)]
    assert len(client.post("/rerank", json={"query": "q", "texts": texts}).json()) == len(texts)
    assert [len(call) for call in models["reranker"].calls] == [AT_A_TIME, AT_A_TIME, 1]
