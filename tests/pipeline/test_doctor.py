"""What an installation is said to have and lack."""

from __future__ import annotations

from pipeline.cache_folder import cache_dir
from pipeline.doctor import examine
from pipeline.model_files import BUNDLED_ENCODER_NAME


def found(**options):
    return {finding.name: finding for finding in examine(**options)}


def test_everything_that_is_here_is_named_without_a_cure():
    findings = found()
    for name in (
        "python",
        "tantivy",
        "faiss-cpu",
        "openvino",
        "torch",
        "threads",
        "sample",
        "cache",
        "--device auto is",
    ):
        assert findings[name].value
        assert findings[name].cure is None
    assert int(findings["threads"].value) >= 1
    assert findings[f"model {BUNDLED_ENCODER_NAME}"].cure is None
    assert str(cache_dir()) in findings["cache"].value


def test_devices_are_asked_for_only_where_wanted():
    assert not {"cuda", "mps", "--device auto is"} & set(found(with_devices=False))


def test_a_cache_that_cannot_be_written_has_a_cure(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert "set XDG_CACHE_HOME" in (found(with_devices=False)["cache"].cure or "")
