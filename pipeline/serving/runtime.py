"""The interface of a runtime, which computes a model's output."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from claimhound.pipeline.model_folders.batching import Batch

Output: TypeAlias = NDArray[np.float32]


class Runtime(Protocol):
    """Computes a model's output for batches of tokens."""

    prefers_longest_first: bool

    @property
    def precision(self) -> str:
        """The precision of its computation, such as `bf16`, `int8`, `f32` or `torch float16`."""

    @property
    def name(self) -> str:
        """Its human-readable name, such as `OpenVINO int8 on cpu`."""

    def run(self, batches: Iterable[Batch], receive: Callable[[Batch, Output], None]) -> None:
        """Call `receive` with each batch, or part of one, and the output for its rows, in any order.

        The output is (rows, tokens, dim) for an encoder, (rows, labels) for a cross-encoder.
        """
