"""The queue of work: what is done together, what is refused, what is given up, and in which order."""

from __future__ import annotations

import asyncio
import threading

import pytest
from pipeline_fakes import FakeReranker
from server_requests import HERE, client_of, post_all, problem, search_until_gone, until

from claimhound.pipeline.server.app import make_app
from claimhound.pipeline.server.problems import RequestProblem
from claimhound.pipeline.server.work_queue import WorkQueue


class Gate:
    """Work that stands still until the gate opens, and notes what was done together."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.is_at_work = threading.Event()
        self.calls: list[list[str]] = []

    def run(self, items):
        self.is_at_work.set()
        self.opened.wait()
        self.calls.append(list(items))
        return [item.upper() for item in items]


class GatedReranker(FakeReranker):
    """Scores when the gate is open."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.gate = gate

    def score(self, pairs):
        if pairs and pairs[0][0] != "the ice of the sea melts in a warmer year":
            self.gate.run(sorted({claim for claim, _ in pairs}))
        return super().score(pairs)


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.fixture
def make_queue():
    made: list[WorkQueue] = []

    def make(*bounds):
        made.append(WorkQueue(*bounds))
        return made[-1]

    yield make
    for queue in made:
        queue.close()


async def busy(queue, gate):
    """Occupy the thread; return the task."""
    first = asyncio.ensure_future(queue.do("first", "first", gate.run))
    await until(gate.is_at_work.is_set)
    return first


def test_what_waits_in_one_group_is_done_together_in_its_order(make_queue, gate):
    queue = make_queue(100, 3)

    async def run():
        await busy(queue, gate)
        items = [("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a3"), ("a", "a4"), ("b", "b2")]
        work = [asyncio.ensure_future(queue.do(group, item, gate.run)) for group, item in items]
        await until(lambda: queue.n_waiting == len(items))
        gate.opened.set()
        return await asyncio.gather(*work)

    # Each gets its own result, however they were grouped.
    assert asyncio.run(run()) == ["A1", "B1", "A2", "A3", "A4", "B2"]
    assert gate.calls == [["first"], ["a1", "a2", "a3"], ["b1", "b2"], ["a4"]]


def test_beyond_the_bound_work_is_refused_and_what_was_let_in_goes_on(make_queue, gate):
    queue = make_queue(2)

    async def run():
        await busy(queue, gate)
        waiting = [asyncio.ensure_future(queue.do("a", item, gate.run)) for item in ("a1", "a2")]
        await until(lambda: queue.n_waiting == 2)
        with pytest.raises(RequestProblem, match="2 pieces of work are waiting") as refused:
            await queue.do("a", "a3", gate.run)
        admitted = asyncio.ensure_future(queue.do("a", "a4", gate.run, is_admitted=True))
        await until(lambda: queue.n_waiting == 3)
        gate.opened.set()
        return refused.value, await asyncio.gather(*waiting, admitted)

    refusal, results = asyncio.run(run())
    assert (refusal.status, refusal.headers) == (429, {"Retry-After": "2"})
    assert results == ["A1", "A2", "A4"]


def test_work_that_nobody_waits_for_leaves_the_queue_at_once(make_queue, gate):
    queue = make_queue(1)

    async def run():
        await busy(queue, gate)
        given_up = asyncio.ensure_future(queue.do("a", "given up", gate.run))
        await until(lambda: queue.n_waiting == 1)
        given_up.cancel()
        await asyncio.wait([given_up])
        # Its place is free although the thread still works on another.
        last = asyncio.ensure_future(queue.do("a", "last", gate.run))
        await until(lambda: queue.n_waiting == 1)
        gate.opened.set()
        return await last

    assert asyncio.run(run()) == "LAST"
    assert gate.calls == [["first"], ["last"]]


def test_one_item_that_fails_does_not_fail_the_others(make_queue, gate):
    queue = make_queue()

    def fails_for_bad(items):
        if "bad" in items:
            raise ValueError("bad")
        return gate.run(items)

    async def run():
        await busy(queue, gate)
        work = [asyncio.ensure_future(queue.do("a", item, fails_for_bad)) for item in ("one", "bad", "two")]
        await until(lambda: queue.n_waiting == 3)
        gate.opened.set()
        return await asyncio.gather(*work, return_exceptions=True)

    one, bad, two = asyncio.run(run())
    assert (one, two) == ("ONE", "TWO")
    assert isinstance(bad, ValueError)


def test_a_panic_of_a_library_ends_neither_the_thread_nor_the_loop(make_queue):
    queue = make_queue()

    class Panic(BaseException):
        pass

    def panic():
        raise Panic

    async def run():
        with pytest.raises(RuntimeError, match="Panic"):
            await queue.call(panic)
        return await queue.call(lambda: "goes on")

    assert asyncio.run(run()) == "goes on"


