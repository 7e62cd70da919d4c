"""Opening a model in the fastest runtime for the device."""

from __future__ import annotations

from pathlib import Path

from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.conversion_cache import Conversion, Kind
from claimhound.pipeline.serving.devices import resolve_device
from claimhound.pipeline.serving.openvino_runtime import OpenVinoRuntime
from claimhound.pipeline.serving.runtime import Runtime
from claimhound.pipeline.serving.torch_runtime import TorchRuntime


def open_runtime(model_dir: Path, kind: Kind, max_length: int, compute: Compute) -> Runtime:
    """Return the fastest runtime for the model on the device.

    Raises ModelError if it cannot be opened, NotConverted if on this CPU only the library can run it.
    """
    chosen = resolve_device(compute.device)
    if chosen == "cpu":
        what = Conversion(model_dir, kind, max_length, compute.precision)
        return OpenVinoRuntime.open(what, n_threads=compute.n_threads, notify=compute.notify)
    return TorchRuntime.load(model_dir, kind, chosen)
