"""Comparison of an index's stored vectors with those that its encoder computes now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from claimhound.data.errors import VectorsMismatchError
from claimhound.data.text.text_form import read_form
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.indexes.vectors import Vectors
from claimhound.pipeline.model_folders.cache_folder import cache_dir
from claimhound.pipeline.models.encoders import Encoder
from claimhound.pipeline.serving.agreement import LARGEST_LENGTH_ERROR, LEAST_COSINE, VectorAgreement, vector_agreement
from claimhound.pipeline.serving.precision import FAR

_SAMPLED_AT_OPENING = 32
SAMPLED_TO_VERIFY = 1_000
_SEED = 0


class Comparison(NamedTuple):
    """Number of texts encoded again, and the agreement of their vectors with the stored ones."""

    n_texts: int
    agreement: VectorAgreement

    @property
    def flaw(self) -> str | None:
        """Why the stored vectors cannot be the encoder's; None if they can."""
        _, least, length_error = self.agreement
        if least < LEAST_COSINE:
            return f"has a cosine of {least:.3f} with its stored vector, below {LEAST_COSINE}"
        if length_error > LARGEST_LENGTH_ERROR:
            return f"is off its stored vector's length by {length_error:.3f}, above {LARGEST_LENGTH_ERROR}"
        return None


def compare_vectors(index: IndexSnapshot, encoder: Encoder, n_texts: int = SAMPLED_TO_VERIFY) -> Comparison:
    """Encode up to `n_texts` texts of the index, always the same ones, and compare them with its stored vectors.

    Blank texts, whose vectors are zero, are skipped. Raises IndexDamagedError or ModelError.
    """
    documents = [document for document in index.sample(n_texts, _SEED) if document.text.strip()]
    if not documents:
        return Comparison(0, VectorAgreement(1.0, 1.0))
    stored = index.vectors_of([document.doc_id for document in documents])  # (n, dim)
    return compare(stored, [read_form(document) for document in documents], encoder)


def compare(stored: Vectors, texts: Sequence[str], encoder: Encoder) -> Comparison:
    """Compare (n, dim) stored vectors with the encoder's for the n texts."""
    agreement = vector_agreement(encoder.encode(texts), stored, with_lengths=encoder.identity.similarity == "dot")
    return Comparison(len(texts), agreement)


def require_agreement(index: IndexSnapshot, encoder: Encoder, comparison: Comparison) -> None:
    """Raise VectorsMismatchError, which names the worst text, if the index's vectors are not the encoder's."""
    if comparison.flaw is None:
        return
    raise VectorsMismatchError(
        f"{index.path}: its vectors are not those of encoder {encoder.identity.name}: of "
        f"{comparison.n_texts:,} texts encoded again, the worst {comparison.flaw}; "
        f"rebuild them with: claimhound index renew --index {index.path}"
    )


def require_checked_vectors(index: IndexSnapshot, encoder: Encoder) -> None:
    """Compare a few vectors of an index that does not name their precision, once per generation.

    An index that names a precision is trusted: a precision is only used if it agrees with float32, and one forced in
    spite of that is marked. The user's cache remembers the generations that passed. Raises VectorsMismatchError.
    """
    precision = index.manifest.encoder.precision
    if precision and FAR not in precision:
        return
    passed = _passed_path(index, encoder)
    # A cache that cannot be read or written costs only time.
    with suppress(OSError):
        if passed.exists():
            return
    require_agreement(index, encoder, compare_vectors(index, encoder, _SAMPLED_AT_OPENING))
    with suppress(OSError):
        passed.parent.mkdir(parents=True, exist_ok=True)
        passed.touch()


def _passed_path(index: IndexSnapshot, encoder: Encoder) -> Path:
    """Return the file whose existence means that this generation's vectors are this encoder's."""
    facts = [asdict(encoder.identity), encoder.runtime_name]
    digest = hashlib.sha256(index.manifest.to_bytes() + json.dumps(facts, sort_keys=True).encode())
    return cache_dir() / "checked" / digest.hexdigest()
