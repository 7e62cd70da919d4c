"""Models are converted once, completely or not at all, and again only if proven damaged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from claimhound.data.disk.checksums import sha256_of
from claimhound.data.errors import ModelError
from claimhound.pipeline.model_folders.cache_folder import cache_dir
from claimhound.pipeline.models.encoders import load_encoder
from claimhound.pipeline.serving import conversion
from claimhound.pipeline.serving.agreement import LogitAgreement, VectorAgreement
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.conversion import converted
from claimhound.pipeline.serving.conversion_cache import UNFINISHED, Conversion, conversions_dir
from claimhound.pipeline.serving.conversion_record import Measured
from claimhound.pipeline.serving.openvino_runtime import NotConverted, OpenVinoRuntime
from claimhound.pipeline.serving.precision import Candidate
from tests.damage import put_bytes


@pytest.fixture
def own_cache(tmp_path, monkeypatch, tiny_encoder):
    """An empty cache for this test alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_dir()


@pytest.fixture
def what(tiny_model_dir):
    return Conversion(tiny_model_dir, "encoder", 64)


def write_model(what, target):
    time.sleep(0.2)
    (target / "model.xml").write_text(f"{what.kind} {what.max_length}")
    measured = Measured("f32", "", "a processor", (), {"model.xml": sha256_of(target / "model.xml")})
    (target / "measured.json").write_text(measured.to_json())


def test_two_requests_at_once_convert_a_model_once(own_cache, what):
    calls = []

    def convert(*arguments):
        calls.append(arguments)
        write_model(*arguments)

    both = threading.Barrier(2)

    def ask(number):
        if number is not None:
            both.wait(10)
        return converted(what, convert=convert).folder

    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(ask, range(2)))
    assert folders[0] == folders[1]
    assert list((own_cache / "models").iterdir()) == [folders[0]]
    assert ask(None) == folders[0]
    assert len(calls) == 1
    assert (folders[0] / "model.xml").read_text() == "encoder 64"


def test_what_a_killed_conversion_left_is_ignored_and_removed_after_a_day(own_cache, what):
    old, fresh = own_cache / "models" / "making-old", own_cache / "models" / "making-fresh"
    for path in (old, fresh):
        (path / "model").mkdir(parents=True)
        (path / "model" / "model.xml").write_text("half")
    os.utime(old, (time.time() - 100_000,) * 2)
    folder = converted(what, convert=write_model).folder
    assert (folder / "model.xml").read_text() == "encoder 64"
    assert sorted((own_cache / "models").iterdir()) == sorted([folder, fresh])


def test_an_interrupted_conversion_leaves_nothing(own_cache, what):
    def interrupt(what, target):
        (target / "model.xml").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        converted(what, convert=interrupt)
    assert list((own_cache / "models").iterdir()) == []


def test_each_kind_length_precision_setting_and_processor_has_its_own_conversion(
    own_cache, tiny_model_dir, tmp_path, monkeypatch
):
    other = shutil.copytree(tiny_model_dir, tmp_path / "other")
    with (other / "config.json").open("a") as file:
        file.write("\n")
    asked = [
        Conversion(tiny_model_dir, "encoder", 64),
        Conversion(tiny_model_dir, "encoder", 32),
        Conversion(tiny_model_dir, "cross-encoder", 64),
        Conversion(tiny_model_dir, "encoder", 64, "int8"),
        Conversion(other, "encoder", 64),
    ]
    folders = {converted(one, convert=write_model).folder for one in asked}
    # Machines with different processors may share a home directory.
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    folders.add(converted(asked[0], convert=write_model).folder)
    assert len(folders) == 6


def test_a_record_is_read_as_it_was_written(tmp_path):
    measured = Measured(
        "int8",
        "",
        "a processor",
        (
            Candidate("bf16", failure="no such instructions"),
            Candidate("int8", 3.5, VectorAgreement(0.998, 0.99)),
            Candidate("f32", 1.25, LogitAgreement(0.1, 2.0, 0.999)),
        ),
        {"model.xml": "0" * 64},
    )
    (tmp_path / "measured.json").write_text(measured.to_json())
    assert Measured.read(tmp_path / "measured.json") == measured


