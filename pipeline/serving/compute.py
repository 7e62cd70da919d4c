"""Where and how models run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "bf16", "int8", "f32"]


@dataclass(frozen=True)
class Compute:
    """Where and how models run.

    `n_threads` is the number of CPU cores to use, None for all. `precision` is what a CPU computes in: `auto` picks the
    one measured to be best on this machine, anything else forces that one. `trust_remote_code` allows a model's own
    Python files to run.
    """

    device: Device = "auto"
    n_threads: int | None = None
    precision: Precision = "auto"
    trust_remote_code: bool = False
