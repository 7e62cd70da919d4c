"""Services to ask: one over the bundled sample with the bundled models, and small ones with models by hand."""

from __future__ import annotations

import _socket
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pipeline_fakes import FakeEncoder, FakeReranker, FakeStance
from server_requests import RERANK_K, client_of

from claimhound.api import build_index
from claimhound.data.bundled import sample_dir
from claimhound.data.records import Document
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.indexes.writer import IndexWriter
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.search.opening import open_pipeline
from claimhound.pipeline.server.service import Service
from claimhound.pipeline.server.starting import start_service
from claimhound.pipeline.server.warm_index import WarmIndex
from claimhound.pipeline.server.work_queue import WorkQueue
from claimhound.pipeline.serving.compute import Compute

DOCUMENTS = [
    Document("g1", "Glaciers shrink every summer.", title="Ice", date="2001", fields={"kind": "report"}),
    Document("g2", "Most glaciers lose mass.", title="Ice", date="2010-05"),
    Document("notes/b1", "Bread needs yeast.", title="Food", date="1990"),
]


@pytest.fixture(scope="session")
def sample_index_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the bundled sample, with the bundled encoder; do not change it."""
    index_dir = tmp_path_factory.mktemp("server") / "sample"
    build_index(sample_dir() / "evidence.jsonl", index_dir, compute=Compute("cpu"))
    return index_dir


@pytest.fixture(scope="session")
def sample_service(sample_index_dir: Path) -> Iterator[Service]:
    """A service over the sample with the bundled models, as `claimhound serve --rerank-k 5` starts it.

    The reranker takes nearly all of a search's time, and five pieces are as many as an answer shows.
    """
    compute, config = Compute("cpu"), PipelineConfig(rerank_k=RERANK_K)
    service = start_service(
        [("sample", sample_index_dir)],
        lambda folder: open_pipeline(folder, config=config, compute=compute),
        compute,
        1_000,
    )
    yield service
    service.queue.close()


@pytest.fixture
def index_dir(quick_dir: Path) -> Path:
    """An index of three sentences that a test may change."""
    folder = quick_dir / "small"
    encoder = FakeEncoder()
    with IndexWriter.create(folder, encoder.identity) as writer:
        writer.add(DOCUMENTS, encoder.encode([document.text for document in DOCUMENTS]))
        writer.commit()
    return folder


@pytest.fixture
def make_service(index_dir: Path) -> Iterator[Callable[..., Service]]:
    """Make a service with models by hand over the small index, under the name `news`."""
    made: list[Service] = []

    def make(reranker=None, most_waiting=100, **settings) -> Service:
        models = (FakeEncoder(), reranker or FakeReranker({"Ice: Glaciers shrink every summer.": 3.0}))
        pipeline = EvidencePipeline(IndexSnapshot.open(index_dir), *models, stance=FakeStance())
        index = WarmIndex("news", pipeline, Compute("cpu"))
        made.append(Service([index], WorkQueue(most_waiting), **settings))
        return made[-1]

    yield make
    for service in made:
        service.queue.close()


@pytest.fixture
def client(make_service):
    """A client on this machine, of a service with models by hand."""
    return client_of(make_service())


@pytest.fixture
def loopback(_no_network: None) -> Iterator[None]:
    """Let sockets connect to this machine, and to no other."""
    refusing = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        is_here = isinstance(address, tuple) and address[0] == "127.0.0.1"
        (_socket.socket.connect if is_here else refusing)(self, address)  # type: ignore[arg-type]

    socket.socket.connect = connect  # type: ignore[assignment,method-assign]
    yield
    socket.socket.connect = refusing  # type: ignore[method-assign]
