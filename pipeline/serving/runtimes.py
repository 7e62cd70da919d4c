"""What computes a model's output: OpenVINO on a CPU, in the precision that serves there, torch on an accelerator."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import ModelError, first_line
from claimhound.pipeline.model_folders.batching import Batch, halves
from claimhound.pipeline.model_folders.cache_folder import ensure_home
from claimhound.pipeline.model_folders.files import last_line
from claimhound.pipeline.serving.compute import Compute, Device, Notify, ignore
from claimhound.pipeline.serving.conversion import Conversion, Converted, Kind, converted, converted_anew
from claimhound.pipeline.serving.openvino_import import import_openvino
from claimhound.pipeline.serving.precision import FAR

Output: TypeAlias = NDArray[np.float32]


class Runtime(Protocol):
    """Computes a model's output for batches of tokens."""

    prefers_longest_first: bool

    @property
    def precision(self) -> str:
        """What it computes in: `bf16`, `int8`, `f32`, `torch float16` …"""

    @property
    def name(self) -> str:
        """What computes, for people: `OpenVINO int8 on cpu`."""

    def run(self, batches: Iterable[Batch], receive: Callable[[Batch, Output], None]) -> None:
        """Call `receive` once for each batch, or for each part of one, with the output for its rows, in any order.

        An encoder's output is (rows, tokens, dim), a cross-encoder's (rows, labels).
        """


def n_threads_available() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class NotConverted(Exception):
    """No converted form of a model can stand for what the library gives; the text says why."""


class OpenVinoRuntime:
    """OpenVINO on the CPU. Each thread takes batches of its own, so that no sum depends on the number of threads."""

    prefers_longest_first = False

    def __init__(self, compiled: Any, precision: str, n_threads: int) -> None:
        """Use `open`, or give what `compile_model` returned for the same precision and number of threads."""
        openvino = import_openvino()
        self.precision = precision
        # What was mapped must live as long as the model that was read from it.
        self._content: NDArray[np.uint8] | None = None
        self._inputs = [port.get_any_name() for port in compiled.inputs]
        self._queue = openvino.AsyncInferQueue(compiled, n_threads)
        self._one_run = threading.Lock()

    @classmethod
    def open(cls, what: Conversion, *, n_threads: int | None = None, notify: Notify = ignore) -> OpenVinoRuntime:
        """Return what computes a model in the precision that serves here, converting it first if need be.

        Raises ModelError if it cannot be converted or read, NotConverted if the library itself must compute it.
        """
        ensure_home()
        n_threads = n_threads or n_threads_available()
        found = converted(what, notify)
        content = found.compiled()
        try:
            if found.measured.served is not None and content is None and found.damage():
                found = converted_anew(found, what, notify)
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
            # An index of such vectors is checked whenever it is opened with an encoder.
            runtime.precision = f"{forced.precision} ({FAR})"
            notify(f"{what.model_dir}: {forced.precision} is {FAR} on this machine ({forced.agreement})")
        runtime._content = content
        return runtime

    @property
    def name(self) -> str:
        """See `Runtime`."""
        return f"OpenVINO {self.precision} on cpu"

    def run(self, batches: Iterable[Batch], receive: Callable[[Batch, Output], None]) -> None:
        """See `Runtime`. Whatever `receive` or `batches` raises is raised here, once nothing runs any more."""
        errors: list[Exception] = []

        def finished(request: Any, batch: Batch) -> None:
            # What a callback raises leaves its request busy for ever, and a thread that ends so kills the process.
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
                # After control-C too: a request that is still at work would write into what is gone.
                self._queue.wait_all()
        if errors:
            raise errors[0]


def compile_model(model: Any, precision: str, n_threads: int) -> Any:
    """Return an OpenVINO model, or the path of one, compiled for the CPU; raises RuntimeError where it cannot be."""
    return import_openvino().Core().compile_model(model, "CPU", _settings(precision, n_threads))


def _settings(precision: str, n_threads: int) -> dict[str, Any]:
    """Return OpenVINO's settings for a precision.

    A quantized model in bfloat16 hints goes wrong on processors with AMX (openvinotoolkit/openvino #37446): the bundled
    encoder's cosine to float32 was .958 so, and is .997 where what is not quantized stays float32.
    """
    hint = "bf16" if precision == "bf16" else "f32"
    return {"INFERENCE_NUM_THREADS": n_threads, "NUM_STREAMS": n_threads, "INFERENCE_PRECISION_HINT": hint}


def _open_compiled(found: Converted, content: NDArray[np.uint8] | None, precision: str, n_threads: int) -> Any:
    """Return the compiled model: what was kept of it, `content`, or compiled now and kept.

    Raises ModelError if it cannot be had though its bytes are those that were written: for want of memory, say.
    """
    openvino = import_openvino()
    if content is not None:
        # Where it cannot be read though its bytes are right, the model it was compiled from may be.
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


