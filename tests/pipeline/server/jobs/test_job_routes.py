"""Jobs as a client sees them: uploads, states, outputs, refusals."""

from __future__ import annotations

import gzip
import json
import lzma
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from starlette.testclient import TestClient

from claimhound.data.errors import InputError
from claimhound.indexes.layout import generations
from claimhound.indexes.writer import IndexWriter
from claimhound.pipeline.server.access import read_access
from claimhound.pipeline.server.app import make_app
from claimhound.pipeline.server.jobs.limits import JobRefused
from claimhound.pipeline.server.jobs.uploads import require_small
from claimhound.pipeline.server.service import Service
from claimhound.pipeline.server.warm_index import WarmIndex
from claimhound.pipeline.server.work_queue import WorkQueue
from claimhound.pipeline.serving.compute import Compute
from tests.pipeline.annotation.annotation_fakes import n_bad, pipeline_of
from tests.pipeline.server.jobs.job_fakes import made_alone, until

_DAY_S = 86_400

OpenDesk = Callable[..., Any]


def refused(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "html"])
def test_an_output_has_the_bytes_of_annotate_but_for_the_path_of_the_index(
    open_desk: OpenDesk, index_dir: Path, claims: Path, quick_dir: Path, suffix: str
) -> None:
    desk = open_desk()
    job = desk.finished(desk.send(claims.read_bytes(), k="3", format=suffix))
    assert (job["state"], job["done"], job["total"], job["n_rejected"]) == ("finished", 30, 30, n_bad(30))
    found = desk.output(job, suffix), desk.client.get(f"/v1/jobs/{job['id']}/rejected").content
    assert found == made_alone(index_dir, claims, quick_dir / f"alone.{suffix}", k=3)
    assert str(quick_dir).encode() not in b"".join(found)


def test_beside_json_lines_there_is_the_page(
    open_desk: OpenDesk, index_dir: Path, claims: Path, quick_dir: Path
) -> None:
    desk = open_desk()
    job = desk.finished(desk.send(claims.read_bytes()))
    assert desk.output(job, "html") == made_alone(index_dir, claims, quick_dir / "alone.html")[0]
    response = desk.client.get(f"/v1/jobs/{job['id']}/output?format=html")
    assert response.headers["content-disposition"].startswith("attachment")
    assert refused(desk.client.get(f"/v1/jobs/{job['id']}/output?format=csv")) == (404, "not_found")


def test_claims_in_json_are_a_job_too(open_desk: OpenDesk) -> None:
    desk = open_desk()
    job = desk.finished(desk.client.post("/v1/jobs", json={"claims": ["sea ice melts", "sea level rises"], "k": 2}))
    records = [json.loads(line) for line in desk.output(job).splitlines()]
    assert [(record["id"], record["claim"]) for record in records] == [("1", "sea ice melts"), ("2", "sea level rises")]


def test_records_without_an_id_are_named_after_the_uploaded_file(open_desk: OpenDesk) -> None:
    desk = open_desk()
    job = desk.finished(desk.send(b"sea ice melts\n", name="C:\\desk\\../my claims.TXT"))
    assert job["name"] == "my claims.TXT"
    assert json.loads(desk.output(job))["id"] == "my_claims:1"


def test_a_file_without_claims_is_a_failed_job_with_the_reason_and_no_path(
    open_desk: OpenDesk, quick_dir: Path
) -> None:
    desk = open_desk()
    job = desk.finished(desk.send(b'{"title": "no claim"}\n'))
    assert job["state"] == "failed"
    assert job["message"].startswith("claims.jsonl: none of 1 records is a claim")
    assert str(quick_dir) not in job["message"]
    assert refused(desk.client.get(f"/v1/jobs/{job['id']}/output")) == (409, "not_finished")


def test_more_records_than_allowed_fail_even_if_all_of_them_are_bad(open_desk: OpenDesk) -> None:
    desk = open_desk(records=10)
    for content in (b"{\n" * 11, b'{"text": "sea"}\n' * 11):
        assert "more than 10 records" in desk.finished(desk.send(content))["message"]


def test_a_claim_with_huge_fields_is_set_aside(open_desk: OpenDesk) -> None:
    desk = open_desk()
    huge = json.dumps({"text": "sea ice", "note": "x" * 70_000}).encode()
    job = desk.finished(desk.send(huge + b'\n{"text": "sea level"}\n'))
    assert (job["state"], job["n_rejected"]) == ("finished", 1)
    assert b"other fields" in desk.client.get(f"/v1/jobs/{job['id']}/rejected").content