def test_background_work_is_done_after_requests(make_queue, gate):
    queue = make_queue()
    order: list[str] = []

    async def run():
        await busy(queue, gate)
        background = asyncio.ensure_future(asyncio.to_thread(queue.call_in_background, lambda: order.append("job")))
        await until(lambda: len(queue._background) == 1)
        requests = [asyncio.ensure_future(queue.call(lambda: order.append("request"))) for _ in range(3)]
        await until(lambda: queue.n_waiting == 3)
        gate.opened.set()
        await asyncio.gather(background, *requests)

    asyncio.run(run())
    assert order == ["request", "request", "request", "job"]


def test_closing_finishes_what_waits_and_refuses_the_rest(make_queue, gate):
    queue = make_queue()

    async def run():
        first = await busy(queue, gate)
        waiting = asyncio.ensure_future(queue.do("a", "a", gate.run))
        await until(lambda: queue.n_waiting == 1)
        background = asyncio.ensure_future(asyncio.to_thread(queue.call_in_background, lambda: "job"))
        await until(lambda: len(queue._background) == 1)
        closing = asyncio.ensure_future(asyncio.to_thread(queue.close))
        await until(lambda: queue._is_closed)
        with pytest.raises(RequestProblem) as late:
            await queue.do("a", "late", gate.run)
        gate.opened.set()
        await closing
        return late.value, await asyncio.gather(first, waiting, background, return_exceptions=True)

    late, (first, waiting, background) = asyncio.run(run())
    assert (late.status, first, waiting) == (503, "FIRST", "A")
    assert background.status == 503


def test_a_client_that_goes_away_takes_its_waiting_claim_along(make_service, gate):
    service = make_service(GatedReranker(gate))
    app = make_app(service, HERE)

    async def run():
        never, gone = asyncio.Event(), asyncio.Event()
        stays = asyncio.ensure_future(search_until_gone(app, {"claim": "stays"}, never.wait()))
        await until(gate.is_at_work.is_set)
        leaves = asyncio.ensure_future(search_until_gone(app, {"claim": "leaves", "k": 2}, gone.wait()))
        await until(lambda: service.queue.n_waiting == 1)
        gone.set()
        await leaves
        assert service.queue.n_waiting == 0
        gate.opened.set()
        return (await stays)[0]["status"]

    assert asyncio.run(run()) == 200
    assert gate.calls == [["stays"]]
    assert (
        'claimhound_requests_total{method="POST",route="/v1/search",status="499"} 1.0'
        in client_of(service).get("/metrics").text
    )


def test_a_client_that_leaves_a_stream_takes_its_other_claims_along(make_service, gate):
    service = make_service(GatedReranker(gate))
    app = make_app(service, HERE)

    async def run():
        gone = asyncio.Event()
        body = {"claims": [f"claim {number}" for number in range(100)]}
        leaves = asyncio.ensure_future(search_until_gone(app, body, gone.wait()))
        await until(gate.is_at_work.is_set)
        gone.set()
        await leaves
        assert service.queue.n_waiting == 0
        gate.opened.set()

    asyncio.run(run())
    service.queue.close()
    assert sum(map(len, gate.calls)) <= 16


def test_a_full_queue_answers_429_and_says_so(make_service, gate):
    service = make_service(GatedReranker(gate), most_waiting=1)
    client = client_of(service)
    app = make_app(service, HERE)

    async def run():
        never = asyncio.Event()
        work = [asyncio.ensure_future(search_until_gone(app, {"claim": "one"}, never.wait()))]
        await until(gate.is_at_work.is_set)
        work.append(asyncio.ensure_future(search_until_gone(app, {"claim": "two"}, never.wait())))
        await until(lambda: service.queue.n_waiting == 1)
        refused = await asyncio.to_thread(client.post, "/v1/search", json={"claims": ["three", "four"]})
        ready = await asyncio.to_thread(client.get, "/health/ready")
        gate.opened.set()
        return refused, ready, [(await sent)[0]["status"] for sent in work]

    refused, ready, statuses = asyncio.run(run())
    assert problem(refused) == (429, "busy")
    assert refused.headers["retry-after"] == "2"
    assert (ready.status_code, ready.json()["status"]) == (503, "busy")
    assert statuses == [200, 200]


def test_a_list_longer_than_the_queue_is_answered_whole(make_service):
    claims = [f"claim {number}" for number in range(40)]
    (response,) = post_all(make_service(most_waiting=1), [{"claims": claims}])
    lines = response.text.splitlines()
    assert [line.split('"claim": "')[1].split('"')[0] for line in lines] == claims
