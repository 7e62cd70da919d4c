"""Who may ask: hosts, origins, tokens, and what a browser is told."""

from __future__ import annotations

import pytest
from server_requests import HOST, TOKEN, WITH_TOKEN, client_of, problem

from claimhound.data.errors import InputError
from claimhound.pipeline.server.access import read_access

BODY = {"claim": "glaciers shrink"}


def ask(client, **headers):
    return client.post(
        "/v1/search", json=BODY, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


@pytest.mark.parametrize("host", ["127.0.0.1", HOST, "localhost:1", "LOCALHOST", "[::1]:8765"])
def test_the_machines_own_names_are_answered(client, host):
    assert ask(client, host=host).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost@evil.example", "evil.example@localhost",
     "localhost/evil", "[::1", "localhost:", "", "192.168.1.5", "localhost, evil.example", "127.1", "::1"],
)  # fmt: skip
def test_a_name_that_was_rebound_to_this_machine_is_refused(client, host):
    assert problem(ask(client, host=host)) == (403, "foreign_host")


def test_an_allowed_name_is_answered(make_service):
    client = client_of(make_service(), read_access("127.0.0.1", ["Desk.example"], None))
    assert ask(client, host="desk.example", origin="https://desk.example").status_code == 200
    assert problem(ask(client, host="other.example")) == (403, "foreign_host")


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "", "http://127.0.0.1:3000", f"http://{HOST}.evil.example", f"ftp://{HOST}", "http://[",
     "http://localhost:8765", f"http://{HOST}/", f"http://evil@{HOST}", "file://"],
)  # fmt: skip
def test_a_page_of_another_origin_is_refused(client, origin):
    assert problem(ask(client, origin=origin)) == (403, "foreign_origin")


def test_the_servers_own_page_is_answered(client):
    assert ask(client, origin=f"http://{HOST}", sec_fetch_site="same-origin").status_code == 200
    assert ask(client, sec_fetch_site="none").status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_elsewhere_cannot_fetch_without_an_origin(client, site):
    assert problem(client.get("/v1/indexes", headers={"sec-fetch-site": site})) == (403, "foreign_origin")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"])
def test_a_body_that_a_form_can_send_is_refused(client, kind):
    response = client.post("/v1/search", content='{"claim": "x"}', headers={"content-type": kind})
    assert problem(response) == (415, "wrong_type")


def test_a_preflight_is_answered_without_permission(client):
    asking = {"origin": f"http://{HOST}", "access-control-request-method": "POST"}
    response = client.options("/v1/search", headers=asking)
    assert problem(response) == (405, "wrong_method")
    assert response.headers["allow"] == "POST"
    assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "headers",
    [{"authorization": f"Bearer {TOKEN}"}, {"authorization": f"bearer {TOKEN}"}, {"x-api-key": TOKEN},
     {"authorization": "Basic abc", "x-api-key": TOKEN}],
)  # fmt: skip
def test_the_token_opens_by_either_header(make_service, headers):
    assert ask(client_of(make_service(), WITH_TOKEN), **headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": f"Bearer {TOKEN}0"}, {"authorization": f"Bearer {TOKEN[:-1]}"}, {"authorization": TOKEN},
     {"authorization": "Bearer"}, {"x-api-key": ""}, {"x-api-key": TOKEN.upper()}, {"cookie": f"token={TOKEN}"},
     {"authorization": "Bearer \xe9"}],
)  # fmt: skip
def test_a_missing_or_wrong_token_is_refused(make_service, headers):
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    response = ask(client_of(make_service(), WITH_TOKEN), **encoded)
    assert problem(response) == (401, "no_token")
    assert response.headers["www-authenticate"] == "Bearer"


def test_only_the_page_and_the_sign_of_life_are_open(make_service):
    client = client_of(make_service(), WITH_TOKEN)
    assert client.get("/health/live").status_code == 200
    assert client.get("/page/none.js").status_code == 404
    for path in ("/health/ready", "/metrics", "/v1/indexes", "/openapi.json", "/nothing", "/page", "/health/live/"):
        assert problem(client.get(path)) == (401, "no_token"), path


def test_every_response_has_the_headers_that_bind_a_browser(client):
    for response in (ask(client), ask(client, origin="null"), client.get("/nothing"), client.get("/metrics")):
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cross-origin-resource-policy"] == "same-origin"
        assert response.headers["cache-control"] == "no-store"
        assert "set-cookie" not in response.headers and "server" not in response.headers


def test_beyond_this_machine_a_server_needs_a_token(tmp_path):
    token_path = tmp_path / "token"
    for host in ("0.0.0.0", "::", "192.168.1.5", "desk.example"):
        with pytest.raises(InputError, match="--token-file"):
            read_access(host, [], None)
    token_path.write_text(f"{TOKEN}\n")
    access = read_access("0.0.0.0", [], token_path)
    assert access.token == TOKEN
    assert TOKEN not in (access.fingerprint or "")


@pytest.mark.parametrize("text", ["short", "two words of many letters", "ünïcödé-ünïcödé-ünïcödé", ""])
def test_a_token_that_could_be_guessed_or_cannot_be_sent_is_refused(tmp_path, text):
    token_path = tmp_path / "token"
    token_path.write_text(text)
    with pytest.raises(InputError, match="token"):
        read_access("127.0.0.1", [], token_path)
