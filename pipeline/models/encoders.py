"""Encoders, which turn texts into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypedDict

import numpy as np

from claimhound.data.errors import ModelError
from claimhound.indexes.manifest import EncoderIdentity
from claimhound.indexes.vectors import Vectors, unit_vectors
from claimhound.pipeline.model_folders.batching import Batch, batches_by_length
from claimhound.pipeline.model_folders.finding import BUNDLED, display_name, find_model_dir
from claimhound.pipeline.model_folders.fingerprints import weights_sha256
from claimhound.pipeline.model_folders.hub import revision_of
from claimhound.pipeline.model_folders.layouts import EncoderLayout, read_encoder_layout
from claimhound.pipeline.model_folders.tokenization import TextLength, TextTokenizer
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.library_loading import library_identity, load_library_encoder, slow_line
from claimhound.pipeline.serving.opening import open_runtime
from claimhound.pipeline.serving.openvino_runtime import NotConverted
from claimhound.pipeline.serving.runtime import Output, Runtime


class Encoder(Protocol):
    """Turns texts into vectors whose inner product measures the similarity of two texts.

    If `identity.similarity` is `cosine` they have unit length. If it is `dot` a vector's length counts and inner
    products are unbounded; `unit_vectors` turns them into cosines where a scale is needed.
    """

    identity: EncoderIdentity

    @property
    def runtime_name(self) -> str:
        """Human-readable name of the runtime."""

    def encode(self, texts: Sequence[str], *, as_query: bool = False) -> Vectors:
        """Return (len(texts), dim), float32, of unit length if compared by cosine; zero for a blank text.

        `as_query` is for claims: some models encode them with a prompt of their own.
        """

    def lengths(self, texts: Sequence[str], *, as_query: bool = False) -> list[TextLength]:
        """Return how many tokens `encode` reads of each text, and whether it has more."""

    def unknown_share(self, text: str) -> float:
        """Return the share of the text's tokens that the model does not know, in [0, 1]."""


class TransformerEncoder:
    """A bi-encoder of sentence-transformers: a transformer with mean or first-token pooling.

    The prompts are the identity's. A text's vector does not depend on the texts encoded with it.
    """

    def __init__(self, tokenizer: TextTokenizer, runtime: Runtime, identity: EncoderIdentity) -> None:
        self.identity = identity
        self._tokenizer = tokenizer
        self._runtime = runtime

    @property
    def runtime_name(self) -> str:
        """See `Encoder`."""
        return self._runtime.name

    def encode(self, texts: Sequence[str], *, as_query: bool = False) -> Vectors:
        """See `Encoder`. Raises ModelError if the model gives NaN."""
        vectors = np.zeros((len(texts), self.identity.dim), dtype=np.float32)
        filled = [row for row, text in enumerate(texts) if text.strip()]
        tokens = self._tokenizer.tokenize(self._prompted([texts[row] for row in filled], as_query=as_query))

        def receive(batch: Batch, output: Output) -> None:
            pooled = self._pool(output, batch)  # (rows, dim)
            vectors[[filled[row] for row in batch.rows]] = (
                unit_vectors(pooled) if self.identity.similarity == "cosine" else pooled
            )

        longest_first = self._runtime.prefers_longest_first
        self._runtime.run(batches_by_length(tokens, self.identity.max_length, longest_first=longest_first), receive)
        if not np.isfinite(vectors).all():
            raise ModelError(f"{self.identity.name}: gives NaN for some texts; its weights or its precision are broken")
        return vectors

    def lengths(self, texts: Sequence[str], *, as_query: bool = False) -> list[TextLength]:
        """See `Encoder`."""
        tokens = self._tokenizer.tokenize(self._prompted(texts, as_query=as_query))
        return [TextLength(len(read.ids), read.truncated) for read in tokens]

    def unknown_share(self, text: str) -> float:
        """See `Encoder`."""
        return self._tokenizer.unknown_share(text)

    def _prompted(self, texts: Sequence[str], *, as_query: bool) -> list[str]:
        prompt = (self.identity.query_prompt if as_query else self.identity.document_prompt) or ""
        return [prompt + text for text in texts]

    def _pool(self, output: Output, batch: Batch) -> Output:
        """Return one vector per row of a (rows, tokens, dim) output."""
        if self.identity.pooling == "cls":
            return output[:, 0]
        mask = batch.attention_mask[..., None].astype(np.float32)  # (rows, tokens, 1)
        mean: Output = (output * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1.0)
        return mean


class Prompts(TypedDict):
    """Texts put before a claim and before a document; None for those of the model's folder."""

    query_prompt: str | None
    document_prompt: str | None


def load_encoder(
    model: str = BUNDLED,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
    *,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
) -> Encoder:
    """Load a bi-encoder: `bundled`, a folder, or a name on the Hub; prompts that are None are the folder's own.

    A model that our own runtimes cannot read exactly as sentence-transformers does runs through that library, with a
    message to `compute.notify`. Raises ModelError if it cannot be found or loaded, or needs untrusted code.
    """
    folder = find_model_dir("encoder", model)
    layout = read_encoder_layout(folder, trust_remote_code=compute.trust_remote_code)
    identity = _identity(model, folder, layout, compute, query_prompt, document_prompt)
    slow_because = layout.slow_because
    if layout.fast:
        try:
            runtime = open_runtime(folder, "encoder", identity.max_length, compute)
        except NotConverted as error:
            slow_because = str(error)
        else:
            identity = replace(identity, precision=runtime.precision)
            return TransformerEncoder(TextTokenizer(folder, identity.max_length), runtime, identity)
    compute.notify(slow_line("encoder", slow_because))
    return load_library_encoder(folder, identity, compute)


def encoder_identity(
    model: str = BUNDLED,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
    *,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
) -> EncoderIdentity:
    """Return the identity that `load_encoder` would give a model, usually without loading it; raises the same errors.

    A model that only the library can read is loaded the first time.
    """
    folder = find_model_dir("encoder", model)
    layout = read_encoder_layout(folder, trust_remote_code=compute.trust_remote_code)
    return _identity(model, folder, layout, compute, query_prompt, document_prompt)


def _identity(
    model: str,
    folder: Path,
    layout: EncoderLayout,
    compute: Compute,
    query_prompt: str | None,
    document_prompt: str | None,
) -> EncoderIdentity:
    name = display_name("encoder", model)
    if layout.pooling is None or layout.max_length is None or layout.dim is None:
        identity = library_identity(folder, name, compute)
    else:
        identity = EncoderIdentity(name, weights_sha256(folder), layout.pooling, layout.max_length, layout.dim)
    return replace(
        identity,
        query_prompt=layout.query_prompt if query_prompt is None else query_prompt,
        document_prompt=layout.document_prompt if document_prompt is None else document_prompt,
        similarity=layout.similarity,
        # A model named by its folder is found there again, without a revision.
        revision=None if Path(model).expanduser().is_dir() else revision_of(folder),
    )
