"""Reading an index: one generation, unaffected by writers."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from claimhound.data.errors import IndexDamagedError, IndexUnusableError, first_line
from claimhound.data.records import Document, Ranking, ScoredDoc
from claimhound.indexes.conditions import NO_CONDITIONS, Conditions, first_day
from claimhound.indexes.layout import DEAD_FILE, TEXT_DIR, VECTOR_DIR, generation_dir, latest_generation
from claimhound.indexes.manifest import MANIFEST_NAME, Manifest, damaged, unreadable
from claimhound.indexes.text_index import DEFAULT_TITLE_WEIGHT, Entry, TextIndex
from claimhound.indexes.text_writer import is_panic
from claimhound.indexes.ties import Found
from claimhound.indexes.vector_segments import VectorSegment, search_segments, stored_vectors
from claimhound.indexes.vectors import Positions, Vectors

_REMEMBERED_DOCUMENTS = 20_000
_OPEN_TRIES = 20
# Each draws twice as many as the previous one.
_DRAWS = 10


class IndexSnapshot:
    """The newest generation of an index at the moment it was opened.

    Opening runs the cheap checks: the manifest's checksum and versions, counts, size and edges of each file.
    `verify_index` reads everything. A search that meets damaged bytes raises IndexDamagedError.
    """

    def __init__(self, index_dir: Path, generation: int, manifest: Manifest) -> None:
        manifest.require_current(index_dir)
        self.path = index_dir
        self.manifest = manifest
        self._folder = generation_dir(index_dir, generation)
        for name, check in manifest.files.items():
            if damage := check.visible_damage(self._folder / name):
                raise damaged(self._folder / name, damage)
        with self._reading():
            self._text = TextIndex(self._folder / TEXT_DIR)
            self._segments = [VectorSegment(self._folder / item.file) for item in manifest.vector_files]
            dead_bytes = (self._folder / VECTOR_DIR / DEAD_FILE).read_bytes()
            self._dead: Positions = np.load(io.BytesIO(dead_bytes), allow_pickle=False)
            counted = (self._text.n_docs, [len(segment) for segment in self._segments], len(self._dead))
        expected = (manifest.n_docs, [item.n_rows for item in manifest.vector_files], manifest.n_dead_vectors)
        if counted != expected:
            raise IndexDamagedError(
                f"{self._folder}: contains {counted} documents, vectors and dead vectors, "
                f"but its manifest says {expected}"
            )
        self._living = _mask(manifest.next_position, self._dead, others=True) if len(self._dead) else None
        self._remembered: OrderedDict[str, tuple[int, Document]] = OrderedDict()

    @classmethod
    def open(cls, index_dir: Path) -> IndexSnapshot:
        """Open the newest generation.

        Raises IndexMissingError, IndexVersionError or IndexDamagedError, or IndexUnusableError if it cannot be read.
        """
        for _ in range(_OPEN_TRIES):
            generation = latest_generation(index_dir)
            try:
                manifest = Manifest.read(generation_dir(index_dir, generation) / MANIFEST_NAME)
                return cls(index_dir, generation, manifest)
            except (OSError, IndexDamagedError) as error:
                # A writer may have replaced and removed this generation while it was being opened.
                if latest_generation(index_dir) != generation:
                    continue
                if isinstance(error, OSError):
                    raise unreadable(error, index_dir) from error
                raise
        raise IndexUnusableError(f"{index_dir}: changes faster than it can be opened; try again")

    def for_another_thread(self) -> IndexSnapshot:
        """Open the same generation again: one snapshot serves one thread at a time.

        Raises IndexDamagedError if a writer has removed the generation.
        """
        try:
            return IndexSnapshot(self.path, self.manifest.generation, self.manifest)
        except OSError as error:
            raise IndexDamagedError(f"{self._folder}: no longer exists ({error.strerror})") from error

    @property
    def n_docs(self) -> int:
        """Number of documents."""
        return self.manifest.n_docs

    def n_meeting(self, conditions: Conditions) -> int:
        """Return the number of documents that meet the conditions."""
        _require_date(conditions)
        with self._reading():
            return self._text.n_meeting(conditions)

    @property
    def segments(self) -> list[VectorSegment]:
        """The vector segments, in the manifest's order."""
        return self._segments

    @property
    def dead(self) -> Positions:
        """Positions of dead vectors that remain in a segment, ascending."""
        return self._dead

    def positions_of(self, doc_ids: Sequence[str]) -> dict[str, int]:
        """Return the position of each id in the index."""
        with self._reading():
            return self._text.positions_of(doc_ids)

    def entries_of(self, doc_ids: Sequence[str]) -> list[Entry]:
        """Return the entry of each id in the index."""
        with self._reading():
            return self._text.entries_of(doc_ids)

    def parts_of(self, parent_ids: Sequence[str]) -> list[Entry]:
        """Return the documents whose parent is one of these ids."""
        with self._reading():
            return self._text.parts_of(parent_ids)

    @property
    def n_dated(self) -> int:
        """Number of documents with a date."""
        # Searches with conditions need it, and counting reads every document.
        if self.manifest.n_dated is not None:
            return self.manifest.n_dated
        with self._reading():
            return self._text.n_dated()

    def has_field(self, name: str) -> bool:
        """Return whether any document has a field of this name that `Conditions` can ask for."""
        with self._reading():
            return self._text.has_field(name)

    @property
    def has_titles(self) -> bool:
        """Whether any document has a title."""
        with self._reading():
            return self._text.has_titles()

    def search_text(
        self, text: str, k: int, conditions: Conditions = NO_CONDITIONS, *, title_weight: float = DEFAULT_TITLE_WEIGHT
    ) -> Ranking:
        """Return the k best documents by BM25 that share a term with the text.

        A title counts `title_weight` times as much as the text. Raises ValueError if the conditions' date is invalid.
        """
        _require_date(conditions)
        with self._reading():
            return self._ranking(self._text.search(text, k, conditions, title_weight=title_weight), k)

    def search_vectors(
        self,
        query_vectors: Vectors,
        k: int,
        conditions: Conditions = NO_CONDITIONS,
        *,
        probe_share: float,
    ) -> list[Ranking]:
        """Return for each row of (n, dim) query vectors the k documents of highest cosine; none for a row of zeros.

        In large segments a search scans `probe_share` of the inverted lists, and more if few documents meet the
        conditions, to compare as many vectors. 1 makes the search exact.

        Raises ValueError for another dimension than the index's, a number that is not finite or an invalid date.
        """
        dim = self.manifest.encoder.dim
        if query_vectors.ndim != 2 or query_vectors.shape[1] != dim:
            raise ValueError(f"expected query vectors of shape (n, {dim}), got {query_vectors.shape}")
        if not np.isfinite(query_vectors).all():
            raise ValueError("query vectors contain NaN or infinity")
        _require_date(conditions)
        with self._reading():
            counting = self._living
            if conditions:
                counting = self._meeting(conditions)
                probe_share = min(1.0, probe_share * len(counting) / max(1, int(np.count_nonzero(counting))))
            found = search_segments(self._segments, query_vectors, k, probe_share=probe_share, counting=counting)
            return [self._ranking(hits, k) for hits in found]

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        """Return the documents with these ids, in this order.

        Raises KeyError for an id that is not in the index.
        """
        found = self._entries(doc_ids)
        return [found[doc_id][1] for doc_id in doc_ids]

    def vectors_of(self, doc_ids: Sequence[str]) -> Vectors:
        """Return the stored (len(doc_ids), dim) vectors of these ids, in this order.

        They have half precision; a text without content has zeros.

        Raises KeyError for an id that is not in the index, IndexDamagedError if a vector is missing.
        """
        positions = self.positions_of(doc_ids)
        wanted = [positions[doc_id] for doc_id in doc_ids]
        with self._reading():
            is_held, vectors = stored_vectors(self._segments, wanted, self.manifest.encoder.dim)
        if not is_held.all():
            raise IndexDamagedError(
                f"{self._folder}: has no vector for {int((~is_held).sum())} of its documents; "
                f"recompute them with: claimhound index renew --index {self.path}"
            )
        return vectors

    def neighbours(self, doc_id: str, n: int) -> tuple[list[Document], list[Document]]:
        """Return up to n documents before and after this one, in order, of the same text.

        The same text means the same parent for split sentences, otherwise adjacent with the same title and source.

        Raises KeyError for an id that is not in the index.
        """
        position, document = self._entries([doc_id])[doc_id]
        first, last = max(0, position - n), min(self.manifest.next_position - 1, position + n)
        with self._reading():
            found = self._text.documents(range(first, last + 1))
        before = list(_same_text(document, found, range(position - 1, first - 1, -1)))
        after = list(_same_text(document, found, range(position + 1, last + 1)))
        return before[::-1], after

    def sample(self, n: int, seed: int) -> list[Document]:
        """Return up to n documents drawn by seed; fewer if nearly all documents were deleted."""
        last = self.manifest.next_position
        random = np.random.default_rng(seed)
        found: dict[int, Document] = {}
        for draw in range(_DRAWS):
            drawn = random.choice(last, size=min(n << draw, last), replace=False).tolist()
            with self._reading():
                documents = self._text.documents([position for position in drawn if position not in found])
            found |= {position: documents[position] for position in drawn if position in documents}
            if len(found) >= min(n, self.n_docs):
                break
        return [document for _, document in sorted(list(found.items())[:n], key=lambda item: item[0])]

    def _meeting(self, conditions: Conditions) -> NDArray[np.bool_]:
        allowed = np.array(self._text.matching_positions(conditions), dtype=np.int64)
        return _mask(self.manifest.next_position, allowed)

    def _ranking(self, found: Found, k: int) -> Ranking:
        documents = self._text.documents([position for position, _ in found])
        for position, document in documents.items():
            self._remember(position, document)
        hits = [ScoredDoc(documents[position].doc_id, score) for position, score in found]
        hits.sort(key=lambda hit: (-hit.score, hit.doc_id))
        return hits[:k]

    def _entries(self, doc_ids: Sequence[str]) -> dict[str, tuple[int, Document]]:
        """Return position and document of each id; recent search results are cached."""
        found = {doc_id: self._remembered[doc_id] for doc_id in doc_ids if doc_id in self._remembered}
        missing = [doc_id for doc_id in doc_ids if doc_id not in found]
        if missing:
            with self._reading():
                positions = self._text.positions_of(missing)
                documents = self._text.documents(list(positions.values()))
                found.update((doc_id, (position, documents[position])) for doc_id, position in positions.items())
        return found

    def _remember(self, position: int, document: Document) -> None:
        self._remembered[document.doc_id] = (position, document)
        self._remembered.move_to_end(document.doc_id)
        while len(self._remembered) > _REMEMBERED_DOCUMENTS:
            self._remembered.popitem(last=False)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Raise IndexDamagedError for errors that damaged bytes cause."""
        try:
            yield
        except BaseException as error:
            if not isinstance(error, ValueError | LookupError | RuntimeError) and not is_panic(error):
                raise
            raise IndexDamagedError(
                f"{self._folder}: cannot be read ({first_line(error)}); "
                f"run: claimhound index verify --index {self.path}"
            ) from error


def _require_date(conditions: Conditions) -> None:
    if conditions.before is not None:
        first_day(conditions.before)


def _mask(n_positions: int, positions: Positions, *, others: bool = False) -> NDArray[np.bool_]:
    """Return for each position whether it is in `positions` or, with `others`, whether it is not."""
    mask = np.full(n_positions, others)
    mask[positions] = not others
    return mask


def _same_text(document: Document, found: dict[int, Document], places: range) -> Iterator[Document]:
    """Yield the documents at these positions up to the first that is missing or of another text."""
    for position in places:
        neighbour = found.get(position)
        if neighbour is None or not _is_same_text(document, neighbour):
            return
        yield neighbour


def _is_same_text(document: Document, other: Document) -> bool:
    if document.parent_id is not None or other.parent_id is not None:
        return document.parent_id == other.parent_id
    return document.title is not None and (document.title, document.source) == (other.title, other.source)
