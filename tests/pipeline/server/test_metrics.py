"""GET /metrics: counts by route and status, seconds by stage, and nothing that was asked."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families
from server_requests import WITH_TOKEN, client_of


def samples(client):
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(response.text)
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


def requests(client):
    return {key[1:]: value for key, value in samples(client).items() if key[0] == "claimhound_requests_total"}


def test_requests_are_counted_by_the_routes_template(client):
    client.post("/v1/search", json={"claim": "x"})
    client.post("/v1/search", json={"claim": "y"})
    client.post("/v1/search", json={})
    client.get("/v1/documents/g1")
    client.get("/v1/documents/secret-id")
    client.get("/secret-path")
    client.request("BREW", "/v1/search")
    client.get("/v1/indexes", headers={"host": "evil.example"})
    assert requests(client) == {
        ("/v1/search", "200", "POST"): 2,
        ("/v1/search", "422", "POST"): 1,
        ("/v1/documents/{doc_id:path}", "200", "GET"): 1,
        ("/v1/documents/{doc_id:path}", "404", "GET"): 1,
        ("404", "GET", "none"): 1,
        ("/v1/search", "405", "other"): 1,
        ("403", "GET", "none"): 1,
    }
    assert "secret" not in client.get("/metrics").text


def test_each_claim_adds_its_share_of_the_time_of_each_stage(client):
    before = samples(client)
    answers = [client.post("/v1/search", json={"claim": claim}).json() for claim in ("x", "y")]
    after = samples(client)
    assert after["claimhound_claims_total",] - before["claimhound_claims_total",] == 2
    for stage in ("bm25", "dense", "rerank", "stance"):
        spent_ms = sum(answer["timings_ms"][stage] for answer in answers)
        assert after["claimhound_stage_seconds_total", stage] == pytest.approx(spent_ms / 1000)


def test_queue_and_generation_are_told_as_they_are(client):
    found = samples(client)
    assert found["claimhound_waiting",] == 0
    assert found["claimhound_most_waiting",] == 100
    assert found["claimhound_index_generation", "news"] == 1
    assert found["claimhound_index_stale", "news"] == 0


def test_two_servers_count_apart(make_service):
    one, other = client_of(make_service()), client_of(make_service())
    one.get("/v1/indexes")
    assert ("/v1/indexes", "200", "GET") in requests(one)
    assert ("/v1/indexes", "200", "GET") not in requests(other)


def test_the_metrics_are_behind_the_token(make_service):
    assert client_of(make_service(), WITH_TOKEN).get("/metrics").status_code == 401
