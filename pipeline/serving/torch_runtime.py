"""Torch, running models on an accelerator."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from claimhound.data.errors import ModelError, first_line
from claimhound.pipeline.model_folders.batching import Batch, halves
from claimhound.pipeline.serving.conversion_cache import Kind
from claimhound.pipeline.serving.runtime import Output


class TorchRuntime:
    """Torch in half precision on an NVIDIA GPU, float32 elsewhere. Splits batches that do not fit in memory."""

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
        """Load a model; raises ModelError if the folder has no model of the kind."""
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
        """See `Runtime`. Raises ModelError if a single text does not fit in the device's memory.

        One run at a time, since those of other threads would need memory too.
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
                    "use --device cpu, or free some of its memory"
                ) from error
            output = None
        # Outside the handler, because the error keeps the tensors that filled the memory.
        if output is None:
            self._torch.cuda.empty_cache()
            for half in halves(batch):
                self._run_one(half, receive)
            return
        if self._half and not np.isfinite(output).all():
            # Some models overflow in float16: use float32 from now on.
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
    """Return whether a model with this transformers configuration takes token type ids."""
    return bool(getattr(config, "type_vocab_size", 0) > 1)
