"""Encoding documents into an index, shard by shard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import RecordError
from claimhound.data.notices import Notices
from claimhound.data.progress import Progress, silent
from claimhound.data.records import Document
from claimhound.data.text.text_form import read_form
from claimhound.indexes.durable import Disk
from claimhound.indexes.layout import encoded_dir
from claimhound.indexes.manifest import Manifest
from claimhound.indexes.vectors import Vectors
from claimhound.indexes.writer import IndexWriter
from claimhound.pipeline.indexing.encoded_shards import EncodedShards
from claimhound.pipeline.models.encoders import Encoder

# An interrupted job loses at most this many documents' vectors: about 20 seconds of work on two cores.
SHARD_SIZE = 16_384

HeldVectors: TypeAlias = Callable[[Sequence[Document]], tuple[NDArray[np.bool_], Vectors]]
"""Returns for n documents which already have a vector, and (n, dim) vectors with arbitrary rows for the others."""


@dataclass(frozen=True)
class IndexingJob:
    """An index being written, the encoder of its documents, and how the work is done."""

    writer: IndexWriter
    index_dir: Path
    encoder: Encoder
    on_progress: Progress = silent
    shard_size: int = SHARD_SIZE
    disk: Disk = field(default_factory=Disk)


class IndexingReport(NamedTuple):
    """The result of an indexing job.

    Of `n_read` documents `n_replaced` replaced others, and `n_reused` got their vectors from an interrupted job.
    `skipped` are bad records. `n_outdated` documents were deleted because only earlier versions of their texts had
    them. `n_texts` is the number of records before splitting. `n_withdrawn` documents of blank texts were deleted;
    `n_unknown` of the blank texts were not in the index. `n_taken_over` documents kept their vectors in a renewal.
    """

    manifest: Manifest
    n_read: int
    n_replaced: int
    n_reused: int
    skipped: list[RecordError]
    n_outdated: int = 0
    notices: Notices = Notices()
    n_texts: int = 0
    n_withdrawn: int = 0
    n_unknown: int = 0
    n_taken_over: int = 0


def index_documents(
    job: IndexingJob,
    documents: Iterator[Document],
    *,
    total: int | None,
    before_commit: Callable[[], None] = lambda: None,
    held_vectors: HeldVectors | None = None,
) -> IndexingReport:
    """Encode documents shard by shard, add them and commit; vectors of an interrupted job are reused.

    They replace all documents of the same texts: the sentences of a text that is now whole, or the whole text that is
    now split. `total` is the number of documents, if known. Vectors in `held_vectors` are not computed again.
    Raises IndexWriteError if the disk fails, and what `before_commit` raises.
    """
    writer = job.writer
    shards = EncodedShards(encoded_dir(job.index_dir), job.encoder.identity, job.disk)
    n_read = n_replaced = n_reused = n_taken_over = 0
    outdated: set[str] = set()
    job.on_progress("encode", 0, total)
    while shard := list(islice(documents, job.shard_size)):
        texts = [read_form(document) for document in shard]
        vectors = shards.find(texts)
        if vectors is None:
            encoded, n_held = _encoded(shard, texts, job.encoder, held_vectors)
            vectors = shards.keep(texts, encoded)
            n_taken_over += n_held
        else:
            n_reused += len(shard)
        # A text that continues in the next shard gets its remaining sentences there.
        outdated.update(writer.withdraw(list(dict.fromkeys(document.text_id for document in shard))))
        writer.add(shard, vectors)
        there_again = outdated.intersection(document.doc_id for document in shard)
        outdated -= there_again
        n_replaced += len(there_again)
        n_read += len(shard)
        job.on_progress("encode", n_read, total, f"{n_reused:,} from an interrupted job" if n_reused else "")
    before_commit()
    job.on_progress("commit", n_read, n_read)
    return IndexingReport(writer.commit(), n_read, n_replaced, n_reused, [], len(outdated), n_taken_over=n_taken_over)


def _encoded(
    documents: Sequence[Document], texts: Sequence[str], encoder: Encoder, held_vectors: HeldVectors | None
) -> tuple[Vectors, int]:
    """Return (len(texts), dim) vectors, and the number of them that were held."""
    if held_vectors is None:
        return encoder.encode(texts), 0
    is_held, vectors = held_vectors(documents)
    missing = np.flatnonzero(~is_held).tolist()
    if missing:
        vectors[missing] = encoder.encode([texts[row] for row in missing])
    return vectors, len(texts) - len(missing)
