"""The cache folder is in the user's home, or in a private temporary folder."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from claimhound.data.errors import InputError
from claimhound.pipeline.model_folders.cache_folder import cache_dir, ensure_home

pytestmark = pytest.mark.skipif(not hasattr(os, "getuid"), reason="homes and owners are Unix concepts")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The system's temporary folder, with XDG_CACHE_HOME unset."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.delenv("XDG_CACHE_HOME")
    return folder


def test_the_usual_place_is_in_the_home(temporary, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir().is_relative_to(tmp_path)
    assert not cache_dir().is_relative_to(temporary)


def test_a_chosen_folder_is_used_even_if_it_is_not_a_folder(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cache_dir() == tmp_path / "file" / "claimhound"


@pytest.mark.parametrize("home", ["", "relative", "/proc", "/dev/null"])
def test_without_a_writable_home_it_is_a_private_temporary_folder(temporary, monkeypatch, home):
    monkeypatch.setenv("HOME", home)
    folder = cache_dir()
    assert folder == temporary / f"claimhound-{os.getuid()}" / "claimhound"
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert cache_dir() == folder


def test_a_temporary_folder_of_another_user_is_refused(temporary, monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 54321)  # an unknown user; new folders still belong to the real one
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(InputError, match="claimhound-54321: belongs to another user"):
        cache_dir()
    assert (temporary / "claimhound-54321").is_dir()


def test_a_missing_home_is_set_and_an_existing_one_is_kept(temporary, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    ensure_home()
    assert os.environ["HOME"] == str(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "")  # so monkeypatch restores it after the test
    monkeypatch.setattr(Path, "home", classmethod(no_home))
    ensure_home()
    assert os.environ["HOME"] == str(temporary / f"claimhound-{os.getuid()}")
    assert cache_dir() == temporary / f"claimhound-{os.getuid()}" / "claimhound"


def test_a_chosen_cache_is_kept_without_a_home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", "")  # so monkeypatch restores it after the test
    monkeypatch.setattr(Path, "home", classmethod(no_home))
    ensure_home()
    assert cache_dir() == tmp_path / "claimhound"
    assert os.environ["HOME"] == str(tmp_path / "claimhound")


def no_home(_):
    """Fail as `Path.home` does for a user unknown to the system."""
    raise RuntimeError("Could not determine home directory.")


def test_a_relative_choice_is_ignored(temporary, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_dir().is_absolute()


def test_a_temporary_folder_writable_by_others_is_refused(temporary, monkeypatch):
    monkeypatch.setenv("HOME", "")
    (temporary / f"claimhound-{os.getuid()}").mkdir()
    (temporary / f"claimhound-{os.getuid()}").chmod(0o777)
    with pytest.raises(InputError, match="belongs to another user; set XDG_CACHE_HOME"):
        cache_dir()


def test_a_symbolic_link_in_its_place_is_refused(temporary, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "")
    (tmp_path / "elsewhere").mkdir()
    Path(temporary / f"claimhound-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="belongs to another user"):
        cache_dir()
