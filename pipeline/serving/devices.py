"""The devices and CPU cores that models can run on."""

from __future__ import annotations

import os
from pathlib import Path

from claimhound.data.errors import DeviceError
from claimhound.pipeline.serving.compute import Device


def n_threads_available() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def resolve_device(device: Device) -> str:
    """Return `cpu`, `cuda` or `mps`; with `auto`, an NVIDIA GPU if torch can use one, otherwise the CPU.

    `auto` does not choose a Mac's GPU, because there torch's memory use grows without bound when text lengths vary.
    Raises DeviceError if the requested device is not available.
    """
    if device == "cpu" or (device == "auto" and not _nvidia_driver_present()):
        return "cpu"
    import torch

    if torch.cuda.is_available() and device in {"auto", "cuda"}:
        return "cuda"
    if device == "auto":
        return "cpu"
    if device == "mps" and torch.backends.mps.is_available():
        return "mps"
    raise DeviceError(f"no {device} device here; use --device auto or --device cpu (see claimhound doctor)")


def _nvidia_driver_present() -> bool:
    """Return whether there may be an NVIDIA GPU, so importing torch to ask is worthwhile."""
    return (
        Path("/proc/driver/nvidia/version").exists()
        or Path("/dev/nvidiactl").exists()
        or Path("/dev/dxg").exists()
        or os.name == "nt"
    )
