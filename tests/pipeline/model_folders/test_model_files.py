"""Model folders: their JSON files and the digest of their weights."""

from __future__ import annotations

import os

import pytest

from claimhound.data.errors import ModelError
from claimhound.pipeline.model_folders.files import read_json
from claimhound.pipeline.model_folders.fingerprints import weights_sha256


def test_weights_that_differ_in_content_alone_have_different_digests(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"first")
    os.utime(path, (1, 1))
    first = weights_sha256(tmp_path)
    assert weights_sha256(tmp_path) == first
    path.write_bytes(b"other")
    os.utime(path, (1, 1))
    assert weights_sha256(tmp_path) != first


def test_the_digest_covers_all_weight_files_in_name_order(tmp_path):
    for name, content in (("model-2.safetensors", b"b"), ("model-1.safetensors", b"a"), ("pytorch_model.bin", b"c")):
        (tmp_path / name).write_bytes(content)
    both = weights_sha256(tmp_path)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "model.safetensors").write_bytes(b"ab")
    assert both == weights_sha256(tmp_path / "one")


def test_a_damaged_or_unwritable_cache_does_not_change_the_digest(tmp_path, monkeypatch):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    expected = weights_sha256(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    weights_sha256(tmp_path)
    (remembered,) = (tmp_path / "cache" / "claimhound" / "hashes").iterdir()
    for damaged in (b"", b"short", b"\xff" * 64, b"?" * 64):
        remembered.write_bytes(damaged)
        assert weights_sha256(tmp_path) == expected
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert weights_sha256(tmp_path) == expected


@pytest.mark.parametrize(("content", "message"), [("{", "not JSON"), ("[]", "not a JSON object")])
def test_json_settings_must_be_an_object(tmp_path, content, message):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match=message):
        read_json(tmp_path / "config.json")
    assert read_json(tmp_path / "other.json") == {}