class TorchRuntime:
    """Torch: half precision on an NVIDIA GPU, float32 elsewhere. Halves a batch that does not fit in memory."""

    prefers_longest_first = True

    def __init__(self, model: Any, kind: Kind, device: str, *, half: bool, takes_types: bool) -> None:
        """Use `load`. `model` is on the device and, if `half`, in float16."""
        import torch

        self._torch = torch
        self._model = model
        self._kind = kind
        self._device = device
        self._half = half
        self._takes_types = takes_types
        self._one_run = threading.Lock()

    @classmethod
    def load(cls, model_dir: Path, kind: Kind, device: str) -> TorchRuntime:
        """Raise ModelError if the folder holds no model of the kind."""
        import torch
        import transformers

        half = device.startswith("cuda")
        loader = transformers.AutoModel if kind == "encoder" else transformers.AutoModelForSequenceClassification
        try:
            model = loader.from_pretrained(
                model_dir,
                dtype=torch.float16 if half else torch.float32,
                trust_remote_code=False,
                local_files_only=True,
                weights_only=True,
            )
        except (OSError, ValueError) as error:
            raise ModelError(f"{model_dir}: cannot be loaded ({first_line(error)})") from error
        takes_types = takes_token_types(model.config)
        return cls(model.eval().to(device), kind, device, half=half, takes_types=takes_types)

    @property
    def precision(self) -> str:
        """See `Runtime`."""
        return f"torch {'float16' if self._half else 'float32'}"

    @property
    def name(self) -> str:
        """See `Runtime`."""
        return f"{self.precision} on {self._device}"

    def run(self, batches: Iterable[Batch], receive: Callable[[Batch, Output], None]) -> None:
        """See `Runtime`. Raises ModelError for a text that does not fit in the device's memory even alone.

        One run at a time: what another thread computes would fill the memory too.
        """
        with self._one_run:
            for batch in batches:
                self._run_one(batch, receive)

    def _run_one(self, batch: Batch, receive: Callable[[Batch, Output], None]) -> None:
        try:
            output = self._forward(batch)
        except self._torch.OutOfMemoryError as error:
            if len(batch.rows) == 1:
                raise ModelError(
                    f"{self._device}: too little memory for a text of {batch.input_ids.shape[1]} tokens; "
                    "use --device cpu, or end what else uses it"
                ) from error
            output = None
        # Outside the handler: the error holds the tensors that filled the memory.
        if output is None:
            self._torch.cuda.empty_cache()
            for half in halves(batch):
                self._run_one(half, receive)
            return
        if self._half and not np.isfinite(output).all():
            # Some models overflow in float16: once more in float32, and from then on.
            self._model.float()
            self._half = False
            self._run_one(batch, receive)
            return
        receive(batch, output)

    def _forward(self, batch: Batch) -> Output:
        torch = self._torch
        inputs = {
            "input_ids": torch.from_numpy(batch.input_ids).to(self._device),
            "attention_mask": torch.from_numpy(batch.attention_mask).to(self._device),
        }
        if self._takes_types:
            inputs["token_type_ids"] = torch.from_numpy(batch.token_type_ids).to(self._device)
        with torch.inference_mode():
            result = self._model(**inputs)
            value = result.last_hidden_state if self._kind == "encoder" else result.logits
        output: Output = value.float().cpu().numpy()
        return output


def takes_token_types(config: Any) -> bool:
    """Tell from a transformers configuration whether the model tells the two texts of a pair apart by number."""
    return bool(getattr(config, "type_vocab_size", 0) > 1)


def resolve_device(device: Device) -> str:
    """Return `cpu`, `cuda` or `mps`: with `auto` an NVIDIA GPU if torch can use one, otherwise the CPU.

    Raises ModelError if the device asked for is not there. `auto` does not choose a Mac's GPU, whose memory use with
    texts of many lengths grows without bound in torch.
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
    raise ModelError(
        f"no {device} device here; search with --device auto or --device cpu (claimhound doctor tells more)"
    )


def _nvidia_driver_present() -> bool:
    """Tell whether it is worth importing torch to ask for a GPU."""
    return (
        Path("/proc/driver/nvidia/version").exists()
        or Path("/dev/nvidiactl").exists()
        or Path("/dev/dxg").exists()
        or os.name == "nt"
    )


def open_runtime(model_dir: Path, kind: Kind, max_length: int, compute: Compute) -> Runtime:
    """Return the fastest runtime for the model on the device.

    Raises ModelError if it cannot be had, NotConverted if on this CPU the library itself must compute it.
    """
    chosen = resolve_device(compute.device)
    if chosen == "cpu":
        what = Conversion(model_dir, kind, max_length, compute.precision)
        return OpenVinoRuntime.open(what, n_threads=compute.n_threads, notify=compute.notify)
    return TorchRuntime.load(model_dir, kind, chosen)
