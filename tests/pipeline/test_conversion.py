"""The cache of converted models: made once, whole or not at all, and made again when it is damaged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from data.errors import ModelError
from pipeline.config import Compute
from pipeline.conversion import converted_dir
from pipeline.encoders import load_encoder
from pipeline.model_files import cache_dir
from tests.damage import put_bytes


@pytest.fixture
def own_cache(tmp_path, monkeypatch, tiny_encoder):
    """A cache of this test's own; what the session has converted stays where it is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_dir()


@pytest.fixture
def filled_cache(own_cache, tmp_path, monkeypatch):
    """A cache of this test's own that holds what the session has converted."""
    own = os.environ["XDG_CACHE_HOME"]
    monkeypatch.undo()
    shutil.copytree(cache_dir() / "int8", tmp_path / "cache" / "claimhound" / "int8")
    monkeypatch.setenv("XDG_CACHE_HOME", own)
    return cache_dir()


def write_model(model_dir, kind, max_length, target):
    time.sleep(0.2)
    (target / "model.xml").write_text(f"{kind} {max_length}")


def test_a_model_is_converted_once_even_by_two_at_a_time(own_cache, tiny_model_dir):
    both = threading.Barrier(2)

    def convert(*arguments):
        both.wait(10)
        write_model(*arguments)

    def ask(_):
        return converted_dir(tiny_model_dir, "encoder", 64, convert=convert)

    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(ask, range(2)))
    assert folders[0] == folders[1]
    assert list((own_cache / "int8").iterdir()) == [folders[0]]
    assert ask(0) == folders[0]  # a third conversion would wait for a fourth
    assert (folders[0] / "model.xml").read_text() == "encoder 64"


def test_what_a_killed_conversion_left_is_not_used_and_is_removed_after_a_day(own_cache, tiny_model_dir):
    old, fresh = own_cache / "int8" / "making-old", own_cache / "int8" / "making-fresh"
    for path in (old, fresh):
        (path / "model").mkdir(parents=True)
        (path / "model" / "model.xml").write_text("half")
    os.utime(old, (time.time() - 100_000,) * 2)
    folder = converted_dir(tiny_model_dir, "encoder", 64, convert=write_model)
    assert (folder / "model.xml").read_text() == "encoder 64"
    assert sorted((own_cache / "int8").iterdir()) == sorted([folder, fresh])


def test_an_interrupted_conversion_leaves_nothing(own_cache, tiny_model_dir):
    def interrupt(model_dir, kind, max_length, target):
        (target / "model.xml").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        converted_dir(tiny_model_dir, "encoder", 64, convert=interrupt)
    assert list((own_cache / "int8").iterdir()) == []


def test_kind_length_and_settings_are_converted_apart(own_cache, tiny_model_dir, tmp_path):
    other = shutil.copytree(tiny_model_dir, tmp_path / "other")
    with (other / "config.json").open("a") as file:
        file.write("\n")
    asked = [(tiny_model_dir, "encoder", 64), (tiny_model_dir, "encoder", 32), (tiny_model_dir, "cross-encoder", 64)]
    folders = {converted_dir(*what, convert=write_model) for what in [*asked, (other, "encoder", 64)]}
    assert len(folders) == 4


def test_a_full_disk_is_an_error(own_cache, tiny_model_dir):
    def fail(model_dir, kind, max_length, target):
        raise OSError(28, "No space left on device")

    with pytest.raises(ModelError, match=r"int8: cannot be used \(No space left on device\)"):
        converted_dir(tiny_model_dir, "encoder", 64, convert=fail)


def test_a_damaged_model_is_converted_again(filled_cache, tiny_model_dir, tiny_encoder):
    path = converted_dir(tiny_model_dir, "encoder", 64) / "model.bin"
    put_bytes(path, path.read_bytes()[:5000])
    said = []
    encoder = load_encoder(str(tiny_model_dir), Compute("cpu"), on_start=said.append)
    assert len(said) == 1
    assert np.array_equal(encoder.encode(["sea level rises"]), tiny_encoder.encode(["sea level rises"]))


def test_a_damaged_compiled_model_does_not_matter(filled_cache, tiny_model_dir, tiny_encoder):
    load_encoder(str(tiny_model_dir), Compute("cpu"))
    (blob,) = (filled_cache / "compiled").glob("*.blob")
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 255
    blob.chmod(0o600)
    for damaged in (content, content[:500], b""):
        put_bytes(blob, damaged)
        vectors = load_encoder(str(tiny_model_dir), Compute("cpu")).encode(["sea level rises"])
        assert np.array_equal(vectors, tiny_encoder.encode(["sea level rises"]))
        blob.chmod(0o600)


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch, tiny_model_dir):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelError, match=r"int8: cannot be used \(Not a directory\).*XDG_CACHE_HOME"):
        load_encoder(str(tiny_model_dir), Compute("cpu"))


def test_a_model_that_cannot_be_converted_is_an_error_of_one_line_and_leaves_nothing(
    own_cache, tiny_model_dir, tmp_path
):
    folder = shutil.copytree(tiny_model_dir, tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match=r"broken: cannot be converted to int8 \(.*MB are free") as caught:
        load_encoder(str(folder), Compute("cpu"))
    assert "\n" not in str(caught.value)
    assert list((own_cache / "int8").iterdir()) == []


def test_the_last_layer_of_a_cross_encoder_computes_the_first_token_alone(tiny_reranker, tiny_reranker_dir):
    import openvino

    model = openvino.Core().read_model(converted_dir(tiny_reranker_dir, "cross-encoder", 64) / "model.xml")
    products = [op.get_output_partial_shape(0) for op in model.get_ops() if op.get_type_name() == "MatMul"]
    # (rows, tokens, dim): keys and values for every token; query, attention's and feed-forward's outputs for one.
    at_most = [shape[1].get_max_length() for shape in products if shape.rank.get_length() == 3]
    assert sorted(at_most) == [-1, -1, 1, 1, 1, 1]  # -1: any number


def test_a_user_s_own_folder_named_pipeline_is_not_ours(own_cache, tiny_model_dir, tmp_path):
    here = tmp_path / "here"
    for name in ("pipeline", "data"):
        (here / name).mkdir(parents=True)
        (here / name / "__init__.py").write_text("raise RuntimeError('not ours')")
    script = (
        f"import sys; sys.path.insert(0, {str(Path.cwd())!r})\n"
        "from pathlib import Path\nfrom pipeline.conversion import converted_dir\n"
        f"print(converted_dir(Path({str(tiny_model_dir)!r}), 'encoder', 64).is_dir())"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], cwd=here, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")
