"""Where and how models run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "bf16", "int8", "f32"]
Notify: TypeAlias = Callable[[str], None]


def ignore(message: str) -> None:
    """Drop a message: the default of `Compute.notify`."""


@dataclass(frozen=True)
class Compute:
    """Where and how models run, and where messages about it go.

    `n_threads` is the number of CPU cores to use, None for all. `precision` is what a CPU computes in: `auto` picks the
    one measured to be best on this machine, anything else forces that one. `trust_remote_code` allows a model's own
    Python files to run. `notify` is called with a one-line message when a conversion begins, a model runs more slowly
    than it could, or loading has another surprise; it is ignored in comparisons.
    """

    device: Device = "auto"
    n_threads: int | None = None
    precision: Precision = "auto"
    trust_remote_code: bool = False
    notify: Notify = field(default=ignore, compare=False, repr=False)

    def __post_init__(self) -> None:
        for name, values in (("device", get_args(Device)), ("precision", get_args(Precision))):
            if getattr(self, name) not in values:
                raise ValueError(f"{name} is one of {', '.join(values)}, got {getattr(self, name)!r}")
        if self.n_threads is not None and self.n_threads < 1:
            raise ValueError(f"n_threads starts at 1, got {self.n_threads}")
