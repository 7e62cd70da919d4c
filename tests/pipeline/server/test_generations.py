"""A new generation of an index is taken up between requests; a damaged one leaves the old one answering."""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading

import httpx2
import pytest
from pipeline_fakes import FakeEncoder
from server_requests import HERE, HOST

from claimhound.data.records import Document
from claimhound.indexes.layout import generation_dir
from claimhound.indexes.writer import IndexWriter
from claimhound.pipeline.server.app import make_app


def change(index_dir, *changes):
    with IndexWriter.open(index_dir) as writer:
        for one in changes:
            one(writer)
        writer.commit()


def adding(number):
    document = Document(f"new-{number}", f"Glacier {number} shrinks.", title="New")
    return lambda writer: writer.add([document], FakeEncoder().encode([document.text]))


def deleting(*ids):
    return lambda writer: writer.delete(ids)


def compacting(writer):
    writer.compact()


def search(client, claim="glaciers shrink"):
    response = client.post("/v1/search", json={"claim": claim, "k": 100})
    assert response.status_code == 200, response.text
    answer = response.json()
    return answer["index"]["generation"], {hit["doc_id"] for hit in answer["evidence"]}


def test_each_change_is_seen_by_the_next_request(client, index_dir):
    assert search(client) == (1, {"g1", "g2", "notes/b1"})
    change(index_dir, adding(1))
    assert search(client) == (2, {"g1", "g2", "notes/b1", "new-1"})
    change(index_dir, deleting("g1"))
    assert search(client) == (3, {"g2", "notes/b1", "new-1"})
    change(index_dir, compacting)
    assert search(client) == (4, {"g2", "notes/b1", "new-1"})
    assert client.get("/v1/documents/g1").status_code == 404
    assert client.get("/v1/indexes").json()["indexes"][0]["generation"] == 4
    assert 'claimhound_index_generation{index="news"} 4.0' in client.get("/metrics").text


def test_no_request_is_lost_while_the_index_changes(make_service, index_dir):
    app = make_app(make_service(most_waiting=1_000), HERE)
    is_done = threading.Event()

    def write():
        for number in range(6):
            change(index_dir, adding(number), *([deleting(f"new-{number - 1}")] if number % 2 else []))
            change(index_dir, compacting)
        is_done.set()

    async def ask(client):
        seen = []
        while not is_done.is_set():
            response = await client.post("/v1/search", json={"claim": "glaciers shrink", "k": 100})
            assert response.status_code == 200, response.text
            seen.append(response.json()["index"]["generation"])
        return seen

    async def run():
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url=f"http://{HOST}", timeout=None) as client:
            asking = [asyncio.ensure_future(ask(client)) for _ in range(4)]
            await asyncio.to_thread(write)
            return await asyncio.gather(*asking), await ask_once(client)

    async def ask_once(client):
        return (await client.post("/v1/search", json={"claim": "glaciers shrink"})).json()["index"]["generation"]

    everything, last = asyncio.run(run())
    assert last == 13
    for seen in everything:
        assert seen == sorted(seen)


@pytest.fixture
def damage(index_dir):
    """Make the newest generation unreadable, as a copy of a disk that was cut short."""

    def cut(number):
        manifest = generation_dir(index_dir, number) / "manifest.json"
        manifest.write_bytes(manifest.read_bytes()[:-10])

    return cut


def test_a_damaged_generation_leaves_the_old_one_answering_and_is_told(client, index_dir, damage, caplog):
    caplog.set_level(logging.ERROR)
    assert client.get("/health/ready").json()["indexes_at_an_old_generation"] == []
    # The next generation arrives damaged; the old one is there, as long as nobody removes it.
    shutil.copytree(generation_dir(index_dir, 1), generation_dir(index_dir, 2))
    damage(2)
    for _ in range(3):
        assert search(client) == (1, {"g1", "g2", "notes/b1"})
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["indexes_at_an_old_generation"]) == (200, ["news"])
    assert 'claimhound_index_stale{index="news"} 1.0' in client.get("/metrics").text
    # The client is not told where the index lies; the log is, once.
    assert str(index_dir) not in ready.text
    assert [str(index_dir) in record.getMessage() for record in caplog.records] == [True]
    # A whole one after it heals.
    shutil.rmtree(generation_dir(index_dir, 2))
    change(index_dir, adding(1))
    assert search(client) == (2, {"g1", "g2", "notes/b1", "new-1"})
    assert client.get("/health/ready").json()["indexes_at_an_old_generation"] == []


def test_an_index_that_was_built_anew_is_opened_although_its_generation_has_the_same_number(client, index_dir):
    assert search(client) == (1, {"g1", "g2", "notes/b1"})
    shutil.rmtree(index_dir)
    with IndexWriter.create(index_dir, FakeEncoder().identity) as writer:
        adding(7)(writer)
        writer.commit()
    assert search(client) == (1, {"new-7"})


def test_an_index_whose_folder_is_removed_goes_on_answering(client, index_dir):
    hidden = index_dir.with_name("hidden")
    search(client)
    index_dir.rename(hidden)
    assert search(client) == (1, {"g1", "g2", "notes/b1"})
    assert client.get("/health/ready").json()["indexes_at_an_old_generation"] == ["news"]
    hidden.rename(index_dir)
    change(index_dir, adding(1))
    assert search(client)[0] == 2
    assert client.get("/health/ready").json()["indexes_at_an_old_generation"] == []
