"""`doctor`: report what is installed and what is missing."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, NamedTuple

import click

from claimhound.data.bundled import BUNDLED_MODELS, BundledModel, Role, sample_dir
from claimhound.data.errors import InputError, ModelError
from claimhound.data.text.wording import counted
from claimhound.pipeline.commands.model_choice import require_stance_for, stance_option
from claimhound.pipeline.commands.output import print_facts, say

if TYPE_CHECKING:
    from claimhound.pipeline.serving.conversion_cache import Conversion
    from claimhound.pipeline.serving.precision import Candidate

_SEARCHING = ("tantivy", "faiss-cpu", "openvino", "tokenizers", "numpy", "rank-bm25")
_TRAINING = ("torch", "sentence-transformers", "transformers", "datasets", "nncf", "ir-measures")
_EXTRAS = {"accelerate": "train", "matplotlib": "report", "ir-datasets": "ir-datasets"}


class Finding(NamedTuple):
    """One line of the report; `cure` says how to fix a problem, None if there is none."""

    name: str
    value: str
    cure: str | None = None


@click.command(short_help="Show versions, devices and models, and what is missing.")
@stance_option
def doctor(stance: str | None, stance_labels: tuple[str, ...] | None) -> None:
    """Show versions, devices, models and threads.

    The exit status is 1 if something is missing. With --stance, also show how that model's outputs and input pairs are
    ordered.
    """
    require_stance_for(stance_labels, stance)
    findings = examine(stance=stance, stance_labels=stance_labels)
    print_facts([(finding.name, finding.value) for finding in findings])
    missing = [finding for finding in findings if finding.cure]
    for finding in missing:
        say(f"{finding.name}: {finding.cure}")
    if missing:
        raise InputError(f"{counted(len(missing), 'problem')} found; the lines above say how to fix them")


def examine(
    *, with_devices: bool = True, stance: str | None = None, stance_labels: Sequence[str] | None = None
) -> list[Finding]:
    """Return all findings.

    `with_devices` imports torch (seconds) to find accelerators. `stance` adds how that model's outputs are read;
    `stance_labels` names them.
    """
    from claimhound.pipeline.serving.devices import n_threads_available

    findings = [
        Finding("claimhound", _version("claimhound") or "not installed (run from its folder)"),
        Finding("python", f"{platform.python_version()} at {sys.executable}"),
        Finding("system", f"{platform.system()} {platform.machine()}"),
    ]
    for package in (*_SEARCHING, *_TRAINING):
        found = _version(package)
        findings.append(Finding(package, found or "missing", None if found else f"pip install {package}"))
    for package, extra in _EXTRAS.items():
        optional = f'not installed (optional; pip install "claimhound[{extra}]")'
        findings.append(Finding(package, _version(package) or optional))
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

    from claimhound.pipeline.serving.devices import resolve_device

    cuda = "none that torch can use"
    if torch.cuda.is_available():
        cuda = ", ".join(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))
    return [
        Finding("cuda", cuda),
        Finding("mps", "present" if torch.backends.mps.is_available() else "none"),
        Finding("--device auto is", resolve_device("auto")),
    ]


def _models() -> Iterator[Finding]:
    from claimhound.pipeline.model_folders.finding import BUNDLED, find_model_dir

    for role, bundled in _bundled_once():
        try:
            yield Finding(f"model {bundled.name}", str(find_model_dir(role, BUNDLED)))
        except ModelError as error:
            yield Finding(f"model {bundled.name}", "missing", str(error))


def _bundled_once() -> list[tuple[Role, BundledModel]]:
    """Return each bundled model with one of its roles."""
    return list({bundled.name: (role, bundled) for role, bundled in BUNDLED_MODELS.items()}.values())


def _reading_of(model: str, labels: Sequence[str] | None) -> list[Finding]:
    """Return how a stance model's outputs are read, without loading it."""
    from claimhound.pipeline.model_folders.finding import find_model_dir
    from claimhound.pipeline.models.cross_encoders import read_stance_labels

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
    return Finding("sample", str(path)) if path.is_file() else Finding("sample", "missing", "reinstall claimhound")


def _processor() -> Finding:
    from claimhound.pipeline.serving.processor import this_processor

    processor = this_processor()
    return Finding("processor", f"{processor.name} ({', '.join(processor.features)})")


def _precisions() -> Iterator[Finding]:
    """Yield the precision that each bundled model runs in here, and the measurements behind the choice."""
    from claimhound.pipeline.serving.conversion_cache import known_conversion

    for name, conversion in _bundled_conversions():
        found = known_conversion(conversion)
        if found is None:
            yield Finding(f"precision {name}", "not measured yet; the first command that uses the model measures it")
            continue
        measured = found.measured
        yield Finding(f"precision {name}", measured.served or f"float32 by torch ({measured.reason})")
        fastest = max((candidate.rate or 0.0 for candidate in measured.candidates), default=0.0)
        for one in measured.candidates:
            yield Finding(f"  {one.precision}", _compared(one, fastest))


def _bundled_conversions() -> Iterator[tuple[str, Conversion]]:
    from claimhound.pipeline.model_folders.finding import BUNDLED, find_model_dir
    from claimhound.pipeline.model_folders.layouts import read_cross_encoder_layout
    from claimhound.pipeline.models.encoders import encoder_identity
    from claimhound.pipeline.serving.conversion_cache import Conversion

    with suppress(ModelError):  # a missing model has its own finding
        encoder = encoder_identity(BUNDLED)
        yield encoder.name, Conversion(find_model_dir("encoder", BUNDLED), "encoder", encoder.max_length)
    for role, bundled in _bundled_once():
        if role == "encoder":
            continue
        with suppress(ModelError):
            folder = find_model_dir(role, BUNDLED)
            layout = read_cross_encoder_layout(folder)
            if layout.max_length is not None:
                yield bundled.name, Conversion(folder, "cross-encoder", layout.max_length)


def _compared(candidate: Candidate, fastest: float) -> str:
    """Return a precision's speed, as a share of the fastest one's, and its agreement with float32."""
    if candidate.failure is not None or not candidate.rate:
        return f"cannot run here ({candidate.failure})"
    speed = f"{candidate.rate / fastest:.2f} of the fastest speed"
    if candidate.agreement is None:
        return f"{speed}: emulated, not compared"
    return f"{speed}, {candidate.agreement}{'' if candidate.agrees else ': too far from float32'}"


def _cache() -> Finding:
    from claimhound.pipeline.model_folders.cache_folder import cache_dir
    from claimhound.pipeline.serving.conversion_cache import all_converted

    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        cure = f"cannot be written ({error.strerror}); set XDG_CACHE_HOME to a writable folder"
        return Finding("cache", str(folder), cure)
    free = shutil.disk_usage(folder).free / 1e9
    try:
        kept = all_converted()
        damaged = [damage for one in kept if (damage := one.damage())]
    except OSError as error:
        return Finding("cache", str(folder), f"{error.filename}: cannot be read ({error.strerror}); remove it")
    value = f"{folder} ({len(kept)} converted models, {free:.0f} GB free)"
    return Finding("cache", value, f"{damaged[0]}; remove that folder, and it is rebuilt" if damaged else None)
