"""Making an index anew from the documents that it holds: in today's format, by today's rules, with today's encoder."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from data.errors import ModelError
from indexes.durable import Disk
from indexes.layout import latest_generation
from indexes.stored_text import StoredText, read_manifest
from indexes.writer import IndexWriter
from pipeline.config import Compute
from pipeline.encoders import Encoder, encoder_identity
from pipeline.indexing import SHARD_SIZE, IndexingReport, Progress, index_documents
from pipeline.model_files import BASE_ENCODER_NAME, BUNDLED, BUNDLED_ENCODER_NAME
from pipeline.opening import stored_name, stored_prompts

_ONCE_BUNDLED = re.compile(rf"{BASE_ENCODER_NAME}|{BUNDLED_ENCODER_NAME.partition('@')[0]}(@\d+)?")


class RenewalEncoder(NamedTuple):
    """The model that an index is renewed with, and its prompts, None for the model's own.

    `note` says why it is not the one that the index was built with.
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
    """Return the encoder that was named, else the index's own, else, where a bundled one is gone, today's.

    A model of the Hub is the commit that the index was built with. The index's prompts stay as long as the weights do.
    Raises IndexMissingError, IndexVersionError, IndexDamagedError, or ModelError if the encoder cannot be had.
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
    except ModelError as error:
        if not once_bundled:
            raise ModelError(
                f"{index_dir}: was built with encoder {own.name}, which cannot be had ({error}); "
                "name it, or another, with --encoder"
            ) from error
        is_same = False
    if is_same:
        return RenewalEncoder(model, None, **prompts)
    was = f"was built with encoder {own.name} (weights {own.weights_sha256[:12]})"
    if once_bundled:
        return RenewalEncoder(
            BUNDLED, f"{index_dir}: {was}, which is not there any more; it gets the vectors of {BUNDLED_ENCODER_NAME}"
        )
    note = f"{index_dir}: {was}, which has other weights now; it gets vectors of these"
    return RenewalEncoder(model, note, **prompts)


def renew_index(
    index_dir: Path,
    encoder: Encoder,
    *,
    on_progress: Callable[[Progress], None] = lambda _: None,
    shard_size: int = SHARD_SIZE,
    disk: Disk | None = None,
) -> IndexingReport:
    """Make text and vectors of an index anew from its stored documents, in their order and with all that they hold.

    Only the text needs to be intact, and is compared with its checksums first. Format 1 and 2 are read, by whatever
    rules the index was made. Until the commit readers see the index as it was; a renewal that was interrupted goes on
    as a build does.

    Raises IndexMissingError, IndexVersionError, IndexDamagedError, IndexLockedError or IndexWriteError; the index is
    then as it was.
    """
    latest_generation(index_dir)  # an index that is not there is an error before a folder is made for it
    disk = disk or Disk()
    with IndexWriter.create(index_dir, encoder.identity, overwrite=True, disk=disk) as writer:
        stored = StoredText.open(index_dir)
        writer.is_split = stored.is_split
        return index_documents(
            writer, stored.documents(), index_dir, encoder, total=stored.manifest.n_docs, on_progress=on_progress,
            shard_size=shard_size, disk=disk,
        )  # fmt: skip
