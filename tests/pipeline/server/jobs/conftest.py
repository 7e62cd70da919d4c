"""An index, claims, and a server with jobs that answers without a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from claimhound.data.records import Document
from claimhound.pipeline.server.access import read_access
from claimhound.pipeline.server.app import make_app
from claimhound.pipeline.server.jobs.limits import JobLimits
from claimhound.pipeline.server.jobs.store import JobStore
from claimhound.pipeline.server.service import Service
from claimhound.pipeline.server.warm_index import WarmIndex
from claimhound.pipeline.server.work_queue import WorkQueue
from claimhound.pipeline.serving.compute import Compute
from tests.pipeline.annotation.annotation_fakes import WORDS, build_index, pipeline_of, write_claims
from tests.pipeline.server.jobs.job_fakes import runner_of, until


@pytest.fixture
def index_dir(quick_dir: Path) -> Path:
    """An index without titles: the fake encoder's vectors, which are checked, are those of the texts alone."""
    random = np.random.default_rng(7)
    return build_index(
        quick_dir / "index", [Document(f"d{n:02d}", " ".join(random.choice(WORDS, 6))) for n in range(12)]
    )


@pytest.fixture
def claims(quick_dir: Path) -> Path:
    """Thirty records, three of them bad."""
    return write_claims(quick_dir / "claims.jsonl", 30)


class Desk:
    """A server's jobs as a client sees them."""

    def __init__(self, service: Service, client: TestClient) -> None:
        self.service = service
        self.client = client

    def send(self, content: bytes, name: str = "claims.jsonl", **fields: str) -> Any:
        return self.client.post("/v1/jobs", files={"file": (name, content)}, data=fields)

    def job(self, job_id: str) -> Any:
        return self.client.get(f"/v1/jobs/{job_id}").json()

    def finished(self, response: Any) -> Any:
        """Return a new job when it is over."""
        assert response.status_code == 202, response.text
        job_id = response.json()["id"]
        until(lambda: self.job(job_id)["state"] in ("finished", "failed"))
        return self.job(job_id)

    def output(self, job: Any, form: str = "jsonl") -> bytes:
        response = self.client.get(f"/v1/jobs/{job['id']}/output", params={"format": form})
        assert response.status_code == 200, response.text
        return bytes(response.content)


@pytest.fixture
def open_desk(quick_dir: Path, index_dir: Path) -> Iterator[Callable[..., Desk]]:
    """Start a server over the index and the folder `jobs`; `is_working` says whether it begins its jobs."""
    with ExitStack() as opened:

        def start(*, is_working: bool = True, clock: Callable[[], float] | None = None, **limits: int) -> Desk:
            store = JobStore(quick_dir / "jobs", JobLimits(**limits), *([] if clock is None else [clock]))
            queue = WorkQueue()
            runner = runner_of(store, queue.call_in_background)
            service = Service([WarmIndex("sample", pipeline_of(index_dir), Compute())], queue, jobs=runner)
            opened.callback(queue.close)
            opened.callback(runner.stop)
            if is_working:
                runner.start()
            client = TestClient(make_app(service, read_access("127.0.0.1", (), None)), base_url="http://127.0.0.1")
            return Desk(service, opened.enter_context(client))

        yield start