def test_temporary_failures_are_not_recorded(own_cache, what, monkeypatch):
    from claimhound.pipeline.models import converting

    def fail(error):
        monkeypatch.setattr(converting, "_quantized", lambda *_: raise_(error))

    def raise_(error):
        raise error

    for passing in (MemoryError("no more"), ImportError("no nncf")):
        with pytest.raises(type(passing)):
            converting._raise_passing(passing)
    fail(RuntimeError("std::bad_alloc"))
    with pytest.raises(RuntimeError, match="bad_alloc"):
        converted(Conversion(what.model_dir, "encoder", 64, "int8"))  # in this process
    assert list((own_cache / "models").iterdir()) == []
    fail(RuntimeError("an unknown operation"))
    found = converted(Conversion(what.model_dir, "encoder", 64, "int8")).measured
    assert (found.served, found.reason) == (None, "int8: cannot run here (an unknown operation)")


def test_a_full_disk_is_an_error(own_cache, what):
    def fail(what, target):
        raise OSError(28, "No space left on device")

    with pytest.raises(ModelError, match=r"models: cannot be used \(No space left on device\)"):
        converted(what, convert=fail)


def test_the_library_runs_a_model_if_no_converted_form_agrees(own_cache, what, tiny_encoder):
    def convert(what, target):
        (target / "measured.json").write_text(Measured(None, "f32: cosine 0.500", "a processor", (), {}).to_json())

    converted(what, convert=convert)
    with pytest.raises(NotConverted, match=r"f32: cosine 0\.500"):
        OpenVinoRuntime.open(what)
    said = []
    encoder = load_encoder(str(what.model_dir), Compute("cpu", notify=said.append))
    assert encoder.runtime_name == "sentence-transformers on torch float32 on cpu"
    assert encoder.identity.precision == "torch float32"
    (line,) = said
    assert "f32: cosine 0.500" in line
    assert np.allclose(encoder.encode(["sea level"]), tiny_encoder.encode(["sea level"]), atol=0.02)


def test_a_forced_precision_that_cannot_run_is_an_error(own_cache, tiny_model_dir):
    def convert(what, target):
        reason = "bf16: cannot run here (no such instructions)"
        (target / "measured.json").write_text(Measured(None, reason, "a processor", (), {}).to_json())

    what = Conversion(tiny_model_dir, "encoder", 64, "bf16")
    converted(what, convert=convert)
    with pytest.raises(ModelError, match=r"cannot be computed in bf16: cannot run here \(no such instructions\)"):
        load_encoder(str(tiny_model_dir), Compute("cpu", precision="bf16"))


def file_of(cache, name):
    """The file of the only model in a cache."""
    (path,) = [path for path in (cache / "models").glob(f"*/{name}") if path.is_file()]
    return path


@pytest.fixture
def one_model(tmp_path, monkeypatch, tiny_encoder, what):
    """A cache with only the tiny encoder, converted and compiled; converting it again copies the session's files."""
    session_s = converted(what).folder

    def copy(_what, target):
        for name in ("model.xml", "model.bin", "measured.json"):
            shutil.copy(session_s / name, target)

    monkeypatch.setitem(conversion.converted.__kwdefaults__, "convert", copy)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    load_encoder(str(what.model_dir), Compute("cpu"))
    return cache_dir()


@pytest.mark.parametrize("damage", ["zeros", "cut", "missing"])
def test_a_damaged_model_is_converted_again(one_model, what, tiny_encoder, damage):
    path = file_of(one_model, "model.bin")
    content = path.read_bytes()
    file_of(one_model, "compiled.bin").unlink()
    if damage == "missing":
        path.unlink()
    else:
        put_bytes(path, content[:5000] if damage == "cut" else content[:1000] + bytes(3000) + content[4000:])
    said = []
    encoder = load_encoder(str(what.model_dir), Compute("cpu", notify=said.append))
    assert len(said) == 2
    assert "model.bin: " in said[0]
    assert said[0].endswith("; converting again")
    assert np.allclose(encoder.encode(["sea level rises"]), tiny_encoder.encode(["sea level rises"]), atol=0.01)


