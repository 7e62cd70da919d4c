"""Answers through a server: the same as from the index, and one line for whatever goes wrong on the way."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from loopback_server import Reply, refusal, replying, served
from sample_answers import ANSWER
from server_requests import HERE, TOKEN, WITH_TOKEN

from claimhound.data.errors import InputError, ServerError
from claimhound.indexes.conditions import Conditions
from claimhound.pipeline.search.answer_json import as_json, as_record
from claimhound.pipeline.search.remote_search import RemoteSearch
from claimhound.pipeline.server.app import make_app

CLAIM = "Glaciers shrink."
ANSWERED = Reply(200, as_json(ANSWER).encode())

pytestmark = pytest.mark.usefixtures("loopback")


@pytest.fixture
def remote() -> Iterator[Callable[..., RemoteSearch]]:
    """Open searches through servers, and close their connections at the end."""
    opened: list[RemoteSearch] = []

    def open_one(url: str, **settings: object) -> RemoteSearch:
        opened.append(RemoteSearch(url, **settings))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def test_the_answers_are_those_of_the_index_with_every_setting(remote, make_service) -> None:
    service = make_service()
    pipeline = service.indexes[0].opened
    settings = [
        {},
        {"k": 1, "min_score": 0.2},
        {"k": 2, "adaptive": True, "folding": False},
        {"context": 1, "conditions": Conditions("2005", (("title", "Ice"), ("kind", "report")))},
        {"conditions": Conditions(where=(("title", "Ice"), ("title", "Food")))},
        {"sides": ["SUPPORTS"]},
    ]
    with served(make_app(service, HERE)) as url:
        searching = remote(url, index="news")
        for given in settings:
            [local] = pipeline.find_evidence([CLAIM], **given)
            [found] = searching.find_evidence([CLAIM], **given)
            named = replace(local, index=local.index | {"path": "news"}, timings_ms=found.timings_ms)
            assert as_record(found) == as_record(named)


def test_several_claims_get_an_answer_each_in_their_order(remote, make_service) -> None:
    with served(make_app(make_service(), HERE)) as url:
        found = remote(url).find_evidence(["Ice melts.", "Bread rises."])
    assert [answer.claim for answer in found] == ["Ice melts.", "Bread rises."]


def test_the_token_is_sent_and_a_wrong_or_missing_one_is_told(remote, make_service) -> None:
    with served(make_app(make_service(), WITH_TOKEN)) as url:
        assert remote(url, token=TOKEN).find_evidence([CLAIM])
        with pytest.raises(ServerError, match="wants a token; name the file with the server's own: --token-file FILE"):
            remote(url).find_evidence([CLAIM])
        with pytest.raises(ServerError, match="refuses the token"):
            remote(url, token="f" * 32).find_evidence([CLAIM])


def test_a_refusal_is_told_with_the_servers_reason(remote, make_service) -> None:
    with served(make_app(make_service(), HERE)) as url:
        with pytest.raises(ServerError, match=r"there is no index 'other'; the indexes are: news"):
            remote(url, index="other").find_evidence([CLAIM])
        with pytest.raises(ServerError, match=r"k: .* less than or equal to 1000"):
            remote(url).find_evidence([CLAIM], k=5_000)


def test_a_busy_server_is_asked_again_after_the_time_it_names(remote) -> None:
    waited: list[float] = []
    told: list[str] = []
    replies = [refusal(429, "busy", Retry_After="3"), refusal(429, "busy", Retry_After="soon"), ANSWERED]
    with replying(replies) as (url, received):
        found = remote(url, notify=told.append, wait=waited.append).find_evidence([CLAIM])
    assert found == [ANSWER]
    assert waited == [3, 5]
    assert told == [f"{url}: is busy; trying again in {seconds} s" for seconds in (3, 5)]
    assert len(received) == 3


def test_a_server_that_stays_busy_is_given_up_with_its_reason(remote) -> None:
    waited: list[float] = []
    replies = [refusal(429, "256 pieces of work are waiting", Retry_After="999999")] * 6
    with replying(replies) as (url, _), pytest.raises(ServerError, match="256 pieces of work are waiting"):
        remote(url, wait=waited.append).find_evidence([CLAIM])
    assert waited == [60] * 5


def test_a_kept_connection_that_the_server_closed_is_opened_again(remote) -> None:
    with replying([ANSWERED._replace(closes=True), ANSWERED]) as (url, received):
        assert remote(url).find_evidence([CLAIM, CLAIM]) == [ANSWER, ANSWER]
    assert len(received) == 2


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(200, b"<html>"), r"does not answer as claimhound serve does \(not JSON\)"),
        (Reply(200, b"[" * 100_000), r"does not answer as claimhound serve does \(not JSON\)"),
        (Reply(200, b"{}"), "is not an answer of claimhound"),
        (Reply(200, json.dumps({"schema": 2}).encode()), "has schema 2, and this version reads 1"),
        (Reply(502, b"bad gateway"), r"does not answer as claimhound serve does \(status 502\)"),
        (Reply(301, b"", {"Location": "/"}), r"does not answer as claimhound serve does \(status 301\)"),
    ],
)
def test_what_answers_otherwise_is_told_in_one_line(remote, reply: Reply, reason: str) -> None:
    with replying([reply]) as (url, _), pytest.raises(ServerError, match=reason) as caught:
        remote(url).find_evidence([CLAIM])
    assert str(caught.value).startswith(f"{url}: ")
    assert "\n" not in str(caught.value)


def test_a_path_in_the_address_comes_before_the_servers_own(remote) -> None:
    with replying([ANSWERED]) as (url, received):
        remote(f"{url}/facts/").find_evidence([CLAIM])
    assert received[0].path == "/facts/v1/search"


def test_no_server_is_told_with_how_to_start_one(remote) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ServerError, match=f"{url}: nothing listens there; start a server with: claimhound serve"):
            remote(url).find_evidence([CLAIM])


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:8765", "localhost:8765", "ftp://here", "http://", "http://me:secret@here", "http://here/?a=1",
     "http://here:port", "http://here:99999", "http://[::1"],
)  # fmt: skip
def test_what_is_not_an_address_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="is not the address of a server"):
        RemoteSearch(url)
