"""The doctor reports what is installed and what is missing, and its exit status agrees."""

from __future__ import annotations

import shutil
from importlib.metadata import version

from command_runs import Invoke

from claimhound.data.bundled import BUNDLED_MODELS
from claimhound.data.disk.checksums import sha256_of
from claimhound.pipeline.commands.doctor import examine
from claimhound.pipeline.model_folders.cache_folder import cache_dir
from claimhound.pipeline.models.encoders import encoder_identity
from claimhound.pipeline.serving.agreement import VectorAgreement
from claimhound.pipeline.serving.conversion import converted
from claimhound.pipeline.serving.conversion_cache import Conversion
from claimhound.pipeline.serving.conversion_record import Measured
from claimhound.pipeline.serving.precision import Candidate


def found(**options):
    return {finding.name: finding for finding in examine(**options)}


def test_what_is_installed_has_no_cure():
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
    assert findings[f"model {BUNDLED_MODELS['encoder'].name}"].cure is None
    assert str(cache_dir()) in findings["cache"].value


def test_devices_are_optional():
    assert not {"cuda", "mps", "--device auto is"} & set(found(with_devices=False))


def test_an_unwritable_cache_has_a_cure(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert "set XDG_CACHE_HOME" in (found(with_devices=False)["cache"].cure or "")


def test_measurements_of_a_model_are_shown_and_a_damaged_conversion_has_a_cure(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    name = f"precision {BUNDLED_MODELS['encoder'].name}"
    assert found(with_devices=False)[name].value.startswith("not measured yet")

    def convert(what, target):
        (target / "model.xml").write_text("a model")
        candidates = (
            Candidate("bf16", failure="no such instructions"),
            Candidate("int8", 10.0, VectorAgreement(0.958, 0.53)),
            Candidate("f32", 5.0, VectorAgreement(1.0, 1.0)),
        )
        files = {"model.xml": sha256_of(target / "model.xml")}
        (target / "measured.json").write_text(Measured("f32", "", "a processor", candidates, files).to_json())

    what = Conversion(BUNDLED_MODELS["encoder"].folder, "encoder", encoder_identity().max_length)

    def give_up(what, target):
        record = Measured(None, "it cannot be converted (a reason)", "a processor", (), {})
        (target / "measured.json").write_text(record.to_json())

    given_up = converted(what, convert=give_up).folder
    assert found(with_devices=False)[name].value == "float32 by torch (it cannot be converted (a reason))"
    shutil.rmtree(given_up)
    folder = converted(what, convert=convert).folder
    findings = found(with_devices=False)
    assert findings[name].value == "f32"
    assert findings["  bf16"].value == "cannot run here (no such instructions)"
    assert findings["  int8"].value == ("1.00 of the fastest speed, cosine 0.958, least 0.530: too far from float32")
    assert findings["  f32"].value == "0.50 of the fastest speed, cosine 1.000, least 1.000"
    assert findings["cache"].cure is None
    (folder / "model.xml").write_text("another")
    assert "model.xml: its checksum does not match; remove that folder" in (
        found(with_devices=False)["cache"].cure or ""
    )


def test_the_exit_status_is_1_only_if_something_is_missing(
    invoke: Invoke,
) -> None:
    result = invoke("doctor")
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert lines["claimhound"] == version("claimhound")
    assert lines["tantivy"] == version("tantivy")
    assert int(lines["threads"]) >= 1
    assert "sample" in lines
    assert [line for line in result.stdout.splitlines() if line != line.rstrip()] == []
    if result.exit_code == 0:
        assert result.stderr == ""
        assert "missing" not in result.stdout
    else:
        assert result.exit_code == 1
        assert result.stderr.splitlines()[-1].endswith("found; the lines above say how to fix them")
