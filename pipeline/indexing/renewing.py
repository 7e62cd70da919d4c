"""Renewing an index from its own documents: current format, current rules, current encoder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from claimhound.data.bundled import BUNDLED_MODELS
from claimhound.data.errors import DeviceError, ModelError
from claimhound.data.notices import Notices
from claimhound.data.progress import Progress, silent
from claimhound.data.records import Document
from claimhound.data.text.text_form import TEXT_FORM_VERSION, read_form
from claimhound.indexes.durable import Disk
from claimhound.indexes.layout import latest_generation
from claimhound.indexes.manifest import EncoderIdentity
from claimhound.indexes.stored_text import StoredText, StoredVectors, read_manifest
from claimhound.indexes.vectors import Vectors
from claimhound.indexes.writer import IndexWriter
from claimhound.pipeline.indexing.encoding import SHARD_SIZE, IndexingJob, IndexingReport, index_documents
from claimhound.pipeline.model_folders.finding import BASE_ENCODER_NAME, BUNDLED
from claimhound.pipeline.models.encoders import Encoder, encoder_identity
from claimhound.pipeline.models.stored_vectors import SAMPLED_TO_VERIFY, compare
from claimhound.pipeline.search.opening import stored_name, stored_prompts
from claimhound.pipeline.serving.compute import Compute

_NOWHERE = -1
_SEED = 0
_BUNDLED_ENCODER = BUNDLED_MODELS["encoder"]
_ONCE_BUNDLED = re.compile(rf"{BASE_ENCODER_NAME}|{_BUNDLED_ENCODER.unversioned_name}(@\d+)?")


class RenewalEncoder(NamedTuple):
    """The model to renew an index with, and its prompts, None for the model's own.

    `note` says why it is not the model that the index was built with.
    """

    model: str
    note: str | None = None
    query_prompt: str | None = None
    document_prompt: str | None = None


def encoder_to_renew_with(
    index_dir: Path,
    named: str | None = None,
    compute: Compute = Compute(),  # noqa: B008 (frozen)
) -> RenewalEncoder:
    """Return the named encoder, or the index's own, or the bundled one if that was an earlier bundled one.

    A model on the Hub stays at the commit that the index was built with. The index's prompts are kept if the weights
    are. Raises IndexMissingError, IndexVersionError, IndexDamagedError, or ModelError if the encoder is not available.
    """
    manifest = read_manifest(index_dir)
    own, prompts = manifest.encoder, stored_prompts(manifest)
    if named is not None:
        is_same = encoder_identity(named, compute, **prompts).weights_sha256 == own.weights_sha256
        return RenewalEncoder(named, None, **prompts) if is_same else RenewalEncoder(named)
    model = stored_name(manifest)
    once_bundled = _ONCE_BUNDLED.fullmatch(own.name) is not None
    try:
        is_same = encoder_identity(model, compute, **prompts).weights_sha256 == own.weights_sha256
    except DeviceError:
        raise
    except ModelError as error:
        if not once_bundled:
            raise ModelError(
                f"{index_dir}: was built with encoder {own.name}, which is not available ({error}); "
                "name it or another one with --encoder"
            ) from error
        is_same = False
    if is_same:
        return RenewalEncoder(model, None, **prompts)
    was = f"was built with encoder {own.name} (weights {own.weights_sha256[:12]})"
    if once_bundled:
        return RenewalEncoder(
            BUNDLED, f"{index_dir}: {was}, which no longer exists; its vectors will come from {_BUNDLED_ENCODER.name}"
        )
    note = f"{index_dir}: {was}, whose weights have changed; its vectors will come from the new weights"
    return RenewalEncoder(model, note, **prompts)


def renew_index(
    index_dir: Path,
    encoder: Encoder,
    *,
    on_progress: Progress = silent,
    shard_size: int = SHARD_SIZE,
    disk: Disk | None = None,
) -> IndexingReport:
    """Rebuild an index's text and vectors from its stored documents, keeping their order and all their fields.

    Only the text must be intact; it is checked against its checksums first. Any earlier format can be read. An index in
    an earlier form keeps the intact vectors that this encoder would compute again. Readers see the old index until the
    commit; an interrupted renewal resumes as a build does.

    Raises IndexMissingError, IndexVersionError, IndexDamagedError, IndexLockedError or IndexWriteError, leaving the
    index unchanged.
    """
    latest_generation(index_dir)  # raises for a missing index before a folder is created
    disk = disk or Disk()
    with IndexWriter.create(index_dir, encoder.identity, overwrite=True, disk=disk) as writer:
        stored = StoredText.open(index_dir)
        writer.is_split = stored.is_split
        writer.id_scheme = stored.manifest.id_scheme
        writer.made_ids = dict(stored.manifest.made_ids or {})
        kept = _Kept(stored, _usable_vectors(index_dir, stored, encoder))
        report = index_documents(
            IndexingJob(writer, index_dir, encoder, on_progress, shard_size, disk),
            kept.documents(),
            total=stored.manifest.n_docs,
            held_vectors=kept.vectors_of if kept.has_vectors else None,
        )
        notices = Notices()
        for note in writer.notes:
            notices.say(str(index_dir), note)
        return report._replace(notices=notices)


class _Kept:
    """The documents of an index, with the vectors that can be kept."""

    def __init__(self, stored: StoredText, vectors: StoredVectors | None) -> None:
        self._stored = stored
        self._vectors = vectors
        self._positions: dict[str, int] = {}

    @property
    def has_vectors(self) -> bool:
        return self._vectors is not None

    def documents(self) -> Iterator[Document]:
        for position, document in self._stored.entries():
            if self.has_vectors and _reads_the_same(self._stored.manifest.text_form, document):
                self._positions[document.doc_id] = position
            yield document

    def vectors_of(self, documents: Sequence[Document]) -> tuple[NDArray[np.bool_], Vectors]:
        """See `HeldVectors`; for the documents yielded since the last call."""
        assert self._vectors is not None
        positions = [self._positions.get(document.doc_id, _NOWHERE) for document in documents]
        self._positions.clear()
        return self._vectors.at(positions)


def _usable_vectors(index_dir: Path, stored: StoredText, encoder: Encoder) -> StoredVectors | None:
    """Return the vectors of an index in an earlier form if this encoder would compute them again.

    An index in the current form is renewed to recompute its vectors.
    """
    manifest = stored.manifest
    if manifest.is_current or _bare(manifest.encoder) != _bare(encoder.identity):
        return None
    vectors = StoredVectors.open(index_dir, manifest)
    if vectors is None:
        return None
    sample = [
        (position, document.text)
        for position, document in stored.sample(SAMPLED_TO_VERIFY, _SEED)
        if _reads_the_same(manifest.text_form, document) and document.text.strip()
    ]
    is_held, held = vectors.at([position for position, _ in sample])
    if not sample or not is_held.all():
        return None
    found = compare(held, [text for _, text in sample], encoder)
    return vectors if found.flaw is None else None


def _bare(identity: EncoderIdentity) -> EncoderIdentity:
    """Return the identity without the fields that vectors do not depend on."""
    return replace(identity, name="", revision=None)


def _reads_the_same(text_form: int, document: Document) -> bool:
    """Return whether models read a document the same in an earlier text form; form 1 was the text alone."""
    return text_form == TEXT_FORM_VERSION or (text_form == 1 and read_form(document) == document.text)
