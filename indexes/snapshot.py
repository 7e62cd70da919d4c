"""Reading an index: one generation, unchanged for as long as it is held, whatever a writer does meanwhile."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.errors import IndexDamagedError
from data.records import Document, Ranking, ScoredDoc
from indexes.layout import DEAD_FILE, TEXT_DIR, VECTOR_DIR, generation_dir, latest_generation
from indexes.manifest import MANIFEST_NAME, Manifest
from indexes.text import Conditions, TextIndex
from indexes.vectors import Positions, Vectors, VectorSegment, search_segments

# Share of the inverted lists that a search scans. See docs/measurements.md for how agreement with exact search grows with it.
DEFAULT_PROBE_SHARE = 0.1
_REMEMBERED_DOCUMENTS = 20_000
_OPEN_TRIES = 20


class IndexSnapshot:
    """The newest generation of an index at the moment it was opened.

    Opening checks what is cheap: the manifest's checksum, format version, file sizes, counts. `verify_index` reads all.
    """

    def __init__(self, index_dir: Path, generation: int, manifest: Manifest) -> None:
        folder = generation_dir(index_dir, generation)
        _check_sizes(folder, manifest)
        self.path = index_dir
        self.manifest = manifest
        try:
            self._text = TextIndex(folder / TEXT_DIR)
            self._segments = [VectorSegment(folder / item.file, exact=item.exact) for item in manifest.vector_files]
            self._dead: Positions = np.load(folder / VECTOR_DIR / DEAD_FILE, allow_pickle=False)
        except (ValueError, RuntimeError) as error:
            if not folder.exists():
                raise FileNotFoundError(folder) from error
            reason = str(error).strip().splitlines()[0]
            raise IndexDamagedError(
                f"{folder}: cannot be opened ({reason}); run: claimhound index verify --index {index_dir}"
            ) from error
        counted = (self._text.n_docs, [len(segment) for segment in self._segments], len(self._dead))
        expected = (manifest.n_docs, [item.n_rows for item in manifest.vector_files], manifest.n_dead_vectors)
        if counted != expected:
            raise IndexDamagedError(f"{folder}: holds {counted} documents and vectors, its manifest says {expected}")
        self._remembered: OrderedDict[str, tuple[int, Document]] = OrderedDict()

    @classmethod
    def open(cls, index_dir: Path) -> IndexSnapshot:
        """Open the newest generation.

        Raises IndexMissingError, IndexVersionError or IndexDamagedError.
        """
        for attempt in range(_OPEN_TRIES):
            generation = latest_generation(index_dir)
            try:
                manifest = Manifest.read(generation_dir(index_dir, generation) / MANIFEST_NAME)
                return cls(index_dir, generation, manifest)
            except FileNotFoundError as error:
                # A writer may have put the next generation in its place while this one was being opened.
                if attempt == _OPEN_TRIES - 1 or latest_generation(index_dir) == generation:
                    raise IndexDamagedError(f"{error.filename}: missing; restore it or build the index anew") from error
        raise AssertionError("unreachable")

    @property
    def n_docs(self) -> int:
        """How many documents can be found."""
        return self.manifest.n_docs

    @property
    def segments(self) -> list[VectorSegment]:
        """Its vector segments, in the manifest's order."""
        return self._segments

    @property
    def dead(self) -> Positions:
        """Positions whose vectors lie in a segment but no longer count, ascending."""
        return self._dead

    def positions_of(self, doc_ids: Sequence[str]) -> dict[str, int]:
        """Return the position of each of the ids that the index holds."""
        return self._text.positions_of(doc_ids)

    def search_text(self, text: str, k: int, conditions: Conditions = Conditions()) -> Ranking:
        """Return the k best documents by BM25; documents that share no term with the text are not among them."""
        hits = self._text.search(text, k, conditions)
        return self._ranking([(hit.position, hit.score) for hit in hits], k)

    def search_vectors(
        self,
        query_vectors: Vectors,
        k: int,
        conditions: Conditions = Conditions(),
        *,
        probe_share: float = DEFAULT_PROBE_SHARE,
    ) -> list[Ranking]:
        """Return for each row of (n, dim) query vectors the k documents of highest cosine.

        Raises ValueError if the dimension is not the index's.
        """
        dim = self.manifest.encoder.dim
        if query_vectors.ndim != 2 or query_vectors.shape[1] != dim:
            raise ValueError(f"expected query vectors of shape (n, {dim}), got {query_vectors.shape}")
        allowed = np.array(self._text.matching_positions(conditions), dtype=np.int64) if conditions else None
        found = search_segments(
            self._segments, query_vectors, k, probe_share=probe_share, dead=self._dead, allowed=allowed
        )
        return [self._ranking(hits, k) for hits in found]

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        """Return the documents with these ids, in this order.

        Raises KeyError for an id that the index does not hold.
        """
        found = self._entries(doc_ids)
        return [found[doc_id][1] for doc_id in doc_ids]

    def neighbours(self, doc_id: str, n: int) -> tuple[list[Document], list[Document]]:
        """Return up to n documents before and after this one, in order, out of the same text.

        The same text is the same parent for split sentences, and otherwise the same title and source, side by side.

        Raises KeyError for an id that the index does not hold.
        """
        position, document = self._entries([doc_id])[doc_id]
        around = [p for p in range(position - n, position + n + 1) if p >= 0 and p != position]
        found = self._text.documents(around)
        before: list[Document] = []
        after: list[Document] = []
        for side, step in ((before, -1), (after, 1)):
            for distance in range(1, n + 1):
                neighbour = found.get(position + step * distance)
                if neighbour is None or not _same_text(document, neighbour):
                    break
                side.append(neighbour)
        return before[::-1], after

    def known_terms(self, terms: Sequence[str]) -> set[str]:
        """Return those of the terms (of `analysis.tokenize`) that occur in some document."""
        return self._text.known_terms(terms)

    def _ranking(self, found: Sequence[tuple[int, float]], k: int) -> Ranking:
        documents = self._text.documents([position for position, _ in found])
        for position, document in documents.items():
            self._remember(position, document)
        hits = [ScoredDoc(documents[position].doc_id, score) for position, score in found]
        hits.sort(key=lambda hit: (-hit.score, hit.doc_id))
        return hits[:k]

    def _entries(self, doc_ids: Sequence[str]) -> dict[str, tuple[int, Document]]:
        """Return position and document of each id; what a search has just found is still at hand."""
        found = {doc_id: self._remembered[doc_id] for doc_id in doc_ids if doc_id in self._remembered}
        missing = [doc_id for doc_id in doc_ids if doc_id not in found]
        if missing:
            positions = self._text.positions_of(missing)
            documents = self._text.documents(list(positions.values()))
            found.update((doc_id, (position, documents[position])) for doc_id, position in positions.items())
        return found

    def _remember(self, position: int, document: Document) -> None:
        self._remembered[document.doc_id] = (position, document)
        self._remembered.move_to_end(document.doc_id)
        while len(self._remembered) > _REMEMBERED_DOCUMENTS:
            self._remembered.popitem(last=False)


def _same_text(document: Document, other: Document) -> bool:
    if document.parent_id is not None or other.parent_id is not None:
        return document.parent_id == other.parent_id
    return document.title is not None and (document.title, document.source) == (other.title, other.source)


def _check_sizes(folder: Path, manifest: Manifest) -> None:
    for name, check in manifest.files.items():
        path = folder / name
        size = path.stat().st_size
        if size != check.size:
            raise IndexDamagedError(
                f"{path}: damaged ({size} bytes, committed with {check.size}); restore it or build the index anew"
            )
