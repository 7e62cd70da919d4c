import os
import stat
from pathlib import Path

import pytest

from claimhound.data.disk.atomic import write_atomically
from claimhound.data.errors import InputError


def test_the_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with write_atomically(path) as file:
        file.write("new “text”\n")
        assert path.read_text() == "old"
    assert path.read_bytes() == "new “text”\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_block_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), write_atomically(path) as file:
        file.write("new")
        raise KeyboardInterrupt
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.txt", "old")]


def test_a_new_file_has_default_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    with write_atomically(tmp_path / "a.txt"):
        pass
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target = tmp_path / "folder" / "a.txt"
    link = tmp_path / "link"
    link.symlink_to(target)
    with write_atomically(link) as file:
        file.write("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with write_atomically(pipe) as file:
            file.write("new")
        assert os.read(reader, 100) == b"new"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_a_path_that_cannot_be_written_is_an_error_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, reason in [
        (tmp_path, "is a folder, not a file; name a file to write"),
        (tmp_path / "none" / "a.txt", "cannot be written: No such file or directory"),
        (tmp_path / "file" / "a.txt", "cannot be written: Not a directory"),
    ]:
        with pytest.raises(InputError) as caught, write_atomically(path):
            pass
        assert str(caught.value) == f"{path}: {reason}"
