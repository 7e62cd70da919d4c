"""Locks, syncs and names on file systems that lack a call, as CIFS, FUSE and NFS may."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from claimhound.data.disk.file_systems import acquire_lock, held_path, native_path, readable_name, sync_folder


def no_locks(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def flock(_file: int, _operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)


def test_a_lock_keeps_others_out_until_it_is_released(tmp_path: Path) -> None:
    lock = acquire_lock(tmp_path / "lock")
    assert lock is not None
    assert lock.note is None
    assert acquire_lock(tmp_path / "lock") is None
    lock.release()
    again = acquire_lock(tmp_path / "lock")
    assert again is not None
    again.release()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP], ids=errno.errorcode.get)
def test_without_locks_a_file_stands_for_the_lock_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    no_locks(monkeypatch, number)
    lock = acquire_lock(tmp_path / "lock")
    assert lock is not None
    assert "cannot lock files" in str(lock.note)
    assert acquire_lock(tmp_path / "lock") is None
    lock.release()
    assert not held_path(tmp_path / "lock").exists()


def test_without_locks_a_killed_process_does_not_keep_others_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_locks(monkeypatch, errno.ENOLCK)
    with subprocess.Popen([sys.executable, "-c", "pass"]) as gone:
        gone.wait()
    lock = acquire_lock(tmp_path / "lock")
    assert lock is not None
    held = held_path(tmp_path / "lock")
    record = held.read_bytes().replace(str(os.getpid()).encode(), str(gone.pid).encode(), 1)
    lock.release()
    held.write_bytes(record)
    again = acquire_lock(tmp_path / "lock", 5)
    assert again is not None
    again.release()


def test_a_failing_disk_is_not_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_locks(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        acquire_lock(tmp_path / "lock")


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EIO], ids=errno.errorcode.get)
def test_a_folder_that_cannot_be_synced_is_distinguished_from_a_failing_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    assert sync_folder(tmp_path)

    def fsync(file: int) -> None:
        assert stat.S_ISDIR(os.fstat(file).st_mode)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    if number == errno.EIO:
        with pytest.raises(OSError, match="Input/output error"):
            sync_folder(tmp_path)
    else:
        assert not sync_folder(tmp_path)


def test_names_that_are_not_utf_8_are_refused_or_replaced() -> None:
    latin = os.fsdecode(b"caf\xe9")
    assert native_path(Path("café")) == readable_name("café") == "café"
    assert readable_name(latin) == "caf\ufffd"
    with pytest.raises(Exception, match="is not UTF-8; rename it"):
        native_path(Path(latin))
