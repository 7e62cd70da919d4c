"""Loading models into sentence-transformers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from claimhound.data.disk.checksums import json_sha256
from claimhound.data.errors import ModelError, first_line
from claimhound.indexes.manifest import EncoderIdentity
from claimhound.pipeline.model_folders.cache_folder import cache_dir, ensure_home
from claimhound.pipeline.model_folders.files import read_json, weight_files
from claimhound.pipeline.model_folders.finding import find_model_dir
from claimhound.pipeline.model_folders.fingerprints import library_fingerprint, weights_sha256
from claimhound.pipeline.model_folders.layouts import n_positions
from claimhound.pipeline.model_folders.weight_names import Shapes, tensor_shapes
from claimhound.pipeline.serving.compute import Compute
from claimhound.pipeline.serving.devices import resolve_device
from claimhound.pipeline.serving.library_models import (
    UNLIMITED,
    LibraryCrossEncoder,
    LibraryEncoder,
    precision_name,
    quiet,
)

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, SentenceTransformer


class LibraryFacts(NamedTuple):
    """Facts that only the loaded model knows: its vectors' dimensions, and its maximum length (0: unlimited)."""

    dim: int
    max_length: int


def slow_line(kind: str, reason: str) -> str:
    """Return the message that a model does not run on our own runtimes."""
    return f"the {kind} runs through sentence-transformers, which is slower ({reason})"


def load_library_encoder(folder: Path, identity: EncoderIdentity, compute: Compute) -> LibraryEncoder:
    """Load a bi-encoder of any architecture as sentence-transformers does, with the prompts of the identity.

    Raises ModelError if the library cannot load it, or its dimensions differ from the identity's.
    """
    device = resolve_device(compute.device)
    model = _open_encoder(folder, device, compute)
    _limit_positions(model)
    found = model.get_embedding_dimension()
    if found != identity.dim:
        raise ModelError(f"{folder}: returns vectors of {found} dimensions instead of {identity.dim}")
    if identity.max_length not in {UNLIMITED, model.max_seq_length}:
        model.max_seq_length = identity.max_length
    return LibraryEncoder(model, replace(identity, precision=precision_name(model)), device)


def load_library_cross_encoder(folder: Path, compute: Compute, max_length: int | None = None) -> LibraryCrossEncoder:
    """Load a cross-encoder of any architecture as sentence-transformers does.

    `max_length` lowers the maximum length of a pair. Raises ModelError if the library cannot load it, or if weights of
    its head are missing, as the library would initialize them at random.
    """
    import torch
    from sentence_transformers import CrossEncoder

    device = resolve_device(compute.device)
    with _loading(folder, compute):
        # With our own activation, the folder's is not even imported.
        model = CrossEncoder(
            str(folder), activation_fn=torch.nn.Identity(), max_length=None, **_load_arguments(device, compute)
        )
    model.eval()
    _require_head(folder, model)
    _limit_positions(model)
    return LibraryCrossEncoder(str(folder), model, device, max_length)


def library_identity(folder: Path, name: str, compute: Compute) -> EncoderIdentity:
    """Return the identity of an encoder that only the library can run; it is loaded once to find its dimensions.

    Raises ModelError if the library cannot load it.
    """
    weights = weights_sha256(folder)
    fingerprint = library_fingerprint(folder, trust_remote_code=compute.trust_remote_code)
    base = _base_of_adapter(folder)
    if base is not None:
        fingerprint = hashlib.sha256(f"{fingerprint} {weights_sha256(base)}".encode()).hexdigest()
    stamp = json_sha256([str(folder.absolute()), weights, fingerprint, version("sentence-transformers")])
    kept = cache_dir() / "library" / f"{stamp}.json"
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
        # Keeps pickles from running code.
        "model_kwargs": {
            "dtype": torch.float16 if device.startswith("cuda") else torch.float32,
            "weights_only": True,
        },
    }


@contextmanager
def _loading(folder: Path, compute: Compute) -> Iterator[None]:
    """Turn any error of the library about a folder into a ModelError."""
    ensure_home()
    import torch

    if compute.n_threads is not None:
        torch.set_num_threads(compute.n_threads)
    _base_of_adapter(folder)
    with quiet():
        try:
            yield
        except Exception as error:  # modules and foreign architectures raise errors of any kind
            raise ModelError(f"{folder}: sentence-transformers cannot load it ({first_line(error)})") from error


def _base_of_adapter(folder: Path) -> Path | None:
    """Return the folder of an adapter's base model, downloading it if necessary; None if this is not an adapter."""
    base = read_json(folder / "adapter_config.json").get("base_model_name_or_path")
    return None if base is None else find_model_dir("encoder", str(base))


def _limit_positions(model: Any) -> None:
    """Limit a model's length to its number of positions; beyond it the library fails."""
    config: dict[str, object] = model.config.to_dict() if model.config is not None else {}
    positions = n_positions(config)
    length = model.max_seq_length
    if positions is not None and length is not None and length > positions:
        model.max_seq_length = positions


def _require_head(folder: Path, model: CrossEncoder) -> None:
    """Raise ModelError if weights of the head are missing; transformers would initialize them at random."""
    transformer: Any = model.transformers_model
    if transformer is None or (folder / "adapter_config.json").is_file():
        return
    held = tensor_shapes(weight_files(folder))
    prefix = f"{transformer.base_model_prefix}."
    # A language model's head is not saved if it equals the word embeddings.
    tied = {"lm_head.weight"} if transformer.config.tie_word_embeddings else set()
    own = (name for name, _ in transformer.named_parameters() if not name.startswith(prefix))
    missing = next((name for name in own if name not in tied and not _is_held(name, held)), None)
    if missing is not None:
        raise ModelError(
            f"{folder}: not a cross-encoder: its weights hold no {missing}, which would be initialized at random"
        )


def _is_held(name: str, held: Shapes) -> bool:
    return name in held or any(other.endswith(f".{name}") for other in held)


def _finite(length: float | None) -> int:
    return UNLIMITED if length is None or length > 10**9 else int(length)
