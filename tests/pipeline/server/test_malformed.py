"""A thousand malformed requests: each is refused as JSON with a reason; none makes the server fail."""

from __future__ import annotations

import gzip
import json
import random

import pytest
from server_requests import HOST, client_of, problem

N = 1_000
VALID = {
    "claim": "glaciers shrink",
    "index": "news",
    "k": 3,
    "adaptive_k": False,
    "min_score": 0.0,
    "before": "2020-01",
    "where": {"kind": "report"},
    "context": 1,
    "fold": True,
    "sides": [],
}
# None of these is a value that any field allows.
WRONG = [
    -1, 10**9, 10**400, 1e308, -0.5, 2.5, "", " ", "\0", "\ud800", "x" * 20_000, "../../etc/passwd", [], [[]],
    [None], {}, {"": {}}, {"a": 1}, ["x", 1], {"\udfff": "x"}, {"$ref": "#"}, "{{7*7}}", "'; DROP TABLE claims; --",
]  # fmt: skip
ALLOWED = {
    "where": ({},),
    "sides": ([],),
    "claim": ("x", "\0", "../../etc/passwd", "{{7*7}}", "'; DROP TABLE claims; --"),
}


def wrong_field(draw: random.Random) -> bytes:
    field = draw.choice([*VALID, "claims"])
    allowed = ALLOWED.get(field, ())
    value = draw.choice([one for one in WRONG if one not in allowed])
    body = {name: value for name, value in VALID.items() if name != "claim" or field != "claims"}
    return json.dumps(body | {field: value}).encode()


def unknown_field(draw: random.Random) -> bytes:
    name = draw.choice([*VALID, "limit"]) + draw.choice(["_", " ", "\0", "s ", "\ud800", "X" * 1_000])
    return json.dumps(VALID | {name: draw.choice(WRONG)}).encode()


def cut(draw: random.Random) -> bytes:
    whole = json.dumps(VALID).encode()
    return whole[: draw.randrange(len(whole))]


def with_bytes(draw: random.Random) -> bytes:
    whole = bytearray(json.dumps(VALID).encode())
    for _ in range(draw.randrange(1, 5)):
        whole[draw.randrange(1, len(whole))] = draw.randrange(0x80, 0x100)
    return bytes(whole) + b"\xff"


def noise(draw: random.Random) -> bytes:
    return draw.randbytes(draw.randrange(1, 200)) + b"\x80"


def nested(draw: random.Random) -> bytes:
    left, right = draw.choice([(b"[", b"]"), (b'{"a":', b"}")])
    depth = draw.choice([60, 500, 5_000, 50_000])
    return b'{"claim": "x", "where": ' + left * depth + b"1" + right * depth + b"}"


def no_object(draw: random.Random) -> bytes:
    whole = [b"1", b"true", b"null", b'"claim"', b"[{}]", b"NaN", b"-Infinity", b"{}{}", b"{'a': 1}", b"{,}", b"\0"]
    return draw.choice(whole)


def wrong_headers(draw: random.Random) -> dict[str, bytes]:
    return draw.choice(
        [
            {"content-type": b"text/plain"},
            {"content-type": b"application/json\xff"},
            {"content-type": b""},
            {"content-encoding": b"gzip"},
            {"content-encoding": b"br"},
            {"content-encoding": b"gzip, gzip"},
            {"host": b"evil.example"},
            {"host": b"[" * draw.randrange(1, 9)},
            {"host": bytes([draw.randrange(0x80, 0x100)])},
            {"origin": b"null"},
            {"origin": b"http://["},
            {"origin": bytes([draw.randrange(0x80, 0x100)])},
            {"sec-fetch-site": b"cross-site"},
        ]
    )


BODIES = [wrong_field, unknown_field, cut, with_bytes, noise, nested, no_object]


def test_a_thousand_malformed_searches_are_refused_with_a_reason(client):
    draw = random.Random(17)
    statuses: set[int] = set()
    for number in range(N):
        headers = {"content-type": b"application/json"}
        if number % 5 == 0:
            content = json.dumps(VALID).encode()
            headers |= wrong_headers(draw)
        else:
            content = BODIES[number % len(BODIES)](draw)
            if number % 11 == 0:
                content, headers = gzip.compress(content), headers | {"content-encoding": b"gzip"}
        response = client.post("/v1/search", content=content, headers=headers)
        assert 400 <= response.status_code < 500, (number, content[:200], headers, response.text)
        problem(response)
        statuses.add(response.status_code)
    assert statuses == {400, 403, 404, 415, 422}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "BREW"])
def test_malformed_addresses_are_refused_with_a_reason(client, method):
    draw = random.Random(18)
    words = ("/", "..", "%", "%2f", "%00", "%ff", "%ed%a0%80", "v1", "search", "documents", ";", "&", "=", "x" * 500)
    for _ in range(100):
        path = "/" + "".join(draw.choice(words) for _ in range(draw.randrange(1, 9)))
        query = "".join(draw.choice(words) for _ in range(draw.randrange(4)))
        response = client.request(method, f"http://{HOST}{path}?{query}")
        if response.url.path == "/" and method == "GET":  # what is left of /x/.. is the page
            continue
        assert 400 <= response.status_code < 500, (path, query, response.text)
        problem(response)


def test_after_all_of_it_the_server_answers(make_service):
    client = client_of(make_service())
    draw = random.Random(19)
    for _ in range(50):
        client.post("/v1/search", content=noise(draw), headers={"content-type": "application/json"})
    assert client.post("/v1/search", json=VALID).status_code == 200
    assert client.get("/health/ready").json()["waiting"] == 0
