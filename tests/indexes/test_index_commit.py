"""A generation appears completely or not at all, no matter what fails and when."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from index_samples import (
    CHANGES,
    ENCODER,
    answers,
    build,
    documents,
    generation_folder,
    make_base,
    stored_bytes,
    unit_vectors,
)

from claimhound.data.errors import IndexDamagedError, IndexMissingError, IndexWriteError
from claimhound.data.records import Document
from claimhound.indexes import Disk, IndexSnapshot, IndexWriter, verify_index
from claimhound.indexes.durable import remove_folder
from tests.damage import put_bytes
from tests.victims import DONE, OUR_ERROR


class FailingDisk(Disk):
    """Raises before the n-th change, from 0, and before every later one."""

    def __init__(self, n: int, code: int = errno.ENOSPC) -> None:
        self._left = n
        self._code = code
        self.failed = ""

    def before(self, operation: str, path: Path) -> None:
        if self._left == 0:
            self.failed = self.failed or operation
            raise OSError(self._code, os.strerror(self._code))
        self._left -= 1


class WatchingDisk(Disk):
    """Records the name of each operation, and whether the files of an index changed since the one before it."""

    def __init__(self, index_dir: Path) -> None:
        self.operations: list[str] = []
        self.changed: list[bool] = []
        self._index_dir = index_dir
        self._files: dict[str, bytes] | None = None

    def before(self, operation: str, path: Path) -> None:
        files = stored_bytes(self._index_dir)
        self.operations.append(operation)
        self.changed.append(files != self._files)
        self._files = files


class Examiner:
    """Requires that an index folder answers as before or after a change, is undamaged and takes another document.

    A folder with the bytes of one that was examined needs no second look: locks apart, they are all that an index is.
    """

    def __init__(self, before: object, after: object) -> None:
        self.before, self.after = before, after
        self._examined: list[tuple[dict[str, bytes], object]] = []

    def answers(self, index_dir: Path) -> object:
        """Return the answers, None for no index; the folder may have another document then."""
        files = stored_bytes(index_dir)
        for known, found in self._examined:
            if known == files:
                return found
        found = answers_or_none(index_dir)
        assert found in (self.before, self.after)
        assert found is None or verify_index(index_dir).damaged == []
        assert_takes_another_document(index_dir)
        self._examined.append((files, found))
        return found


def answers_or_none(index_dir: Path) -> object:
    try:
        return answers(index_dir)
    except IndexMissingError:
        return None


def watched(base: Path, change: str, scratch: Path) -> tuple[Examiner, WatchingDisk]:
    """Make a change once; return an examiner of the answers before and after it, and what happened on the disk."""
    if change != "build":
        shutil.copytree(base, scratch)
    before = answers_or_none(scratch)
    disk = WatchingDisk(scratch)
    CHANGES[change](scratch, disk)
    after = answers(scratch)
    remove_folder(scratch)
    return Examiner(before, after), disk


def assert_takes_another_document(index_dir: Path) -> None:
    new = Document("one more", "sea ice and a volcano")
    there = list(index_dir.glob("generation-*"))
    with IndexWriter.open(index_dir, small_up_to=0) if there else IndexWriter.create(index_dir, ENCODER) as writer:
        n_docs = writer.n_docs
        writer.add([new], unit_vectors(1, seed=7))
        writer.commit()
    snapshot = IndexSnapshot.open(index_dir)
    assert snapshot.n_docs == n_docs + 1
    assert snapshot.documents(["one more"]) == [new]
    assert verify_index(index_dir).damaged == []
    left = sorted(path.name for path in index_dir.iterdir())
    assert left == [f"generation-{snapshot.manifest.generation:06d}", "write.lock"]


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_a_process_killed_before_any_disk_operation_leaves_the_last_or_the_next_generation(
    change: str, base: Path, quick_dir: Path, victim: Callable[..., Any]
) -> None:
    """Kill before each operation that finds other files than the one before it found.

    A kill ahead of any other operation leaves the very bytes of the last such kill: a process that is killed writes
    nothing more. Operations without effect are syncs, permissions, folders that are there or gone already, and opening
    and committing a text without changes.
    """
    examiner, disk = watched(base, change, quick_dir / "scratch")
    n_operations = len(disk.operations)
    kills = [n for n in range(n_operations) if disk.changed[n]]
    idle = {disk.operations[n - 1] for n in range(1, n_operations) if not disk.changed[n]}
    assert idle <= {
        "sync_file",
        "sync_dir",
        "set_mode",
        "remove_tree",
        "make_dir",
        "open_text",
        "commit_text",
    }
    assert len(kills) > 5
    work = quick_dir / "work"
    work.mkdir()
    base_or_none = "" if change == "build" else base
    codes = victim("die_ahead_of", base=base_or_none, work=work, change=change, operations=[*kills, n_operations])
    assert codes == [-signal.SIGKILL] * len(kills) + [DONE]
    seen = [examiner.answers(work / str(n)) == examiner.after for n in kills]
    assert answers(work / str(n_operations)) == examiner.after
    # Once the next generation is there it stays, and the kills came on both sides of that moment.
    assert seen == sorted(seen)
    assert True in seen
    assert False in seen


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_a_disk_that_is_full_from_any_operation_on_leaves_the_last_or_the_next_generation(
    change: str, base: Path, quick_dir: Path
) -> None:
    examiner, watching = watched(base, change, quick_dir / "scratch")
    for n in range(len(watching.operations) + 1):
        index_dir = quick_dir / str(n)
        if change != "build":
            shutil.copytree(base, index_dir)
        disk = FailingDisk(n)
        try:
            CHANGES[change](index_dir, disk)
        except IndexWriteError as error:
            found = examiner.answers(index_dir)
            confirmed = disk.failed != "sync_dir" or found == examiner.before
            cure = "the index is unchanged" if confirmed else "did not confirm the write"
            assert cure in str(error)
            assert "No space left on device" in str(error)
            assert str(index_dir) in str(error)
            assert found == (examiner.before if confirmed else examiner.after)
        else:
            # A replaced generation that cannot be removed may stay.
            assert disk.failed in ("", "remove_tree")
            assert examiner.answers(index_dir) == examiner.after
    assert disk.failed == ""
    assert n > 10


@pytest.mark.slow
def test_a_process_killed_at_a_random_moment_leaves_what_it_had_committed(
    base: Path, quick_dir: Path, victim: Callable[..., Any]
) -> None:
    work = quick_dir / "work"
    work.mkdir()
    told = victim("change_until_shot", base=base, work=work, n_times=20, seed=3)
    for n, n_told in enumerate(told):
        index_dir = work / str(n)
        assert verify_index(index_dir).damaged == []
        held = IndexSnapshot.open(index_dir).positions_of([f"d{number:04d}" for number in range(1000, 1200)])
        assert sorted(held) == [f"d{1000 + number:04d}" for number in range(len(held))]
        assert len(held) in (n_told, n_told + 1)
        assert_takes_another_document(index_dir)
    assert max(told) > 1


@pytest.mark.slow
@pytest.mark.parametrize("change", ["build", "add", "delete many", "compact"])
def test_a_file_that_tantivy_or_faiss_cannot_write_completely_is_an_error_and_leaves_the_last_generation(
    change: str, base: Path, quick_dir: Path, victim: Callable[..., Any]
) -> None:
    examiner, _ = watched(base, change, quick_dir / "scratch")
    if change != "build":
        shutil.copytree(base, quick_dir / "whole")
    CHANGES[change](quick_dir / "whole", None)
    sizes = {path.stat().st_size for path in generation_folder(quick_dir / "whole").rglob("*") if path.is_file()}
    limits = [size - 1 for size in sorted(sizes) if size > 100]
    work = quick_dir / "work"
    work.mkdir()
    codes = victim("write_with_limits", base="" if change == "build" else base, work=work, change=change, limits=limits)
    assert codes.count(OUR_ERROR) >= 5
    for limit, code in zip(limits, codes, strict=True):
        assert code in (DONE, OUR_ERROR), f"limit {limit}"
        assert examiner.answers(work / str(limit)) == (examiner.after if code == DONE else examiner.before)


def test_a_disk_error_is_one_line_and_ends_the_writer(base: Path) -> None:
    disk = FailingDisk(10**6, errno.EIO)
    with IndexWriter.open(base, disk=disk) as writer:
        writer.add(documents(1, first=500), unit_vectors(1))
        disk._left = 0
        with pytest.raises(IndexWriteError) as failure:
            writer.commit()
        assert str(failure.value) == f"{base}: not written (Input/output error); the index is unchanged"
        with pytest.raises(ValueError, match="open another"):
            writer.add(documents(1, first=501), unit_vectors(1))


def test_leaving_a_writer_without_a_commit_changes_nothing(base: Path) -> None:
    before = answers(base)
    with IndexWriter.open(base) as writer:
        writer.add(documents(3, first=500), unit_vectors(3))
        writer.delete(["d0001"])
    assert answers(base) == before
    assert sorted(path.name for path in base.iterdir()) == ["generation-000002", "write.lock"]


def test_a_writer_takes_no_change_after_its_commit(quick_dir: Path) -> None:
    with IndexWriter.create(quick_dir / "index", ENCODER) as writer:
        writer.add(documents(2), unit_vectors(2))
        writer.commit()
        assert writer.n_docs == 2
        with pytest.raises(ValueError, match="open another"):
            writer.delete(["d0000"])


def test_an_incomplete_old_generation_is_ignored(base: Path) -> None:
    after = answers(base)
    old = base / "generation-000001"
    shutil.copytree(generation_folder(base), old)
    (old / "manifest.json").unlink()
    assert answers(base) == after
    assert_takes_another_document(base)


def test_foreign_files_are_not_carried_into_the_next_generation(base: Path) -> None:
    (generation_folder(base) / "text" / "notes.txt").write_text("not ours")
    with IndexWriter.open(base, small_up_to=0) as writer:
        writer.delete(["d0001"])
        manifest = writer.commit()
    assert not any("notes" in name for name in manifest.files)


def test_a_change_to_a_large_index_links_old_files_and_leaves_their_bytes_alone(base: Path) -> None:
    old = generation_folder(base)
    held_open = {path.relative_to(old): (path.stat().st_ino, path.read_bytes()) for path in old.rglob("*.*")}
    with IndexWriter.open(base, exact_up_to=40, small_up_to=0) as writer:
        writer.add(documents(2, first=300), unit_vectors(2))
        writer.delete(["d0001"])
        writer.commit()
    new = generation_folder(base)
    linked = [name for name in held_open if (new / name).exists() and (new / name).stat().st_ino == held_open[name][0]]
    assert {name.suffix for name in linked} >= {".store", ".idx", ".term", ".faiss"}
    for name in linked:
        assert (new / name).read_bytes() == held_open[name][1]
    assert verify_index(base).damaged == []


def test_files_are_copied_where_the_file_system_has_no_hard_links(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    with IndexWriter.open(base, small_up_to=0) as writer:
        writer.delete(["d0001"])
        writer.commit()
    assert verify_index(base).damaged == []


@pytest.mark.parametrize("kind", ["vectors/*.faiss", "text/*.store", "text/*.idx"])
def test_bad_bytes_do_not_get_a_good_checksum_when_a_file_is_rewritten(larger: Path, kind: str) -> None:
    with IndexWriter.open(larger, small_up_to=0) as writer:
        writer.delete(["d0001"])
        writer.commit()
    (damaged,) = generation_folder(larger).glob(kind)
    whole = bytearray(damaged.read_bytes())
    whole[len(whole) // 2] ^= 1
    put_bytes(damaged, whole)
    with IndexWriter.open(larger) as writer:
        writer.compact()
        with pytest.raises(IndexDamagedError, match="its checksum does not match"):
            writer.commit()


def test_overwriting_an_index_leaves_the_old_one_until_the_new_one_is_committed(base: Path) -> None:
    before = answers(base)
    with IndexWriter.create(base, ENCODER, overwrite=True) as writer:
        writer.add(documents(4), unit_vectors(4))
        assert answers(base) == before
        writer.commit()
    assert IndexSnapshot.open(base).n_docs == 4
    assert verify_index(base).damaged == []


def test_positions_are_never_reused(quick_dir: Path) -> None:
    index_dir = build(quick_dir / "index", documents(5), unit_vectors(5))
    seen = set(IndexSnapshot.open(index_dir).positions_of([f"d{n:04d}" for n in range(5)]).values())
    for seed in range(3):
        with IndexWriter.open(index_dir) as writer:
            writer.delete([f"d{n:04d}" for n in range(5)])
            writer.add(documents(5, seed=seed), unit_vectors(5))
            writer.compact()
            writer.commit()
        given = set(IndexSnapshot.open(index_dir).positions_of([f"d{n:04d}" for n in range(5)]).values())
        assert seen.isdisjoint(given)
        seen |= given


def test_the_base_index_has_several_segments_and_dead_documents(quick_dir: Path) -> None:
    make_base(quick_dir / "index")
    manifest = IndexSnapshot.open(quick_dir / "index").manifest
    assert [item.exact for item in manifest.vector_files] == [False, True]
    assert manifest.n_docs == 70
    assert (manifest.n_dead_text, manifest.n_dead_vectors) == (5, 5)
