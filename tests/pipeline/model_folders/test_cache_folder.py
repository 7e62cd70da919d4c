"""Where converted models are kept: below the user's home, or else where nobody else writes."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from claimhound.data.errors import InputError
from claimhound.pipeline.model_folders.cache_folder import cache_dir, ensure_home

pytestmark = pytest.mark.skipif(not hasattr(os, "getuid"), reason="homes and owners are those of a Unix system")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The system's temporary folder, and no cache that the user chose."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.delenv("XDG_CACHE_HOME")
    return folder


def test_it_lies_below_the_home(temporary, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir().is_relative_to(tmp_path)
    assert not cache_dir().is_relative_to(temporary)


def test_a_folder_that_the_user_chose_is_taken_even_if_it_cannot_be_used(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache_dir() == tmp_path / "file" / "claimhound"


@pytest.mark.parametrize("home", ["", "relative", "/proc", "/dev/null"])
def test_without_a_home_that_can_be_written_it_is_a_folder_of_this_user_s_alone(temporary, monkeypatch, home):
    monkeypatch.setenv("HOME", home)
    folder = cache_dir()
    assert folder == temporary / f"claimhound-{os.getuid()}" / "claimhound"
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert cache_dir() == folder


def test_a_user_whom_the_system_does_not_know_has_a_folder_too(temporary, monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 54321)  # of nobody; whose folders are is asked of the real one
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(InputError, match="claimhound-54321: belongs to somebody else"):
        cache_dir()
    assert (temporary / "claimhound-54321").is_dir()


def test_a_home_is_given_where_there_is_none_and_else_left(temporary, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    ensure_home()
    assert os.environ["HOME"] == str(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "")  # to be set, and taken back after the test
    monkeypatch.setattr(Path, "home", classmethod(nobody_s))
    ensure_home()
    assert os.environ["HOME"] == str(temporary / f"claimhound-{os.getuid()}")
    assert cache_dir() == temporary / f"claimhound-{os.getuid()}" / "claimhound"


def test_a_cache_that_was_chosen_stays_where_there_is_no_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", "")  # to be set, and taken back after the test
    monkeypatch.setattr(Path, "home", classmethod(nobody_s))
    ensure_home()
    assert cache_dir() == tmp_path / "claimhound"
    assert os.environ["HOME"] == str(tmp_path / "claimhound")


def nobody_s(_):
    """What a user is told whom the system does not know."""
    raise RuntimeError("Could not determine home directory.")


def test_a_relative_choice_is_passed_over(temporary, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_dir().is_absolute()


def test_a_temporary_folder_that_others_may_write_is_refused(temporary, monkeypatch):
    monkeypatch.setenv("HOME", "")
    (temporary / f"claimhound-{os.getuid()}").mkdir()
    (temporary / f"claimhound-{os.getuid()}").chmod(0o777)
    with pytest.raises(InputError, match="belongs to somebody else; set XDG_CACHE_HOME"):
        cache_dir()


def test_a_link_in_its_place_is_refused(temporary, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "")
    (tmp_path / "elsewhere").mkdir()
    Path(temporary / f"claimhound-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="belongs to somebody else"):
        cache_dir()
