"""What computes a model's output: OpenVINO in int8 on a CPU, torch on an accelerator or where asked."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from data.errors import ModelError
from pipeline.batching import Batch, halves
from pipeline.config import Compute, Device
from pipeline.conversion import Kind, converted_dir, takes_token_types
from pipeline.model_files import cache_dir, first_line

Output: TypeAlias = NDArray[np.float32]


class NotConverted(Exception):
    """No converted form of the model agrees with the library; the text says why."""


class Runtime(Protocol):
    """Computes a model's output for batches of tokens."""

    prefers_longest_first: bool

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


class OpenVinoRuntime:
    """Int8 on the CPU. Each thread takes batches of its own, so that no sum depends on the number of threads."""

    prefers_longest_first = False

    def __init__(
        self,
        model_dir: Path,
        kind: Kind,
        max_length: int,
        *,
        n_threads: int | None = None,
        on_start: Callable[[str], None] | None = None,
    ) -> None:
        """Raise ModelError if the model cannot be converted or read."""
        folder = converted_dir(model_dir, kind, max_length, on_start)
        import openvino

        n_threads = n_threads or n_threads_available()
        core = openvino.Core()
        # Reading what was compiled before takes half the time. OpenVINO passes over what is damaged there.
        compiled = cache_dir() / "compiled"
        with suppress(OSError):
            compiled.mkdir(parents=True, exist_ok=True)
            # Read, not mapped: a process that makes the file anew would kill those that have it mapped.
            core.set_property({"CACHE_DIR": str(compiled), "ENABLE_MMAP": False})
        # What quantization leaves in floating point runs in bfloat16 where the processor has it.
        bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        settings = {
            "INFERENCE_NUM_THREADS": n_threads,
            "NUM_STREAMS": n_threads,
            "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
        }
        try:
            self._model = core.compile_model(folder / "model.xml", "CPU", settings)
        except RuntimeError:
            # Damaged since it was made: a cache that is made again.
            shutil.rmtree(folder, ignore_errors=True)
            folder = converted_dir(model_dir, kind, max_length, on_start)
            try:
                self._model = core.compile_model(folder / "model.xml", "CPU", settings)
            except RuntimeError as error:
                reason = str(error).strip().splitlines()[-1]
                raise ModelError(f"{folder}: cannot be read ({reason}); remove that folder") from error
        self._inputs = [port.get_any_name() for port in self._model.inputs]
        self._queue = openvino.AsyncInferQueue(self._model, n_threads)
        self._one_run = threading.Lock()
        self.name = "OpenVINO int8 on cpu"

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
            model = loader.from_pretrained(model_dir, dtype=torch.float16 if half else torch.float32)
        except (OSError, ValueError) as error:
            raise ModelError(f"{model_dir}: cannot be loaded ({first_line(error)})") from error
        takes_types = takes_token_types(model.config)
        return cls(model.eval().to(device), kind, device, half=half, takes_types=takes_types)

    @property
    def name(self) -> str:
        """See `Runtime`."""
        return f"torch {'float16' if self._half else 'float32'} on {self._device}"

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


def open_runtime(
    model_dir: Path,
    kind: Kind,
    max_length: int,
    compute: Compute,
    *,
    on_start: Callable[[str], None] | None = None,
) -> Runtime:
    """Return the fastest runtime for the model on the device."""
    chosen = resolve_device(compute.device)
    if chosen == "cpu":
        return OpenVinoRuntime(model_dir, kind, max_length, n_threads=compute.n_threads, on_start=on_start)
    return TorchRuntime.load(model_dir, kind, chosen)
