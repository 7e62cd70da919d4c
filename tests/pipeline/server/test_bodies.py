"""What a body may be: its size before and after decompression, its JSON, its fields."""

from __future__ import annotations

import gzip
import json

import pytest
from server_requests import client_of, problem

from claimhound.pipeline.server.service import Limits

BODY = b'{"claim": "glaciers shrink"}'
SMALL = Limits(body_bytes=1_000)


def post(client, content, **headers):
    headers = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/v1/search", content=content, headers=headers)


def padded(n_bytes):
    return BODY + b" " * (n_bytes - len(BODY))


def test_a_body_may_have_as_many_bytes_as_the_limit_and_no_more(make_service):
    client = client_of(make_service(limits=SMALL))
    assert post(client, padded(1_000)).status_code == 200
    assert problem(post(client, padded(1_001))) == (413, "too_large")


def test_a_body_without_a_length_is_limited_as_well(make_service):
    client = client_of(make_service(limits=SMALL))
    assert problem(post(client, (b" " * 100 for _ in range(1_000_000)))) == (413, "too_large")


def test_a_packed_body_is_unpacked(make_service):
    client = client_of(make_service(limits=SMALL))
    assert post(client, gzip.compress(padded(1_000)), content_encoding="gzip").status_code == 200
    assert problem(post(client, gzip.compress(padded(1_001)), content_encoding="gzip")) == (413, "too_large")


def test_a_decompression_bomb_is_refused(client):
    bomb = gzip.compress(b" " * 200_000_000, 1)
    assert len(bomb) < 4_000_000
    assert problem(post(client, bomb, content_encoding="gzip")) == (413, "too_large")


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(BODY)[:-1], gzip.compress(BODY)[:12], b"", BODY, gzip.compress(BODY)[:-8] + b"\0" * 8,
     gzip.compress(BODY) + gzip.compress(b" "), gzip.compress(BODY) + b"x"],
    ids=["without its end", "cut short", "empty", "not packed", "wrong checksum", "two streams", "more behind it"],
)  # fmt: skip
def test_a_damaged_packed_body_is_refused(client, packed):
    assert problem(post(client, packed, content_encoding="gzip")) == (400, "not_gzip")


@pytest.mark.parametrize("packing", ["br", "deflate", "gzip, gzip", "zstd"])
def test_another_packing_is_refused_with_the_one_there_is(client, packing):
    response = post(client, BODY, content_encoding=packing)
    assert problem(response) == (415, "wrong_encoding")
    assert response.headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"claim": NaN}', b'{"claim": "x", "min_score": Infinity}', b'{"claim": "\xff"}', b"[]", b'"x"',
     b"null", BODY + BODY, b'{"claim": "a\nb"}', BODY.decode().encode("utf-16"), b'{"k": ' + b"1" * 5_000 + b"}",
     b"[" * 100_000, b'{"a":' * 100_000, b'{"where": ' + b"[" * 60 + b"]" * 60 + b"}"],
)  # fmt: skip
def test_what_is_not_a_json_object_is_refused(client, content):
    assert problem(post(client, content)) == (400, "not_json")