def test_a_job_that_takes_more_disk_than_jobs_may_fails_and_leaves_nothing(
    open_desk: OpenDesk, claims: Path, quick_dir: Path
) -> None:
    desk = open_desk(disk_bytes=20_000)
    job = desk.finished(desk.send(claims.read_bytes()))
    assert (job["state"], "more disk" in job["message"]) == ("failed", True)
    assert [path.name for path in (quick_dir / "jobs" / job["id"]).iterdir()] == ["job.json"]


@pytest.mark.parametrize(
    ("name", "pack"),
    [("c.jsonl.gz", gzip.compress), ("c.jsonl.xz", lzma.compress), ("c.jsonl.zst", zstandard.compress)],
)
def test_a_small_file_that_becomes_a_large_one_is_refused_and_leaves_nothing(
    open_desk: OpenDesk, quick_dir: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    desk = open_desk(is_working=False, upload_bytes=1_000_000)
    packed = pack(bytes(5_000_000))
    assert len(packed) < 100_000
    assert refused(desk.send(packed, name=name)) == (413, "too_large")
    assert refused(desk.send(packed[: len(packed) // 2], name=name)) in [(413, "too_large"), (422, "wrong_file")]
    assert sorted(path.name for path in (quick_dir / "jobs").iterdir()) == ["generations", "lock"]


def test_a_bomb_takes_little_memory_until_it_is_refused(quick_dir: Path) -> None:
    bomb = quick_dir / "claims.jsonl.zst"
    bomb.write_bytes(zstandard.compress(bytes(300_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(JobRefused):
            require_small(bomb, "claims.jsonl.zst", 1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


def test_a_packed_file_is_a_job(open_desk: OpenDesk) -> None:
    desk = open_desk()
    job = desk.finished(desk.send(gzip.compress(b'{"id": "a", "text": "sea ice melts"}\n'), name="claims.jsonl.gz"))
    assert json.loads(desk.output(job))["id"] == "a"


def test_uploads_beyond_a_limit_are_refused(open_desk: OpenDesk) -> None:
    desk = open_desk(is_working=False, upload_bytes=1_000, kept=2)
    assert refused(desk.send(b"x" * 1_001)) == (413, "too_large")
    assert refused(desk.send(b"x" * 2_000_000)) == (413, "too_large")
    assert refused(desk.send(b"")) == (422, "wrong_file")
    for _ in range(2):
        assert desk.send(b'{"text": "sea"}').status_code == 202
    assert refused(desk.send(b'{"text": "sea"}')) == (429, "too_many_jobs")


@pytest.mark.parametrize("name", ["claims.parquet", "claims", "../../etc/passwd", ".jsonl/..", "x.exe.gz", ""])
def test_a_file_of_another_format_is_refused(open_desk: OpenDesk, name: str) -> None:
    assert open_desk(is_working=False).send(b"sea", name=name).status_code in (400, 422)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"k": "0"}, 422),
        ({"k": "ten"}, 422),
        ({"k": "101"}, 422),
        ({"min_score": "nan"}, 422),
        ({"before": "someday"}, 422),
        ({"where": "[1]"}, 422),
        ({"where": "{"}, 422),
        ({"fold": "perhaps"}, 422),
        ({"format": "tsv"}, 422),
        ({"claims_path": "/etc/passwd"}, 422),
        ({"file": "/etc/passwd"}, 422),
        ({"index": "/etc"}, 404),
        ({"index": "../index"}, 404),
    ],
)
def test_a_bad_field_is_refused_with_its_name(open_desk: OpenDesk, fields: dict[str, str], status: int) -> None:
    response = open_desk(is_working=False).send(b"sea", **fields)
    assert response.status_code == status
    [(name, value)] = fields.items()
    assert name in response.text
    assert value == "/etc" or "/etc/passwd" not in response.text


def test_a_body_that_is_no_form_is_refused(open_desk: OpenDesk) -> None:
    desk = open_desk(is_working=False)
    for kind, content, status in [
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=a", b"x", 400),
        ("text/plain", b"sea ice melts", 415),
        ("application/json", b"{", 400),
    ]:
        response = desk.client.post("/v1/jobs", content=content, headers={"Content-Type": kind})
        assert response.status_code == status, kind


def test_a_path_of_the_server_is_no_job(open_desk: OpenDesk) -> None:
    desk = open_desk(is_working=False)
    for job_id in ("lock", "generations", "..%2findex", "%2e%2e", "nothing"):
        for what in ("", "/output", "/rejected"):
            assert desk.client.get(f"/v1/jobs/{job_id}{what}").status_code == 404
    assert refused(desk.client.delete("/v1/jobs/generations")) == (404, "unknown")


def test_a_waiting_job_that_is_deleted_is_gone_from_the_disk(
    open_desk: OpenDesk, claims: Path, quick_dir: Path
) -> None:
    desk = open_desk(is_working=False)
    job = desk.send(claims.read_bytes()).json()
    assert (job["state"], job["expires"]) == ("waiting", None)
    assert refused(desk.client.get(f"/v1/jobs/{job['id']}/output")) == (409, "not_finished")
    assert desk.client.delete(f"/v1/jobs/{job['id']}").json()["state"] == "cancelled"
    assert refused(desk.client.get(f"/v1/jobs/{job['id']}")) == (404, "unknown")
    assert sorted(path.name for path in (quick_dir / "jobs").iterdir()) == ["generations", "lock"]
    assert list((quick_dir / "jobs" / "generations").iterdir()) == []


def test_a_running_job_that_is_deleted_stops_and_the_next_one_begins(open_desk: OpenDesk, claims: Path) -> None:
    desk = open_desk()
    many = b"".join(b'{"text": "sea ice %d"}\n' % n for n in range(5_000))
    long = desk.send(many).json()
    until(lambda: desk.job(long["id"])["done"] > 0)
    assert desk.client.delete(f"/v1/jobs/{long['id']}").json()["state"] == "cancelled"
    assert desk.finished(desk.send(claims.read_bytes()))["state"] == "finished"
    assert [job["state"] for job in desk.client.get("/v1/jobs").json()["jobs"]] == ["finished"]


def test_a_job_that_is_over_is_removed_when_it_expires_and_a_waiting_one_never(
    open_desk: OpenDesk, quick_dir: Path
) -> None:
    now = [1_000_000.0]
    desk = open_desk(clock=lambda: now[0], days=2)
    job = desk.finished(desk.send(b'{"text": "sea"}'))
    assert job["expires"] == "1970-01-14T13:46:40+00:00"
    now[0] += 2 * _DAY_S - 1
    assert desk.job(job["id"])["state"] == "finished"
    now[0] += 1
    assert refused(desk.client.get(f"/v1/jobs/{job['id']}")) == (404, "unknown")
    assert not (quick_dir / "jobs" / job["id"]).exists()


def test_a_job_is_done_with_the_generation_that_it_named_though_a_writer_replaced_it(
    open_desk: OpenDesk, index_dir: Path, claims: Path, quick_dir: Path
) -> None:
    alone = made_alone(index_dir, claims, quick_dir / "alone.jsonl")
    desk = open_desk(is_working=False)
    sent = desk.send(claims.read_bytes())
    with IndexWriter.open(index_dir) as writer:
        writer.delete([f"d{n:02d}" for n in range(6)])
        writer.compact()
        writer.commit()
    assert generations(index_dir) == [2]
    later = desk.send(claims.read_bytes())
    desk.service.jobs.start()
    first, second = desk.finished(sent), desk.finished(later)
    assert (first["generation"], second["generation"]) == (1, 2)
    assert desk.output(first) == alone[0]
    assert desk.output(second) == made_alone(index_dir, claims, quick_dir / "later.jsonl")[0] != alone[0]
    assert list((quick_dir / "jobs" / "generations").iterdir()) == []


def test_typed_claims_come_before_a_jobs_batches(open_desk: OpenDesk) -> None:
    desk = open_desk()
    long = desk.send(b"".join(b'{"text": "sea ice %d"}\n' % n for n in range(5_000))).json()
    until(lambda: desk.job(long["id"])["done"] > 0)
    assert desk.client.post("/v1/search", json={"claim": "sea level"}).status_code == 200
    assert desk.job(long["id"])["state"] == "running"
    desk.client.delete(f"/v1/jobs/{long['id']}")


def test_a_second_server_on_the_same_folder_is_refused(open_desk: OpenDesk) -> None:
    open_desk(is_working=False)
    with pytest.raises(InputError, match="another server"):
        open_desk(is_working=False)


def test_a_server_without_a_folder_for_jobs_says_so(index_dir: Path) -> None:
    queue = WorkQueue()
    service = Service([WarmIndex("sample", pipeline_of(index_dir), Compute())], queue)
    client = TestClient(make_app(service, read_access("127.0.0.1", (), None)), base_url="http://127.0.0.1")
    for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/jobs"), ("GET", "/v1/jobs/x/output")):
        response = client.request(method, path)
        assert refused(response) == (404, "not_found")
        assert "--jobs-dir" in response.text
    queue.close()
