"""Conversion of models to the precision that works best on this machine, once for each model.

Conversion needs torch and NNCF, which take seconds to import and hundreds of megabytes, so it runs in a process of its
own (`pipeline/models/converting.py`); searching needs neither.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from claimhound.data.disk.file_systems import acquire_lock
from claimhound.data.errors import ModelError
from claimhound.pipeline.model_folders.cache_folder import cache_dir
from claimhound.pipeline.serving.compute import Notify, ignore
from claimhound.pipeline.serving.conversion_cache import (
    RECORD,
    UNFINISHED,
    Conversion,
    Converted,
    conversion_dir,
    conversions_dir,
    find_converted,
    remove_abandoned,
)
from claimhound.pipeline.serving.conversion_record import Measured

_FOR_EVER = -1
# A conversion takes up to a minute, on a busy machine a few. Two were seen to hang on a machine busy with other jobs,
# all threads waiting, the cause unknown: better an error than a first search that never ends.
_LONGEST_S = 1_800


def _convert_in_child(what: Conversion, target: Path, longest_s: float = _LONGEST_S) -> None:
    # CI and NNCF_CI stop OpenVINO's converter and NNCF from sending usage reports over the network.
    environment = os.environ | {
        "CI": "true",
        "NNCF_CI": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    # -P: do not import a folder `claimhound` in the user's working directory.
    words = [str(what.model_dir), what.kind, str(what.max_length), what.precision, str(target)]
    command = [sys.executable, "-P", "-m", "claimhound.pipeline.models.converting", *words]
    # No standard input: a library that asks a question must not read our user's input.
    try:
        finished = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            check=False,
            timeout=longest_s,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"{what.model_dir}: its conversion for this machine's processor was stopped after {longest_s:,.0f} s; run "
            "the command again, if need be when the machine is less busy"
        ) from error
    if finished.returncode != 0:
        lines = [line for line in finished.stderr.splitlines() if line.strip()] or ["no reason given"]
        # A negative code is a signal's number; then nothing was printed.
        reason = lines[-1].strip() if finished.returncode > 0 else f"killed by signal {-finished.returncode}"
        free = shutil.disk_usage(target).free / 1e6
        raise ModelError(
            f"{what.model_dir}: cannot be converted ({reason}); {free:,.0f} MB are free in {cache_dir()}, where "
            "converted models go"
        )


def converted(
    what: Conversion,
    notify: Notify = ignore,
    *,
    convert: Callable[[Conversion, Path], None] = _convert_in_child,
) -> Converted:
    """Return the converted model from the cache, converting it first if necessary.

    `notify` is called with one line when a conversion begins, which takes up to a minute. `convert` writes the model
    and its record into the given folder. Raises ModelError if the model cannot be converted or kept.
    """
    try:
        target = conversion_dir(what)
        if (found := find_converted(target)) is not None:
            return found
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target, what, notify):
            if (found := find_converted(target)) is not None:
                return found  # converted by another process meanwhile
            notify(f"converting the {what.kind} for this machine's processor (once, up to a minute) …")
            remove_abandoned()
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=UNFINISHED) as scratch:
                made = Path(scratch) / "model"
                made.mkdir()
                convert(what, made)
                shutil.rmtree(target, ignore_errors=True)
                made.rename(target)
            return Converted(target, Measured.read(target / RECORD))
    except OSError as error:
        raise ModelError(
            f"{conversions_dir()}: cannot be used ({error.strerror}); converted models are kept there, or in the cache "
            "folder given by XDG_CACHE_HOME"
        ) from error


def reconverted(damaged: Converted, what: Conversion, notify: Notify = ignore) -> Converted:
    """Replace a damaged conversion by converting the model again; raises as `converted` does."""
    with _locked(damaged.folder, what, notify):
        now = find_converted(damaged.folder)
        # Another process may have converted it again meanwhile.
        if now is not None and (damage := now.damage()):
            notify(f"{damage}; converting again")
            shutil.rmtree(damaged.folder, ignore_errors=True)
    return converted(what, notify)


@contextmanager
def _locked(target: Path, what: Conversion, notify: Notify) -> Iterator[None]:
    """Hold the lock of a conversion: two conversions at once would measure each other's load.

    Raises OSError if locks are not possible.
    """
    folder = cache_dir() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{target.name}.lock"
    lock = acquire_lock(path)
    if lock is None:
        notify(f"another process is converting the {what.kind}; waiting for it …")
    while lock is None:
        lock = acquire_lock(path, _FOR_EVER)
    try:
        yield
    finally:
        lock.release()