def test_a_byte_order_mark_is_allowed(client):
    assert post(client, b"\xef\xbb\xbf" + BODY).json()["claim"] == "glaciers shrink"
    assert post(client, BODY, content_type="application/json; charset=utf-8").status_code == 200


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "claim"),
        ({"claim": "x", "claims": ["y"]}, "either claim or claims"),
        ({"claim": " \n"}, "claim: is empty"),
        ({"claims": ["x", " "]}, "claim 2 is empty"),
        ({"claims": []}, "claims"),
        ({"claims": ["x"] * 1_001}, "claims"),
        ({"claim": "x" * 10_001}, "claim"),
        ({"claim": "\ud800"}, "claim"),
        ({"claims": ["\udfff"]}, "claims"),
        ({"claim": 7}, "claim"),
        ({"claim": "x", "k": 0}, "k:"),
        ({"claim": "x", "k": 1_001}, "k:"),
        ({"claim": "x", "k": "5"}, "k:"),
        ({"claim": "x", "k": 2.5}, "k:"),
        ({"claim": "x", "k": True}, "k:"),
        ({"claim": "x", "K": 5}, "K:"),
        ({"claim": "x", "min_score": 1.5}, "min_score"),
        ({"claim": "x", "context": 21}, "context"),
        ({"claim": "x", "before": "yesterday"}, "before"),
        ({"claim": "x", "before": "\ud800"}, "before"),
        ({"claim": "x", "where": {"source": 1}}, "where.source"),
        ({"claim": "x", "where": {"\ud800": "x"}}, "where"),
        ({"claim": "x", "where": {str(n): "" for n in range(51)}}, "where"),
        ({"claim": "x", "where": {"source": "x" * 1_001}}, "where.source"),
        ({"claim": "x", "sides": ["supports"]}, "sides"),
        ({"claim": "x", "sides": ["SUPPORTS"], "adaptive_k": True}, "sides cannot"),
        ({"claim": "x", "\ud800": 1}, ""),
    ],
)
def test_a_wrong_field_is_named(client, changes, named):
    response = post(client, json.dumps(changes).encode())
    assert problem(response) == (422, "invalid")
    assert named in response.json()["message"]


def test_a_refusal_never_repeats_a_claim_and_stays_short(client):
    secret = "the minister took the money"
    bodies = [{"claim": secret * 500}, {"claim": secret, "k": 0}, {"claims": [secret, ""]}, {"claim": [secret]}]
    for body in bodies:
        assert secret not in post(client, json.dumps(body).encode()).text
    many = post(client, json.dumps({f"{secret} {n}" * 50: n for n in range(1_000)}).encode())
    assert problem(many) == (422, "invalid")
    assert len(many.content) < 5_000 and "and 990 more" in many.json()["message"]


def test_what_needs_a_missing_model_is_refused(make_service):
    service = make_service()
    service.indexes[0].opened.reranker = None
    service.indexes[0].opened.stance = None
    for field in ({"adaptive_k": True}, {"min_score": 0.5}, {"sides": ["REFUTES"]}):
        response = post(client_of(service), json.dumps({"claim": "x", **field}).encode())
        assert problem(response) == (422, "no_model")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "news/../news", "NEWS", "", "news\0", "."])
def test_an_index_is_found_by_its_name_alone(client, name):
    searched = post(client, json.dumps({"claim": "x", "index": name}).encode())
    for response in (searched, client.get("/v1/documents/g1", params={"index": name})):
        assert problem(response) == (404, "not_found")
        assert "news" in response.json()["message"]


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "%00",
        "g1%00",
        "%ff",
        "generation-000001/manifest.json",
    ],
)
def test_a_path_in_place_of_an_id_reads_nothing(client, path):
    assert problem(client.get(f"/v1/documents/{path}")) == (404, "not_found")


def test_a_document_is_found_by_its_id_with_slashes(client):
    for path in ("notes/b1", "notes%2Fb1"):
        assert client.get(f"/v1/documents/{path}").json()["text"] == "Bread needs yeast."


def test_a_documents_neighbours_are_of_its_text(client):
    found = client.get("/v1/documents/g1", params={"context": "2"}).json()
    assert [one["doc_id"] for one in found["context"]["after"]] == ["g2"]


@pytest.mark.parametrize("query", ["context=21", "context=-1", "context=x", "context=", "context=1.5", "contxt=1"])
def test_a_wrong_parameter_is_named(client, query):
    response = client.get(f"/v1/documents/g1?{query}")
    assert problem(response) == (422, "invalid")
    assert "cont" in response.json()["message"]


@pytest.mark.parametrize("method", ["GET", "PUT", "TRACE", "HEAD", "OPTIONS"])
def test_another_method_is_refused_with_those_there_are(client, method):
    response = client.request(method, "/v1/search")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_a_slash_too_many_is_not_redirected(client):
    assert problem(client.get("/v1/indexes/", follow_redirects=False)) == (404, "not_found")


def test_head_has_the_headers_of_get(client):
    assert client.head("/v1/indexes").headers["content-type"] == "application/json"
