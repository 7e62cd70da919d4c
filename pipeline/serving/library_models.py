"""Models that sentence-transformers itself computes: every one that our own runtimes do not read as it does.

Slower, and right. On a CPU one text at a time, on an accelerator only texts of equally many tokens together: a text is
then never padded, so that its result does not depend on its neighbours.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import ModelError, first_line
from claimhound.indexes.manifest import EncoderIdentity
from claimhound.indexes.vectors import Vectors, unit_vectors
from claimhound.pipeline.model_folders.batching import TOKENS_PER_BATCH
from claimhound.pipeline.model_folders.cache_folder import cache_dir, ensure_home
from claimhound.pipeline.model_folders.files import read_json, weight_files
from claimhound.pipeline.model_folders.finding import find_model_dir
from claimhound.pipeline.model_folders.fingerprints import library_fingerprint, weights_sha256
from claimhound.pipeline.model_folders.layouts import n_positions
from claimhound.pipeline.model_folders.tokenization import share_unknown
from claimhound.pipeline.model_folders.weight_names import Shapes, tensor_shapes
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.runtimes import resolve_device

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, SentenceTransformer

# What stands for "no limit" where a number of tokens is asked for.
UNLIMITED = 0


class LibraryFacts(NamedTuple):
    """What only the loaded model tells: the length of its vectors, and how many tokens it reads (0: all)."""

    dim: int
    max_length: int


class LibraryEncoder:
    """A bi-encoder as sentence-transformers computes it, see `Encoder`."""

    def __init__(self, model: SentenceTransformer, identity: EncoderIdentity, device: str) -> None:
        """Use `load_library_encoder`. `model` is on the device."""
        self.identity = identity
        self._model = model
        self._runner = _Runner(identity.name, model, device)

    @property
    def runtime_name(self) -> str:
        """See `Encoder`."""
        return self._runner.name

    @property
    def transformer(self) -> Any:
        """The transformers model in it, None if there is none."""
        return self._model.transformers_model

    def encode(self, texts: Sequence[str], *, as_query: bool = False) -> Vectors:
        """See `Encoder`. Raises ModelError if the model gives no numbers (NaN), or cannot read a text."""
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

    def unknown_share(self, text: str) -> float:
        """See `Encoder`."""
        tokenizer: Any = self._model.tokenizer
        return share_unknown(getattr(tokenizer, "backend_tokenizer", tokenizer), text)


class LibraryCrossEncoder:
    """A cross-encoder as sentence-transformers computes it, without the activation that it would put last."""

    def __init__(self, name: str, model: CrossEncoder, device: str, max_length: int | None) -> None:
        """Use `load_library_cross_encoder`. `model` is on the device."""
        self._model = model
        self._runner = _Runner(name, model, device)
        self.n_labels = int(model.num_labels)
        own = model.max_seq_length or UNLIMITED
        self.max_length = min(own or max_length or UNLIMITED, max_length or own)
        if max_length is not None:
            model.max_seq_length = self.max_length
        # Those of its own, as `predict` takes them.
        self._prompt = model.prompts.get(model.default_prompt_name) if model.default_prompt_name else None

    @property
    def runtime_name(self) -> str:
        """What computes, for people."""
        return self._runner.name

    @property
    def transformer(self) -> Any:
        """The transformers model in it, None if there is none."""
        return self._model.transformers_model

    def logits(self, pairs: Sequence[tuple[str, str]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return (n, labels) logits in the order of the pairs, and (n,) whether a pair was too long and cut."""
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
    """Computes rows in parts of which no text is padded, each of them once, on one thread at a time."""

    def __init__(self, name: str, model: Any, device: str) -> None:
        self._name = name
        self._model = model
        self._device = device
        self._one_run = threading.Lock()

    @property
    def batches(self) -> bool:
        """Whether texts of equally many tokens are computed together."""
        return self._device != "cpu"

    @property
    def name(self) -> str:
        """What computes, for people: `sentence-transformers on torch float32 on cpu`."""
        return f"sentence-transformers on {_precision(self._model)} on {self._device}"

    def run(
        self, n: int, n_tokens: Callable[[int], int], compute: Callable[[Sequence[int]], Vectors]
    ) -> Iterator[tuple[Sequence[int], Vectors]]:
        """Yield numbers of rows and what was computed for them, until all n are there; longest first on a GPU."""
        with self._one_run, _quiet():
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
        """Yield what was computed for the rows, in halves where it does not fit in the device's memory."""
        import torch

        try:
            found = self._computed(rows, compute)
        except torch.OutOfMemoryError as error:
            if len(rows) == 1:
                raise ModelError(
                    f"{self._device}: too little memory for one text; use --device cpu, or end what else uses it"
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
                # Some models overflow in float16: once more in float32, and from then on.
                self._model.float()
                found = compute(rows)
        return found

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Turn whatever the library says of a text that it cannot compute into a ModelError."""
        import torch

        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # what a chat template or a foreign architecture raises is of any kind
            raise ModelError(f"{self._name}: sentence-transformers cannot compute it ({first_line(error)})") from error


def slow_line(kind: str, reason: str) -> str:
    """Return what a user is told of a model that our own runtimes do not compute."""
    return f"the {kind} runs through sentence-transformers, which is slower ({reason})"


def load_library_encoder(folder: Path, identity: EncoderIdentity, compute: Compute) -> LibraryEncoder:
    """Load a bi-encoder of whatever architecture as sentence-transformers does; the prompts are the identity's.

    Raises ModelError if the library cannot load it, or gives vectors of another length than the identity's.
    """
    device = resolve_device(compute.device)
    model = _open_encoder(folder, device, compute)
    _limit_positions(model)
    found = model.get_embedding_dimension()
    if found != identity.dim:
        raise ModelError(f"{folder}: gives vectors of {found} dimensions, and {identity.dim} were expected")
    if identity.max_length not in {UNLIMITED, model.max_seq_length}:
        model.max_seq_length = identity.max_length
    return LibraryEncoder(model, replace(identity, precision=_precision(model)), device)


def load_library_cross_encoder(folder: Path, compute: Compute, max_length: int | None = None) -> LibraryCrossEncoder:
    """Load a cross-encoder of whatever architecture as sentence-transformers does.

    `max_length` shortens what it reads of a pair. Raises ModelError if the library cannot load it, or if weights of its
    head are missing, which would be drawn by chance.
    """
    import torch
    from sentence_transformers import CrossEncoder

    device = resolve_device(compute.device)
    with _loading(folder, compute):
        # With an activation of ours the one that the folder names is not even imported.
        model = CrossEncoder(
            str(folder), activation_fn=torch.nn.Identity(), max_length=None, **_load_arguments(device, compute)
        )
    model.eval()
    _require_head(folder, model)
    _limit_positions(model)
    return LibraryCrossEncoder(str(folder), model, device, max_length)


def library_identity(folder: Path, name: str, compute: Compute) -> EncoderIdentity:
    """Return the identity of an encoder that only the library reads; it is loaded once to tell its dimensions.

    Raises ModelError if the library cannot load it.
    """
    weights = weights_sha256(folder)
    fingerprint = library_fingerprint(folder, trust_remote_code=compute.trust_remote_code)
    base = _base_of_adapter(folder)
    if base is not None:
        fingerprint = hashlib.sha256(f"{fingerprint} {weights_sha256(base)}".encode()).hexdigest()
    stamp = json.dumps([str(folder.absolute()), weights, fingerprint, version("sentence-transformers")])
    kept = cache_dir() / "library" / f"{hashlib.sha256(stamp.encode()).hexdigest()}.json"
    facts = _kept_facts(kept)
    if facts is None:
        model = _open_encoder(folder, resolve_device(compute.device), compute)
        _limit_positions(model)
        facts = LibraryFacts(int(model.get_embedding_dimension() or 0), _finite(model.max_seq_length))
        # A cache that cannot be written costs time, not correctness.
        with suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(facts), encoding="ascii")
    return EncoderIdentity(name, weights, f"sentence-transformers {fingerprint[:12]}", facts.max_length, facts.dim)


def _kept_facts(path: Path) -> LibraryFacts | None:
    try:
        dim, max_length = json.loads(path.read_text(encoding="ascii"))
        return LibraryFacts(int(dim), int(max_length))
    except (OSError, ValueError, TypeError):
        return None


def _open_encoder(folder: Path, device: str, compute: Compute) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer

    with _loading(folder, compute):
        model = SentenceTransformer(str(folder), **_load_arguments(device, compute))
    return model.eval()


def _load_arguments(device: str, compute: Compute) -> dict[str, Any]:
    import torch

    return {
        "device": device,
        "trust_remote_code": compute.trust_remote_code,
        "local_files_only": True,
        # A pickle beside the weights runs nothing.
        "model_kwargs": {
            "dtype": torch.float16 if device.startswith("cuda") else torch.float32,
            "weights_only": True,
        },
    }


@contextmanager
def _loading(folder: Path, compute: Compute) -> Iterator[None]:
    """Turn whatever the library says of a folder that it cannot load into a ModelError."""
    ensure_home()
    import torch

    if compute.n_threads is not None:
        torch.set_num_threads(compute.n_threads)
    _base_of_adapter(folder)
    with _quiet():
        try:
            yield
        except Exception as error:  # what a module or a foreign architecture raises is of any kind
            raise ModelError(f"{folder}: sentence-transformers cannot load it ({first_line(error)})") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries from writing bars and remarks between our own lines."""
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


def _base_of_adapter(folder: Path) -> Path | None:
    """Return the folder of the model that an adapter is for, fetched if need be; None for what is no adapter."""
    base = read_json(folder / "adapter_config.json").get("base_model_name_or_path")
    return None if base is None else find_model_dir("encoder", str(base))


def _limit_positions(model: Any) -> None:
    """Have a model read no more tokens than it has positions: beyond them the library fails."""
    config: dict[str, object] = model.config.to_dict() if model.config is not None else {}
    positions = n_positions(config)
    length = model.max_seq_length
    if positions is not None and length is not None and length > positions:
        model.max_seq_length = positions


def _require_head(folder: Path, model: CrossEncoder) -> None:
    """Raise ModelError if the head's weights are in none of the files: transformers draws them by chance."""
    transformer: Any = model.transformers_model
    if transformer is None or (folder / "adapter_config.json").is_file():
        return
    held = tensor_shapes(weight_files(folder))
    prefix = f"{transformer.base_model_prefix}."
    # Where it is the word vectors once more, a language model's head is in no file.
    tied = {"lm_head.weight"} if transformer.config.tie_word_embeddings else set()
    own = (name for name, _ in transformer.named_parameters() if not name.startswith(prefix))
    missing = next((name for name in own if name not in tied and not _is_held(name, held)), None)
    if missing is not None:
        raise ModelError(
            f"{folder}: its weights hold no {missing}, which would be drawn by chance, so it is no cross-encoder"
        )


def _is_held(name: str, held: Shapes) -> bool:
    return name in held or any(other.endswith(f".{name}") for other in held)


def _precision(model: Any) -> str:
    """Return what a model computes in: `torch float32`."""
    return f"torch {str(model.dtype or 'torch.float32').removeprefix('torch.')}"


def _finite(length: float | None) -> int:
    return UNLIMITED if length is None or length > 10**9 else int(length)


def _n_tokens(features: Any) -> int:
    """Return how many tokens one text became; 0 for a model that has none."""
    ids = features.get("input_ids")
    return 0 if ids is None else int(ids.shape[-1])
