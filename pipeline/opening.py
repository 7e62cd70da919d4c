"""Everything that a search needs, opened together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from data.documents import read_documents
from data.errors import InputError, ModelError
from data.records import Document, Json
from indexes.memory import MemoryIndex
from indexes.snapshot import IndexSnapshot
from pipeline.blending import blend_record
from pipeline.config import Compute, PipelineConfig
from pipeline.encoders import Encoder, encoder_identity, load_encoder
from pipeline.evidence import EvidencePipeline
from pipeline.model_files import BUNDLED
from pipeline.rerankers import load_reranker
from pipeline.stance import load_stance
from pipeline.stored_vectors import require_checked_vectors

# Above this, indexing once is quicker than ranking in memory at every search.
_MEMORY_DOCUMENTS = 5_000


def open_pipeline(
    index_dir: Path | None,
    *,
    corpus: str | None = None,
    encoder: str | None = None,
    reranker: str | None = None,
    stance: str | None = None,
    stance_labels: Sequence[str] | None = None,
    with_encoder: bool = True,
    with_reranker: bool = True,
    with_stance: bool = True,
    config: PipelineConfig = PipelineConfig(),  # noqa: B008 (frozen)
    compute: Compute = Compute(),  # noqa: B008 (frozen)
    on_start: Callable[[str], None] | None = None,
) -> EvidencePipeline:
    """Open an index, or a few documents of a file in memory, with its models.

    The encoder is the one that the index was built with unless another is named, reranker and stance model are the
    bundled ones. `stance_labels` names the stance model's outputs, see `load_stance`. Raises IndexUnusableError,
    ModelError or InputError, each of which says what to do.
    """
    index: IndexSnapshot | MemoryIndex
    model: Encoder | None = None
    if index_dir is not None:
        index = IndexSnapshot.open(index_dir)
        if with_encoder:
            model = load_index_encoder(index, encoder, compute, on_start=on_start)
            require_checked_vectors(index, model)
    elif corpus is not None:
        documents = _few_documents(corpus)
        vectors = None
        if with_encoder:
            model = load_encoder(encoder or BUNDLED, compute, on_start=on_start)
            vectors = model.encode([document.text for document in documents])
        index = MemoryIndex(documents, vectors)
    else:
        raise ValueError("name an index folder or a corpus")
    chosen = None
    if with_reranker:
        chosen = load_reranker(reranker or BUNDLED, compute, on_start=on_start)
    pointing = None
    if with_stance:
        pointing = load_stance(stance or BUNDLED, compute, labels=stance_labels, on_start=on_start)
    return EvidencePipeline(index, model, chosen, config, pointing)


def load_index_encoder(
    index: IndexSnapshot,
    named: str | None = None,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
    *,
    on_start: Callable[[str], None] | None = None,
) -> Encoder:
    """Load the encoder that an index was built with, found under its own name or the one that is given.

    Raises EncoderMismatchError if it is another, ModelError if it cannot be had.
    """
    own = index.manifest.encoder.name
    try:
        # Before the loading, which may take a minute.
        index.manifest.encoder.require_same(encoder_identity(named or own), index.path)
        return load_encoder(named or own, compute, on_start=on_start)
    except ModelError as error:
        if named is not None:
            raise
        raise ModelError(
            f"{index.path}: was built with encoder {own}, which cannot be had ({error}); "
            "say where it is now with --encoder, search by words alone with --no-encoder, "
            f"or make its vectors anew with: claimhound index renew --index {index.path}"
        ) from error


def _few_documents(corpus: str) -> list[Document]:
    documents: list[Document] = []
    for document in read_documents([corpus]):
        documents.append(document)
        if len(documents) > _MEMORY_DOCUMENTS:
            raise InputError(
                f"{corpus}: holds more than {_MEMORY_DOCUMENTS:,} documents; "
                f"build an index with: claimhound index build {corpus} --index DIR"
            )
    return documents


def describe(pipeline: EvidencePipeline) -> dict[str, Json]:
    """Return the settings, index and models of a pipeline with fingerprints, for a record of what was measured."""
    index = pipeline.index
    facts: dict[str, Json] = {"config": asdict(pipeline.config), "n_docs": index.n_docs}
    if isinstance(index, IndexSnapshot):
        facts |= {
            "index": str(index.path),
            "generation": index.manifest.generation,
            "manifest_sha256": hashlib.sha256(index.manifest.to_bytes()).hexdigest(),
        }
    if pipeline.encoder is not None:
        facts |= {"encoder": asdict(pipeline.encoder.identity), "encoder_runtime": pipeline.encoder.runtime_name}
    if pipeline.reranker is not None:
        facts |= {
            "reranker": {
                "name": pipeline.reranker.name,
                "weights_sha256": pipeline.reranker.weights_sha256,
                "blend": blend_record(pipeline.reranker.blend),
            },
            "reranker_runtime": pipeline.reranker.runtime_name,
        }
    if pipeline.stance is not None:
        facts |= {
            "stance": {
                "name": pipeline.stance.name,
                "weights_sha256": pipeline.stance.weights_sha256,
                **pipeline.stance.labels.record,
            },
            "stance_runtime": pipeline.stance.runtime_name,
        }
    return facts
