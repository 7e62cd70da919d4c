"""OpenVINO on the CPU, running converted models."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import ModelError, last_line
from claimhound.pipeline.model_folders.batching import Batch
from claimhound.pipeline.model_folders.cache_folder import ensure_home
from claimhound.pipeline.serving.compute import Notify, ignore
from claimhound.pipeline.serving.conversion import converted, reconverted
from claimhound.pipeline.serving.conversion_cache import Conversion, Converted
from claimhound.pipeline.serving.devices import n_threads_available
from claimhound.pipeline.serving.openvino_import import import_openvino
from claimhound.pipeline.serving.precision import FAR
from claimhound.pipeline.serving.runtime import Output


class NotConverted(Exception):
    """No converted form of a model agrees with the library; the message says why."""


class OpenVinoRuntime:
    """OpenVINO on the CPU. Each batch runs on one thread, so results do not depend on the number of threads."""

    prefers_longest_first = False

    def __init__(self, compiled: Any, precision: str, n_threads: int) -> None:
        """Use `open`, or pass the result of `compile_model` for the same precision and number of threads."""
        openvino = import_openvino()
        self.precision = precision
        # The mapped bytes must live as long as the model read from them.
        self._content: NDArray[np.uint8] | None = None
        self._inputs = [port.get_any_name() for port in compiled.inputs]
        self._queue = openvino.AsyncInferQueue(compiled, n_threads)
        self._one_run = threading.Lock()

    @classmethod
    def open(cls, what: Conversion, *, n_threads: int | None = None, notify: Notify = ignore) -> OpenVinoRuntime:
        """Return a runtime for a model in the precision chosen for this machine, converting it first if necessary.

        Raises ModelError if it cannot be converted or read, NotConverted if only the library can run it.
        """
        ensure_home()
        n_threads = n_threads or n_threads_available()
        found = converted(what, notify)
        content = found.compiled()
        try:
            if found.measured.served is not None and content is None and found.damage():
                found = reconverted(found, what, notify)
        except OSError as error:
            raise ModelError(f"{error.filename or found.folder}: cannot be read ({error.strerror})") from error
        if found.measured.served is None:
            if what.precision != "auto":
                raise ModelError(f"{what.model_dir}: cannot be computed in {found.measured.reason}")
            raise NotConverted(found.measured.reason)
        compiled = _open_compiled(found, content, found.measured.served, n_threads)
        runtime = cls(compiled, found.measured.served, n_threads)
        forced = found.measured.candidates[0] if what.precision != "auto" else None
        if forced is not None and not forced.agrees:
            # Part of the encoder's identity, so an index with such vectors is checked whenever it is opened.
            runtime.precision = f"{forced.precision} ({FAR})"
            notify(f"{what.model_dir}: {forced.precision} is {FAR} on this machine ({forced.agreement})")
        runtime._content = content
        return runtime

    @property
    def name(self) -> str:
        """See `Runtime`."""
        return f"OpenVINO {self.precision} on cpu"

    def run(self, batches: Iterable[Batch], receive: Callable[[Batch, Output], None]) -> None:
        """See `Runtime`. Raises what `receive` or `batches` raises, after all running work has finished."""
        errors: list[Exception] = []

        def finished(request: Any, batch: Batch) -> None:
            # An exception in a callback leaves its request busy for ever, and kills the process.
            try:
                receive(batch, request.get_output_tensor(0).data)
            except Exception as error:
                errors.append(error)

        with self._one_run:
            self._queue.set_callback(finished)
            try:
                for batch in batches:
                    self._queue.start_async({name: getattr(batch, name) for name in self._inputs}, batch)
                    if errors:
                        break
            finally:
                # Even after Ctrl-C: a running request would write to freed memory.
                self._queue.wait_all()
        if errors:
            raise errors[0]


def compile_model(model: Any, precision: str, n_threads: int) -> Any:
    """Compile an OpenVINO model, given as such or by its path, for the CPU; raises RuntimeError if that fails."""
    return import_openvino().Core().compile_model(model, "CPU", _settings(precision, n_threads))


def _settings(precision: str, n_threads: int) -> dict[str, Any]:
    """Return OpenVINO's settings for a precision.

    With a bfloat16 hint a quantized model is wrong on processors with AMX (openvinotoolkit/openvino #37446): the
    bundled encoder's cosine to float32 was .958, but is .997 if the parts that are not quantized stay float32.
    """
    hint = "bf16" if precision == "bf16" else "f32"
    return {"INFERENCE_NUM_THREADS": n_threads, "NUM_STREAMS": n_threads, "INFERENCE_PRECISION_HINT": hint}


def _open_compiled(found: Converted, content: NDArray[np.uint8] | None, precision: str, n_threads: int) -> Any:
    """Return the compiled model from `content`, or compile it now and keep it.

    Raises ModelError if that fails although the files are intact, for example for lack of memory.
    """
    openvino = import_openvino()
    if content is not None:
        # If the compiled model is intact but cannot be read, the original may be readable.
        with suppress(RuntimeError, MemoryError):
            shared = openvino.Tensor(content, shared_memory=True)
            return openvino.Core().import_model(shared, "CPU", _settings(precision, n_threads))
    try:
        compiled = compile_model(found.ir_path, precision, n_threads)
    except (RuntimeError, MemoryError) as error:
        raise ModelError(
            f"{found.folder}: cannot be read ({last_line(error)}); perhaps there is too little memory"
        ) from error
    with suppress(OSError, RuntimeError, MemoryError):
        found.keep_compiled(compiled.export_model().getvalue())
    return compiled
