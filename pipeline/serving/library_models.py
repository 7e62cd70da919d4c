"""Models run by sentence-transformers itself, because our own runtimes would read them differently.

Slower, but correct. On a CPU texts are run one at a time, on an accelerator only together with texts of equal length:
without padding, a text's result does not depend on the other texts.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import ModelError, first_line
from claimhound.indexes.manifest import EncoderIdentity
from claimhound.indexes.vectors import Vectors, unit_vectors
from claimhound.pipeline.model_folders.batching import TOKENS_PER_BATCH
from claimhound.pipeline.model_folders.tokenization import TextLength, share_unknown

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, SentenceTransformer

UNLIMITED = 0
"""A number of tokens without a limit."""


class LibraryEncoder:
    """A bi-encoder run by sentence-transformers, see `Encoder`."""

    def __init__(self, model: SentenceTransformer, identity: EncoderIdentity, device: str) -> None:
        """Use `load_library_encoder`. `model` must be on the device."""
        self.identity = identity
        self._model = model
        self._runner = _Runner(identity.name, model, device)

    @property
    def runtime_name(self) -> str:
        """See `Encoder`."""
        return self._runner.name

    @property
    def transformer(self) -> Any:
        """The transformers model inside, None if there is none."""
        return self._model.transformers_model

    def encode(self, texts: Sequence[str], *, as_query: bool = False) -> Vectors:
        """See `Encoder`. Raises ModelError if the model returns NaN or cannot read a text."""
        vectors = np.zeros((len(texts), self.identity.dim), dtype=np.float32)
        filled = [row for row, text in enumerate(texts) if text.strip()]
        prompt = self.identity.query_prompt if as_query else self.identity.document_prompt
        encode = self._model.encode_query if as_query else self._model.encode_document

        def compute(rows: Sequence[int]) -> Vectors:
            some = [texts[filled[row]] for row in rows]
            found: Vectors = encode(some, prompt=prompt, batch_size=len(some), show_progress_bar=False)
            return found.astype(np.float32)

        def n_tokens(row: int) -> int:
            return _n_tokens(self._model.preprocess([texts[filled[row]]], prompt=prompt)) if self._runner.batches else 0

        for rows, found in self._runner.run(len(filled), n_tokens, compute):
            vectors[[filled[row] for row in rows]] = (
                unit_vectors(found) if self.identity.similarity == "cosine" else found
            )
        if not np.isfinite(vectors).all():
            raise ModelError(f"{self.identity.name}: gives NaN for some texts; its weights or its precision are broken")
        return vectors

    def lengths(self, texts: Sequence[str], *, as_query: bool = False) -> list[TextLength]:
        """See `Encoder`."""
        prompt = self.identity.query_prompt if as_query else self.identity.document_prompt

        def length(text: str, *, cut: bool) -> int:
            settings = None if cut else {"text": {"truncation": False}}
            return _n_tokens(self._model.preprocess([text], prompt=prompt, processing_kwargs=settings))

        read = [length(text, cut=True) for text in texts]
        most = self.identity.max_length
        return [
            TextLength(n, 0 < most <= n and length(text, cut=False) > n) for text, n in zip(texts, read, strict=True)
        ]

    def unknown_share(self, text: str) -> float:
        """See `Encoder`."""
        tokenizer: Any = self._model.tokenizer
        return share_unknown(getattr(tokenizer, "backend_tokenizer", tokenizer), text)


class LibraryCrossEncoder:
    """A cross-encoder run by sentence-transformers, without the final activation."""

    def __init__(self, name: str, model: CrossEncoder, device: str, max_length: int | None) -> None:
        """Use `load_library_cross_encoder`. `model` must be on the device."""
        self._model = model
        self._runner = _Runner(name, model, device)
        self.n_labels = int(model.num_labels)
        own = model.max_seq_length or UNLIMITED
        self.max_length = min(own or max_length or UNLIMITED, max_length or own)
        if max_length is not None:
            model.max_seq_length = self.max_length
        # The model's own, as in `predict`.
        self._prompt = model.prompts.get(model.default_prompt_name) if model.default_prompt_name else None

    @property
    def runtime_name(self) -> str:
        """The human-readable name of the runtime."""
        return self._runner.name

    @property
    def transformer(self) -> Any:
        """The transformers model inside, None if there is none."""
        return self._model.transformers_model

    def logits(self, pairs: Sequence[tuple[str, str]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return (n, labels) logits in the order of the pairs, and (n,) whether each pair was truncated."""
        import torch

        logits = np.zeros((len(pairs), self.n_labels), dtype=np.float64)
        truncated = np.zeros(len(pairs), dtype=np.bool_)

        def compute(rows: Sequence[int]) -> Vectors:
            found: Vectors = self._model.predict(
                [pairs[row] for row in rows],
                activation_fn=torch.nn.Identity(),
                batch_size=len(rows),
                show_progress_bar=False,
            )
            return found.reshape(len(rows), self.n_labels)

        def n_tokens(row: int) -> int:
            length = self._length(pairs[row], cut=True)
            truncated[row] = 0 < self.max_length <= length and self._length(pairs[row], cut=False) > length
            return length

        for rows, found in self._runner.run(len(pairs), n_tokens, compute):
            logits[list(rows)] = found
        return logits, truncated

    def _length(self, pair: tuple[str, str], *, cut: bool) -> int:
        settings = None if cut else {"text": {"truncation": False}}
        return _n_tokens(self._model.preprocess([pair], prompt=self._prompt, processing_kwargs=settings))