def test_a_damaged_compiled_model_is_compiled_again(one_model, what, tiny_encoder):
    blob = file_of(one_model, "compiled.bin")
    sound = blob.read_bytes()
    for damaged in (sound[:5000] + bytes(64) + sound[5064:], sound[:500], b""):
        put_bytes(blob, damaged)
        vectors = load_encoder(str(what.model_dir), Compute("cpu")).encode(["sea level rises"])
        assert np.array_equal(vectors, tiny_encoder.encode(["sea level rises"]))
        assert converted(what).compiled() is not None


def test_lack_of_memory_deletes_nothing(one_model, what, monkeypatch):
    import openvino

    class NoMemory:
        def import_model(self, *_):
            raise RuntimeError("Exception from plugin.cpp:\nbad allocation")

        compile_model = import_model

    before = sorted(one_model.rglob("*"))
    monkeypatch.setattr(openvino, "Core", NoMemory)
    with pytest.raises(ModelError, match=r"cannot be read \(bad allocation\); perhaps there is too little memory"):
        OpenVinoRuntime.open(what)
    assert sorted(one_model.rglob("*")) == before


def test_a_model_with_a_damaged_record_is_converted_again(one_model, what):
    record = file_of(one_model, "measured.json")
    put_bytes(record, record.read_bytes()[:50])
    assert load_encoder(str(what.model_dir), Compute("cpu")).encode(["sea"]).any()
    assert json.loads(record.read_bytes())["served"]


def test_an_unwritable_cache_is_an_error(tmp_path, monkeypatch, tiny_model_dir):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelError, match=r"models: cannot be used \(Not a directory\).*XDG_CACHE_HOME"):
        load_encoder(str(tiny_model_dir), Compute("cpu"))


def test_a_model_that_cannot_be_converted_is_a_one_line_error_and_leaves_nothing(own_cache, tiny_model_dir, tmp_path):
    folder = shutil.copytree(tiny_model_dir, tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match=r"broken: cannot be converted \(.*MB are free") as caught:
        converted(Conversion(folder, "encoder", 64), convert=conversion._convert_in_child)
    assert "\n" not in str(caught.value)
    assert list((own_cache / "models").iterdir()) == []


def test_a_conversion_that_does_not_end_is_stopped_with_an_error(own_cache, what):
    def hurried(what: Conversion, folder: Path) -> None:
        conversion._convert_in_child(what, folder, longest_s=0.01)

    with pytest.raises(ModelError, match="was stopped after 0 s; run the command again"):
        converted(what, convert=hurried)
    assert not [path for path in conversions_dir().iterdir() if path.name.startswith(UNFINISHED)]


def test_a_conversion_does_not_read_standard_input(own_cache, what, monkeypatch):
    seen = {}

    def run(command, **settings):
        seen.update(settings)
        return subprocess.CompletedProcess(command, 1, "", "stopped")

    monkeypatch.setattr(conversion.subprocess, "run", run)
    with pytest.raises(ModelError, match=r"cannot be converted \(stopped\)"):
        converted(what, convert=conversion._convert_in_child)
    assert seen["stdin"] == subprocess.DEVNULL


def test_a_converted_cross_encoder_computes_only_the_first_token_in_its_last_layer(tiny_reranker, tiny_reranker_dir):
    import openvino

    folder = converted(Conversion(tiny_reranker_dir, "cross-encoder", 64)).folder
    model = openvino.Core().read_model(folder / "model.xml")
    products = [op.get_output_partial_shape(0) for op in model.get_ops() if op.get_type_name() == "MatMul"]
    # (rows, tokens, dim): keys and values for all tokens; query, attention and feed-forward for one.
    at_most = [shape[1].get_max_length() for shape in products if shape.rank.get_length() == 3]
    assert sorted(at_most) == [-1, -1, 1, 1, 1, 1]  # -1: any number


def test_a_folder_named_like_the_package_in_the_working_directory_is_ignored(own_cache, what, tmp_path, monkeypatch):
    here = tmp_path / "here"
    for name in ("claimhound", "pipeline", "data"):
        (here / name).mkdir(parents=True)
        (here / name / "__init__.py").write_text("raise RuntimeError('not ours')")
    monkeypatch.chdir(here)
    assert converted(what, convert=conversion._convert_in_child).measured.served is not None
