"""Runtimes of the bundled encoder on a CPU: `python -m tests.benchmarks.runtimes [--texts FILE] [--n 1000]`.

Prints for each its speed, how many of the 20 nearest neighbours among the texts it shares with float32 torch, and how
much the vector of a text differs when encoded alone and among others (0: identical). ONNX Runtime is measured if
`onnxruntime` and `onnx` are installed; claimhound does not need them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from claimhound.data.bundled import sample_dir
from claimhound.data.errors import ModelError
from claimhound.data.readers.documents import read_documents
from claimhound.pipeline.model_folders.batching import Batch, TokenizedText, batches_by_length
from claimhound.pipeline.model_folders.finding import BUNDLED, find_model_dir
from claimhound.pipeline.model_folders.tokenization import TextTokenizer
from claimhound.pipeline.models.encoders import load_encoder
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.devices import n_threads_available
from claimhound.pipeline.serving.precision import PREFERRED

Encode = Callable[[Sequence[str]], Any]
_NAMES = ("input_ids", "attention_mask", "token_type_ids")
_MAX_LENGTH = 256


def export(folder: Path, path: Path) -> None:
    """Write the encoder as ONNX: tokens in, token vectors out."""
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()

    class LastHidden(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: Any) -> Any:
            return self.model(**dict(zip(_NAMES, inputs, strict=True))).last_hidden_state

    example = torch.ones(2, 16, dtype=torch.long)
    axes = {name: {0: "rows", 1: "tokens"} for name in (*_NAMES, "output")}
    torch.onnx.export(
        LastHidden(), (example,) * 3, str(path), input_names=list(_NAMES), output_names=["output"], dynamic_axes=axes,
        opset_version=17, dynamo=False,
    )  # fmt: skip


def encoder_of(tokenizer: TextTokenizer, run: Callable[[dict[str, Any]], Any]) -> Encode:
    """Return a function from texts to unit vectors, given one that computes token vectors."""

    def encode(texts: Sequence[str]) -> Any:
        tokens: list[TokenizedText] = tokenizer.tokenize(list(texts))
        vectors = np.zeros((len(texts), 384), dtype=np.float32)
        for batch in _batches(tokens):
            mask = batch.attention_mask[..., None].astype(np.float32)
            output = run({name: getattr(batch, name) for name in _NAMES})
            pooled = (output * mask).sum(axis=1) / mask.sum(axis=1)
            vectors[batch.rows] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return vectors

    return encode


def _batches(tokens: Sequence[TokenizedText]) -> Iterator[Batch]:
    return batches_by_length(tokens, _MAX_LENGTH)


def ways(scratch: Path) -> Iterator[tuple[str, Encode]]:
    """Yield each runtime with its name, float32 torch first."""
    import torch
    from sentence_transformers import SentenceTransformer

    folder = find_model_dir("encoder", BUNDLED)
    plain = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    yield "torch float32 (SentenceTransformer.encode)", lambda texts: plain.encode(list(texts))

    def in_bfloat16(texts: Sequence[str]) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return plain.encode(list(texts))

    yield "torch bfloat16 autocast", in_bfloat16
    for precision in PREFERRED:
        try:
            encoder = load_encoder(compute=Compute("cpu", precision=precision))
        except ModelError as error:
            print(error)
            continue
        yield f"ours: OpenVINO {precision}", encoder.encode
    if find_spec("onnxruntime") and find_spec("onnx"):
        path = scratch / "encoder.onnx"
        export(folder, path)
        yield from _onnxruntime_ways(path, scratch, TextTokenizer(folder, _MAX_LENGTH))


def _onnxruntime_ways(path: Path, scratch: Path, tokenizer: TextTokenizer) -> Iterator[tuple[str, Encode]]:
    import onnxruntime  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from onnxruntime.quantization import (  # type: ignore[import-not-found, import-untyped, unused-ignore]
        QuantType,
        quantize_dynamic,
    )

    small = scratch / "dynamic.onnx"
    quantize_dynamic(path, small, weight_type=QuantType.QInt8, per_channel=True)
    for name, file in (("ONNX Runtime float32", path), ("ONNX Runtime int8, dynamic", small)):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads_available()
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        yield name, encoder_of(tokenizer, lambda feed, s=session: s.run(None, feed)[0])


def main() -> None:
    """Measure every runtime and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", default=str(sample_dir() / "evidence.jsonl"), help="documents to encode")
    parser.add_argument("--n", type=int, default=1000, help="number of documents")
    options = parser.parse_args()
    texts = [document.text for document, _ in zip(read_documents([options.texts]), range(options.n), strict=False)]
    table = Table("way", "sentences/s", "against float32", "top 20 shared", "alone against among others")
    with tempfile.TemporaryDirectory() as scratch:
        reference: Any = None
        base = 0.0
        for name, encode in ways(Path(scratch)):
            encode(texts[:64])
            start = time.perf_counter()
            vectors = encode(texts)
            speed = len(texts) / (time.perf_counter() - start)
            if reference is None:
                reference, base = _neighbours(vectors), speed
            shared = np.mean([len(a & b) / len(a) for a, b in zip(reference, _neighbours(vectors), strict=True)])
            alone = np.concatenate([encode([text]) for text in texts[:50]])
            table.add_row(
                name,
                f"{speed:.0f}",
                f"{speed / base:.1f}x",
                f"{shared:.3f}",
                f"{np.abs(alone - vectors[:50]).max():.1g}",
            )
    Console(width=max(100, Console().width)).print(table)


def _neighbours(vectors: Any) -> list[set[int]]:
    return [set(row.tolist()) for row in np.argsort(-(vectors @ vectors.T), axis=1)[:, :20]]


if __name__ == "__main__":
    main()
