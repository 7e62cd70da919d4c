"""What this installation has, and what it lacks."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from data.bundled import sample_dir
from data.errors import ModelError
from pipeline.config import Device
from pipeline.model_files import (
    BUNDLED,
    BUNDLED_ENCODER_NAME,
    BUNDLED_RERANKER_NAME,
    BUNDLED_STANCE_NAME,
    cache_dir,
    encoder_dir,
    reranker_dir,
    stance_dir,
)
from pipeline.runtimes import n_threads_available, resolve_device
from pipeline.stance import read_stance_labels

_SEARCHING = ("tantivy", "faiss-cpu", "openvino", "tokenizers", "numpy", "rank-bm25")
_TRAINING = ("torch", "sentence-transformers", "transformers", "datasets", "nncf", "onnx", "ir-measures")


class Finding(NamedTuple):
    """One line of the report; `cure` says what to do where something is missing, and is None where all is well."""

    name: str
    value: str
    cure: str | None = None


def examine(
    *, with_devices: bool = True, stance: str | None = None, stance_labels: Sequence[str] | None = None
) -> list[Finding]:
    """Return what was found. `with_devices` imports torch (seconds) to ask it for accelerators.

    Of a `stance` model it is told how its outputs are read, by the names in `stance_labels` where they are given.
    """
    findings = [
        Finding("claimhound", _version("claimhound") or "not installed (run from its folder)"),
        Finding("python", f"{platform.python_version()} at {sys.executable}"),
        Finding("system", f"{platform.system()} {platform.machine()}"),
    ]
    for package in (*_SEARCHING, *_TRAINING):
        found = _version(package)
        findings.append(Finding(package, found or "missing", None if found else f"pip install {package}"))
    findings.append(Finding("threads", str(n_threads_available())))
    if with_devices:
        findings.extend(_devices())
    findings.extend(_models())
    if stance is not None:
        findings.extend(_reading_of(stance, stance_labels))
    findings.append(_sample())
    findings.append(_cache())
    return findings


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _devices() -> list[Finding]:
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    findings: list[Finding] = []
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        findings.append(Finding("cuda", ", ".join(names)))
    else:
        findings.append(Finding("cuda", "none that torch can use"))
    findings.append(Finding("mps", "present" if torch.backends.mps.is_available() else "none"))
    auto: Device = "auto"
    findings.append(Finding("--device auto is", resolve_device(auto)))
    return findings


def _models() -> list[Finding]:
    findings: list[Finding] = []
    for name, find in (
        (BUNDLED_ENCODER_NAME, encoder_dir),
        (BUNDLED_RERANKER_NAME, reranker_dir),
        (BUNDLED_STANCE_NAME, stance_dir),
    ):
        try:
            findings.append(Finding(f"model {name}", str(find(BUNDLED))))
        except ModelError as error:
            findings.append(Finding(f"model {name}", "missing", str(error)))
    return findings


def _reading_of(model: str, labels: Sequence[str] | None) -> list[Finding]:
    """Return what a stance model's outputs are taken for; it is not loaded."""
    try:
        folder = stance_dir(model)
        read = read_stance_labels(folder, labels)
    except ModelError as error:
        return [Finding("stance model", f"{model} cannot be used", str(error))]
    return [
        Finding("stance model", str(folder)),
        Finding("its labels", read.outputs_text),
        Finding("it reads", read.pair_text),
    ]


def _sample() -> Finding:
    path = sample_dir() / "evidence.jsonl"
    return Finding(
        "sample", str(path) if path.is_file() else "missing", None if path.is_file() else "reinstall claimhound"
    )


def _cache() -> Finding:
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding(
            "cache", str(folder), f"cannot be written ({error.strerror}); set XDG_CACHE_HOME to a folder that can"
        )
    converted = [path.parent.name for path in folder.glob("int8/*/model.xml")]
    free = shutil.disk_usage(folder).free / 1e9
    return Finding("cache", f"{folder} ({len(converted)} converted models, {free:.0f} GB free)")
