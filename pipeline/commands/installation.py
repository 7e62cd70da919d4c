"""What this installation has, and what it lacks."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from claimhound.data.bundled import BUNDLED_MODELS, Role, sample_dir
from claimhound.data.errors import ModelError
from claimhound.pipeline.model_folders.cache_folder import cache_dir
from claimhound.pipeline.model_folders.finding import BUNDLED, find_model_dir
from claimhound.pipeline.model_folders.layouts import read_cross_encoder_layout
from claimhound.pipeline.models.encoders import encoder_identity
from claimhound.pipeline.models.stance import read_stance_labels
from claimhound.pipeline.serving.compute import Device
from claimhound.pipeline.serving.conversion_cache import Conversion, all_converted, known_conversion
from claimhound.pipeline.serving.devices import n_threads_available, resolve_device
from claimhound.pipeline.serving.precision import Candidate
from claimhound.pipeline.serving.processor import this_processor

_SEARCHING = ("tantivy", "faiss-cpu", "openvino", "tokenizers", "numpy", "rank-bm25")
_TRAINING = ("torch", "sentence-transformers", "transformers", "datasets", "nncf", "ir-measures")


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
    findings.append(_processor())
    findings.append(Finding("threads", str(n_threads_available())))
    if with_devices:
        findings.extend(_devices())
    findings.extend(_models())
    findings.extend(_precisions())
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
    for role, bundled in BUNDLED_MODELS.items():
        try:
            findings.append(Finding(f"model {bundled.name}", str(find_model_dir(role, BUNDLED))))
        except ModelError as error:
            findings.append(Finding(f"model {bundled.name}", "missing", str(error)))
    return findings


def _reading_of(model: str, labels: Sequence[str] | None) -> list[Finding]:
    """Return what a stance model's outputs are taken for; it is not loaded."""
    try:
        folder = find_model_dir("stance", model)
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


def _processor() -> Finding:
    processor = this_processor()
    return Finding("processor", f"{processor.name} ({', '.join(processor.features)})")


def _precisions() -> list[Finding]:
    """Return for each bundled model in what precision it serves here, and what was measured of each."""
    findings: list[Finding] = []
    for name, what in _bundled_conversions():
        found = known_conversion(what)
        if found is None:
            findings.append(Finding(f"precision {name}", "not measured yet; the first command that uses it does"))
            continue
        measured = found.measured
        findings.append(Finding(f"precision {name}", measured.served or f"float32 by torch ({measured.reason})"))
        fastest = max((candidate.rate or 0.0 for candidate in measured.candidates), default=0.0)
        findings += [Finding(f"  {one.precision}", _compared(one, fastest)) for one in measured.candidates]
    return findings


def _bundled_conversions() -> Iterator[tuple[str, Conversion]]:
    with suppress(ModelError):  # what is missing is said elsewhere
        encoder = encoder_identity(BUNDLED)
        yield encoder.name, Conversion(find_model_dir("encoder", BUNDLED), "encoder", encoder.max_length)
    cross_encoders: tuple[Role, ...] = ("reranker", "stance")
    for role in cross_encoders:
        with suppress(ModelError):
            folder = find_model_dir(role, BUNDLED)
            layout = read_cross_encoder_layout(folder)
            if layout.max_length is not None:
                yield BUNDLED_MODELS[role].name, Conversion(folder, "cross-encoder", layout.max_length)


def _compared(candidate: Candidate, fastest: float) -> str:
    """Return what was measured of a precision, in words; its speed as a share of the fastest one's."""
    if candidate.failure is not None or not candidate.rate:
        return f"cannot run here ({candidate.failure})"
    speed = f"{candidate.rate / fastest:.2f} of the fastest one's speed"
    if candidate.agreement is None:
        return f"{speed}: emulated, not compared"
    return f"{speed}, {candidate.agreement}{'' if candidate.agrees else ': too far from float32'}"


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
    free = shutil.disk_usage(folder).free / 1e9
    try:
        kept = all_converted()
        damaged = [damage for one in kept if (damage := one.damage())]
    except OSError as error:
        return Finding("cache", str(folder), f"{error.filename}: cannot be read ({error.strerror}); remove it")
    value = f"{folder} ({len(kept)} converted models, {free:.0f} GB free)"
    return Finding("cache", value, f"{damaged[0]}; remove that folder, and it is made anew" if damaged else None)