class _Runner:
    """Runs rows in batches without padding, on one thread at a time."""

    def __init__(self, name: str, model: Any, device: str) -> None:
        self._name = name
        self._model = model
        self._device = device
        self._one_run = threading.Lock()

    @property
    def batches(self) -> bool:
        """Whether texts of equal length run together."""
        return self._device != "cpu"

    @property
    def name(self) -> str:
        """The human-readable name, such as `sentence-transformers on torch float32 on cpu`."""
        return f"sentence-transformers on {precision_name(self._model)} on {self._device}"

    def run(
        self, n: int, n_tokens: Callable[[int], int], compute: Callable[[Sequence[int]], Vectors]
    ) -> Iterator[tuple[Sequence[int], Vectors]]:
        """Yield row numbers and their results for all n rows; longest first on an accelerator."""
        with self._one_run, quiet():
            of_length: defaultdict[int, list[int]] = defaultdict(list)
            for row in range(n):
                with self._computing():
                    length = n_tokens(row)
                if self.batches:
                    of_length[length].append(row)
                else:
                    yield [row], self._computed([row], compute)
            for length in sorted(of_length, reverse=True):
                size = max(1, TOKENS_PER_BATCH // max(1, length))
                rows = of_length[length]
                for start in range(0, len(rows), size):
                    yield from self._parts(rows[start : start + size], compute)

    def _parts(
        self, rows: Sequence[int], compute: Callable[[Sequence[int]], Vectors]
    ) -> Iterator[tuple[Sequence[int], Vectors]]:
        """Yield the results for the rows, splitting them if they do not fit in the device's memory."""
        import torch

        try:
            found = self._computed(rows, compute)
        except torch.OutOfMemoryError as error:
            if len(rows) == 1:
                raise ModelError(
                    f"{self._device}: too little memory for one text; use --device cpu, or free some of its memory"
                ) from error
            found = None
        if found is not None:
            yield rows, found
            return
        torch.cuda.empty_cache()
        middle = len(rows) // 2
        yield from self._parts(rows[:middle], compute)
        yield from self._parts(rows[middle:], compute)

    def _computed(self, rows: Sequence[int], compute: Callable[[Sequence[int]], Vectors]) -> Vectors:
        import torch

        with self._computing():
            found = compute(rows)
            if not np.isfinite(found).all() and self._model.dtype == torch.float16:
                # Some models overflow in float16: use float32 from now on.
                self._model.float()
                found = compute(rows)
        return found

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Turn any error of the library about a text into a ModelError."""
        import torch

        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # chat templates and foreign architectures raise errors of any kind
            raise ModelError(f"{self._name}: sentence-transformers cannot run it ({first_line(error)})") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the libraries' progress bars and messages."""
    from transformers.utils import logging

    verbosity, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if had_bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def precision_name(model: Any) -> str:
    """Return the name of a model's precision, such as `torch float32`."""
    return f"torch {str(model.dtype or 'torch.float32').removeprefix('torch.')}"


def _n_tokens(features: Any) -> int:
    """Return the number of tokens of one text, 0 for a model without tokens."""
    ids = features.get("input_ids")
    return 0 if ids is None else int(ids.shape[-1])
