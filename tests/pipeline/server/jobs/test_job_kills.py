"""Servers that are killed while they take and do jobs: none is lost, and every byte is that of an undisturbed run."""

from __future__ import annotations

from pathlib import Path

from claimhound.indexes.writer import IndexWriter
from claimhound.pipeline.annotation.folder import JobFiles
from claimhound.pipeline.server.jobs.limits import JobLimits
from claimhound.pipeline.server.jobs.store import JobStore
from tests.pipeline.server.jobs.job_fakes import made_alone
from tests.victims import Victims

_VICTIM = Path(__file__).with_name("job_victim.py")
_N = 10


def test_ten_jobs_of_servers_that_are_killed_again_and_again_are_all_done_to_the_same_bytes(
    quick_dir: Path, index_dir: Path, claims: Path
) -> None:
    alone = made_alone(index_dir, claims, quick_dir / "alone.jsonl", k=3)
    jobs_dir, told = quick_dir / "jobs", quick_dir / "told"
    victims = Victims(_VICTIM)
    try:
        n_killed = victims.call(
            "add_until_killed", jobs_dir=jobs_dir, index_dir=index_dir, claims=claims, n=_N, told=told, seed=5
        )
        # What the jobs name is replaced before the first of them begins.
        with IndexWriter.open(index_dir) as writer:
            writer.delete(["d00"])
            writer.commit()
        n_killed += victims.call("work_until_done", jobs_dir=jobs_dir, seed=7)
    finally:
        victims.kill()
    assert "Traceback" not in "".join(victims.errors)
    assert n_killed >= 5
    store = JobStore(jobs_dir, JobLimits())
    jobs = {record.id: record for record in store.all()}
    told_ids = told.read_text(encoding="utf-8").split()
    assert len(told_ids) == _N
    assert set(told_ids) <= set(jobs)
    for record in jobs.values():
        assert record.state == "finished", record
        output = store.path(record, record.output_name)
        assert (output.read_bytes(), JobFiles(output).rejected.read_bytes()) == alone
    assert list((jobs_dir / "generations").iterdir()) == []
    store.close()
