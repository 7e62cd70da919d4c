"""Opening a pipeline: an index or a few documents, with its models."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from claimhound.data.errors import DeviceError, EncoderMismatchError, InputError, ModelError
from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.documents import read_documents
from claimhound.data.records import Document, Json
from claimhound.data.text.text_form import read_form
from claimhound.indexes.manifest import Manifest
from claimhound.indexes.memory import MemoryIndex
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.model_folders.finding import BUNDLED
from claimhound.pipeline.model_folders.hub import pinned
from claimhound.pipeline.models.blending import BLEND_FILE, blend_record
from claimhound.pipeline.models.cross_encoders import load_pair_models
from claimhound.pipeline.models.encoders import Encoder, Prompts, encoder_identity, load_encoder
from claimhound.pipeline.models.stored_vectors import require_checked_vectors
from claimhound.pipeline.models.summary_rule import summary_record
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.serving.compute import Compute

# Above this, indexing once is faster than ranking in memory for every search.
_MEMORY_DOCUMENTS = 5_000


def open_pipeline(
    index_dir: str | Path | None = None,
    *,
    corpus: str | Path | None = None,
    reading: ReadOptions = ReadOptions(),  # noqa: B008 (frozen)
    encoder: str | Path | None = None,
    reranker: str | Path | None = None,
    stance: str | Path | None = None,
    stance_labels: Sequence[str] | None = None,
    with_encoder: bool = True,
    with_reranker: bool = True,
    with_stance: bool = True,
    max_length: int | None = None,
    config: PipelineConfig = PipelineConfig(),  # noqa: B008 (frozen)
    compute: Compute = Compute(),  # noqa: B008 (frozen)
    on_notices: Callable[[Notices], None] = lambda _: None,
) -> EvidencePipeline:
    """Open an index, or a few documents of a file in memory, with its models.

    By default the encoder is the one that the index was built with, and reranker and stance model are the bundled ones;
    a folder named as both is loaded once, see `load_pair_models`. `max_length` limits the tokens read of claim and
    evidence. `stance_labels` names the stance model's outputs, see `load_stance`. `reading` says how the corpus is
    read; `on_notices` gets the notices about it. Raises IndexUnusableError, ModelError or InputError, whose messages
    say what to do.
    """
    if index_dir is not None and corpus is not None:
        raise ValueError("name an index folder or a corpus, not both")
    index: IndexSnapshot | MemoryIndex
    model: Encoder | None = None
    if index_dir is not None:
        index = IndexSnapshot.open(Path(index_dir))
        if with_encoder:
            model = load_index_encoder(index, None if encoder is None else str(encoder), compute)
            require_checked_vectors(index, model)
    elif corpus is not None:
        documents = _few_documents(str(corpus), reading, on_notices)
        vectors = None
        if with_encoder:
            model = load_encoder(str(encoder or BUNDLED), compute)
            vectors = model.encode([read_form(document) for document in documents])
        index = MemoryIndex(documents, vectors)
    else:
        raise ValueError("name an index folder or a corpus")
    reranker_model, stance_model = load_pair_models(
        str(reranker or BUNDLED) if with_reranker else None,
        str(stance or BUNDLED) if with_stance else None,
        compute,
        labels=stance_labels,
        max_length=max_length,
    )
    weighs_cosines = reranker_model is not None and reranker_model.blend.uses("cosine")
    if reranker_model is not None and weighs_cosines and model is not None and model.identity.similarity == "dot":
        raise ModelError(
            f"{reranker_model.name}: its {BLEND_FILE} uses cosines, but encoder {model.identity.name} compares by "
            "inner products; use another reranker, or calibrate this one without the feature cosine"
        )
    return EvidencePipeline(index, model, reranker_model, config, stance_model)


def open_beside(
    pipeline: EvidencePipeline,
    index_dir: str | Path,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
) -> EvidencePipeline:
    """Open another index with a pipeline's settings, reranker and stance model.

    It shares the encoder too if the index was built with it; otherwise the index's own is loaded. Raises as
    `open_pipeline` does.
    """
    index = IndexSnapshot.open(Path(index_dir))
    encoder = pipeline.encoder
    if encoder is not None:
        try:
            index.manifest.encoder.require_same(encoder.identity, index.path)
        except EncoderMismatchError:
            encoder = load_index_encoder(index, None, compute)
        require_checked_vectors(index, encoder)
    return EvidencePipeline(index, encoder, pipeline.reranker, pipeline.config, pipeline.stance)


def load_index_encoder(
    index: IndexSnapshot,
    named: str | None = None,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
) -> Encoder:
    """Load the encoder that an index was built with, by its own name or the one given.

    Raises EncoderMismatchError if it is a different one, ModelError if it cannot be found or loaded.
    """
    own = index.manifest.encoder.name
    prompts = stored_prompts(index.manifest)
    try:
        # Checked before loading, which may take a minute.
        found = encoder_identity(named or stored_name(index.manifest), compute, **prompts)
        index.manifest.encoder.require_same(found, index.path)
        return load_encoder(named or stored_name(index.manifest), compute, **prompts)
    except ModelError as error:
        if named is not None or isinstance(error, DeviceError):
            raise
        raise ModelError(
            f"{index.path}: was built with encoder {own}, which is not available ({error}); "
            "name its current folder with --encoder, search by words alone with --no-encoder, "
            f"or rebuild the vectors with: claimhound index renew --index {index.path}"
        ) from error


def stored_name(manifest: Manifest) -> str:
    """Return the name to load an index's encoder by; a model of the Hub at the commit that was used."""
    return pinned(manifest.encoder.name, manifest.encoder.revision)


def stored_prompts(manifest: Manifest) -> Prompts:
    """Return the prompts that an index was built with; None in an index of format 1, which used the folder's own."""
    encoder = manifest.encoder
    return {"query_prompt": encoder.query_prompt, "document_prompt": encoder.document_prompt}


def _few_documents(corpus: str, reading: ReadOptions, on_notices: Callable[[Notices], None]) -> list[Document]:
    documents: list[Document] = []
    notices = Notices()
    for document in read_documents([corpus], reading, notices=notices):
        documents.append(document)
        if len(documents) > _MEMORY_DOCUMENTS:
            raise InputError(
                f"{corpus}: has more than {_MEMORY_DOCUMENTS:,} documents; "
                f"build an index with: claimhound index build {corpus} --index DIR"
            )
    on_notices(notices)
    return documents


def without_places(facts: Mapping[str, Json]) -> dict[str, Json]:
    """Return the facts of `describe` with fingerprints instead of paths and names.

    They are equal for the same index and models in another place, so a job that was started with them can resume.
    """
    found: dict[str, Json] = {}
    for name, fact in facts.items():
        if isinstance(fact, dict) and "weights_sha256" in fact:
            found[name] = {inner: value for inner, value in fact.items() if inner not in ("name", "revision")}
        elif name == "index":
            found[name] = f"generation {facts['generation']}, manifest {facts['manifest_sha256']}"
        elif name not in ("generation", "manifest_sha256"):
            found[name] = fact
    return found


def describe(pipeline: EvidencePipeline) -> dict[str, Json]:
    """Return the settings, index and models of a pipeline with fingerprints, for the record of a measurement."""
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
                "max_length": pipeline.reranker.max_length,
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
                "max_length": pipeline.stance.max_length,
                "summary": summary_record(pipeline.summary_rule),
            },
            "stance_runtime": pipeline.stance.runtime_name,
        }
    return facts
