"""Texts to unit vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from data.errors import ModelError
from indexes.manifest import EncoderIdentity
from indexes.vectors import Vectors
from pipeline.batching import Batch, batches_by_length
from pipeline.config import Compute
from pipeline.model_files import (
    BUNDLED,
    BUNDLED_ENCODER_NAME,
    display_name,
    encoder_dir,
    n_positions,
    read_any_json,
    read_json,
    weights_sha256,
)
from pipeline.runtimes import Output, Runtime, open_runtime
from pipeline.tokenization import TextTokenizer

Pooling = Literal["mean", "cls"]
# Where a model says nothing of it.
_PLAIN_MAX_LENGTH = 256
# A tokenizer without a limit of its own says so by a number like 10^30.
_LONGEST_LENGTH = 100_000


class Encoder(Protocol):
    """Turns texts into unit vectors."""

    identity: EncoderIdentity

    @property
    def runtime_name(self) -> str:
        """What computes, for people."""

    def encode(self, texts: Sequence[str], *, as_query: bool = False) -> Vectors:
        """Return (len(texts), dim), float32, unit length; zero for a blank text.

        A model may want a claim marked as one: `as_query`.
        """

    def unknown_share(self, text: str) -> float:
        """Return the share of the text's tokens that the model does not know, in [0, 1]."""


class TransformerEncoder:
    """A bi-encoder of sentence-transformers: a transformer, mean or first-token pooling, unit length.

    A text's vector is the same whatever other texts are encoded with it.
    """

    def __init__(
        self,
        tokenizer: TextTokenizer,
        runtime: Runtime,
        identity: EncoderIdentity,
        *,
        query_prompt: str = "",
        document_prompt: str = "",
    ) -> None:
        self.identity = identity
        self._tokenizer = tokenizer
        self._runtime = runtime
        self._prompts = {True: query_prompt, False: document_prompt}

    @classmethod
    def of_folder(cls, folder: Path, identity: EncoderIdentity, runtime: Runtime) -> TransformerEncoder:
        """Return the encoder in a folder, computed by a runtime that was opened for it.

        Raises ModelError if its tokenizer cannot be read.
        """
        prompts = read_json(folder / "config_sentence_transformers.json").get("prompts")
        prompts = prompts if isinstance(prompts, dict) else {}
        return cls(
            TextTokenizer(folder, identity.max_length),
            runtime,
            identity,
            query_prompt=str(prompts.get("query") or ""),
            document_prompt=str(prompts.get("document") or prompts.get("passage") or prompts.get("corpus") or ""),
        )

    @property
    def precision(self) -> str:
        """What it computes in: `bf16`, `int8`, `f32`, `torch float16` …"""
        return self._runtime.precision

    @property
    def runtime_name(self) -> str:
        """See `Encoder`."""
        return self._runtime.name

    def encode(self, texts: Sequence[str], *, as_query: bool = False) -> Vectors:
        """See `Encoder`. Raises ModelError if the model gives no numbers (NaN)."""
        vectors = np.zeros((len(texts), self.identity.dim), dtype=np.float32)
        filled = [row for row, text in enumerate(texts) if text.strip()]
        prompt = self._prompts[as_query]
        tokens = self._tokenizer.tokenize([prompt + texts[row] for row in filled])

        def receive(batch: Batch, output: Output) -> None:
            pooled = self._pool(output, batch)  # (rows, dim)
            lengths = np.linalg.norm(pooled, axis=1, keepdims=True)
            vectors[[filled[row] for row in batch.rows]] = pooled / np.maximum(lengths, 1e-12)

        longest_first = self._runtime.prefers_longest_first
        self._runtime.run(batches_by_length(tokens, self.identity.max_length, longest_first=longest_first), receive)
        if not np.isfinite(vectors).all():
            raise ModelError(f"{self.identity.name}: gives NaN for some texts; its weights or its precision are broken")
        return vectors

    def unknown_share(self, text: str) -> float:
        """See `Encoder`."""
        return self._tokenizer.unknown_share(text)

    def _pool(self, output: Output, batch: Batch) -> Output:
        """Return one vector for each row of a (rows, tokens, dim) output."""
        if self.identity.pooling == "cls":
            return output[:, 0]
        mask = batch.attention_mask[..., None].astype(np.float32)  # (rows, tokens, 1)
        mean: Output = (output * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1.0)
        return mean


def load_encoder(
    model: str = BUNDLED,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
    *,
    on_start: Callable[[str], None] | None = None,
) -> TransformerEncoder:
    """Load a bi-encoder: `bundled`, a folder, or a name on the Hub.

    Raises ModelError if it cannot be had or is of a kind that is not read (other pooling than mean and first token,
    further layers after it).
    """
    folder, identity = encoder_dir(model), encoder_identity(model)
    max_length = identity.max_length
    runtime = open_runtime(folder, "encoder", max_length, compute, on_start=on_start)
    return TransformerEncoder.of_folder(folder, replace(identity, precision=runtime.precision), runtime)


def encoder_identity(model: str = BUNDLED) -> EncoderIdentity:
    """Return what `load_encoder` would say of a model, without the time that loading takes; raises as it does."""
    folder = encoder_dir(model)
    dim = read_json(folder / "config.json").get("hidden_size")
    if not isinstance(dim, int):
        raise ModelError(f"{folder}: its config.json has no hidden_size")
    name = display_name(model, BUNDLED_ENCODER_NAME)
    return EncoderIdentity(name, weights_sha256(folder), _pooling(folder), _max_length(folder), dim)


def _pooling(folder: Path) -> Pooling:
    """Return how token vectors become one; a plain transformer without modules.json is averaged."""
    modules_path = folder / "modules.json"
    if not modules_path.is_file():
        return "mean"
    modules = read_any_json(modules_path)
    try:
        kinds = [str(module["type"]).rsplit(".", 1)[-1] for module in modules]  # type: ignore[attr-defined]
        paths = [str(module["path"]) for module in modules]  # type: ignore[attr-defined]
    except (TypeError, KeyError) as error:
        raise ModelError(f"{modules_path}: is no list of modules") from error
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise ModelError(f"{folder}: is built of {' + '.join(kinds)}; only Transformer + Pooling (+ Normalize) is read")
    settings = read_json(folder / paths[1] / "config.json")
    # Up to version 5 of sentence-transformers a switch for each mode, then a name.
    modes = {
        name.removeprefix("pooling_mode_") for name, on in settings.items() if name.startswith("pooling_mode_") and on
    }
    modes = modes or {str(settings.get("pooling_mode"))}
    if settings.get("include_prompt", True):
        if modes in ({"mean_tokens"}, {"mean"}):
            return "mean"
        if modes in ({"cls_token"}, {"cls"}):
            return "cls"
    raise ModelError(f"{folder}: pools neither by mean nor by first token alone; that is not read")


def _max_length(folder: Path) -> int:
    """Return how many tokens of a text are read, as sentence-transformers would."""
    chosen = (
        read_json(folder / "sentence_bert_config.json").get("max_seq_length")
        or read_json(folder / "tokenizer_config.json").get("model_max_length")  # where version 6 writes it
    )
    limits = (chosen, n_positions(read_json(folder / "config.json")))
    known = [limit for limit in limits if isinstance(limit, int) and 0 < limit < _LONGEST_LENGTH]
    return min(known, default=_PLAIN_MAX_LENGTH)
