"""Annotating processes that are killed at many points, or whose disk is full: every byte is still right."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from annotation_fakes import build_index, n_bad, write_claims

from claimhound.pipeline.annotation.folder import JobFiles
from tests.victims import DONE, OUR_ERROR, Victims

_VICTIM = Path(__file__).with_name("annotation_victim.py")
_N = 48


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("kills")
    return {
        "index_dir": str(build_index(folder / "index")),
        "claims": str(write_claims(folder / "claims.jsonl", _N)),
    }


@pytest.fixture(scope="module")
def victim(files: dict[str, str]) -> Iterator[Callable[..., Any]]:
    """Call a function of `annotation_victim` in another process, one process for all: its imports take seconds."""
    victims = Victims(_VICTIM)
    yield lambda function, **arguments: victims.call(function, **files, **arguments)
    victims.kill()
    assert "Traceback" not in "".join(victims.errors)


@pytest.fixture(scope="module")
def quiet(victim: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """The output and the rejected records of an undisturbed run."""
    output = tmp_path_factory.mktemp("quiet") / "out.jsonl"
    assert victim("run_whole", output=output) == DONE
    found = written(output)
    assert found[0].count(b"\n") == _N - n_bad(_N)
    assert found[1].count(b"\n") == n_bad(_N) > 0
    return found


def written(output: Path) -> tuple[bytes, bytes]:
    files = JobFiles(output)
    assert {path.name for path in files.folder.iterdir()} <= {"journal", "lock", "journal.part"}
    return output.read_bytes(), files.rejected.read_bytes()


@pytest.mark.slow
def test_killed_before_any_change_to_the_disk_it_resumes_to_the_same_bytes(
    victim: Callable[..., Any], quiet: tuple[bytes, bytes], quick_dir: Path
) -> None:
    left = victim("die_everywhere", work=quick_dir)
    # Batches, the rejected records and the output with their syncs and renames, and the end of the journal.
    assert len(left) > 15
    # The output appears once, late, and stays.
    assert left == sorted(left)
    assert True in left
    for n in range(len(left) + 1):
        assert written(quick_dir / f"{n}.jsonl") == quiet, f"change {n}"


@pytest.mark.slow
def test_killed_at_random_moments_until_it_is_done_it_writes_the_same_bytes(
    victim: Callable[..., Any], quiet: tuple[bytes, bytes], quick_dir: Path
) -> None:
    killed = victim("shoot_until_done", work=quick_dir, n_times=5, seed=11)
    assert sum(killed) >= 5
    for n in range(len(killed)):
        assert written(quick_dir / f"{n}.jsonl") == quiet, f"killed {killed[n]} times"


@pytest.mark.slow
def test_a_file_size_limit_is_a_one_line_error_and_the_job_resumes_later(
    victim: Callable[..., Any], quiet: tuple[bytes, bytes], quick_dir: Path
) -> None:
    whole = len(quiet[0])
    limits = sorted({0, 100, 1_500, *range(whole // 4, whole, whole // 4), whole - 1})
    codes = victim("run_on_full_disks", work=quick_dir, limits=limits)
    assert [second for _, second in codes] == [DONE] * len(limits)
    assert [first for first, _ in codes] == [OUR_ERROR] * len(limits)
    for limit in limits:
        assert written(quick_dir / f"{limit}.jsonl") == quiet, f"limit {limit}"


@pytest.mark.slow
def test_a_full_disk_is_a_one_line_error_and_the_job_resumes_when_there_is_space(
    victim: Callable[..., Any], quiet: tuple[bytes, bytes], quick_dir: Path
) -> None:
    room = quick_dir / "room"
    room.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "claimhound-test", str(room)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("only root can mount a small disk")
    try:
        rooms = [4_096, 16_384, 65_536, 131_072]
        codes = victim("run_in_a_small_room", work=quick_dir, room=room, n_bytes=rooms)
    finally:
        subprocess.run(["umount", str(room)], check=True)
    assert [second for _, second in codes] == [DONE] * len(rooms)
    assert codes[0][0] == OUR_ERROR
    for n in rooms:
        found = (quick_dir / f"{n}.jsonl").read_bytes(), (quick_dir / f"{n}.jsonl.rejected.jsonl").read_bytes()
        assert found == quiet, f"{n} bytes left"
