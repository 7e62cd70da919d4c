"""An index in memory, for a handful of passages: BM25+ and exact vector search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Plus

from claimhound.data.records import Document, Ranking, ScoredDoc
from claimhound.indexes.analysis.terms import query_terms, tokenize
from claimhound.indexes.text_index import DEFAULT_TITLE_WEIGHT
from claimhound.indexes.ties import level
from claimhound.indexes.vector_segments import SCORE_DIGITS
from claimhound.indexes.vectors import Vectors


class _Field:
    """The terms of one field of all documents."""

    def __init__(self, texts: Sequence[str]) -> None:
        terms = [tokenize(text) for text in texts]
        self._terms = [frozenset(found) for found in terms]
        # rank_bm25 divides by the mean length, which is 0 if no document has a term.
        self._scorer = BM25Plus(terms) if any(terms) else None

    def scores(self, terms: Sequence[str]) -> NDArray[np.float64]:
        """Return each document's score, (n,); 0 for one that shares no term."""
        if self._scorer is None:
            return np.zeros(len(self._terms))
        wanted = frozenset(terms)
        held = np.array([not wanted.isdisjoint(found) for found in self._terms])
        return np.where(held, self._scorer.get_scores(terms), 0.0)


class MemoryIndex:
    """Documents in memory, ranked by BM25+ (its idf stays positive, so a score of 0 means "no match").

    For up to a few thousand documents: every search scores all of them.

    Source: Lv and Zhai, Lower-bounding term frequency normalization, CIKM 2011; computed by rank_bm25.
    """

    def __init__(self, documents: Sequence[Document], doc_vectors: Vectors | None = None) -> None:
        """Take (len(documents), dim) unit vectors to search by meaning too.

        Raises ValueError if their number is wrong.
        """
        if doc_vectors is not None and len(doc_vectors) != len(documents):
            raise ValueError(f"{len(documents)} documents need as many vectors, got {len(doc_vectors)}")
        self._doc_vectors = doc_vectors
        self._documents = {document.doc_id: document for document in documents}
        self._texts = _Field([document.text for document in self._documents.values()])
        self._titles = _Field([document.title or "" for document in self._documents.values()])

    @property
    def n_docs(self) -> int:
        """Number of documents."""
        return len(self._documents)

    @property
    def has_titles(self) -> bool:
        """Whether any document has a title."""
        return any(document.title for document in self._documents.values())

    def search_text(self, text: str, k: int, *, title_weight: float = DEFAULT_TITLE_WEIGHT) -> Ranking:
        """Return the k best documents that share a term with the text.

        A document's score is its text's plus `title_weight` times its title's.
        """
        terms = query_terms(text)
        if not terms or k <= 0:
            return []
        scores = self._texts.scores(terms) + title_weight * self._titles.scores(terms)
        found = zip(self._documents, scores.tolist(), strict=True)
        hits = [ScoredDoc(doc_id, score) for doc_id, score in found if score > 0]
        hits.sort(key=lambda hit: (-hit.score, hit.doc_id))
        return hits[:k]

    def search_vectors(self, query_vectors: Vectors, k: int) -> list[Ranking]:
        """Return for each row of (n, dim) query vectors the k documents of highest cosine, by exact search.

        A row of zeros stands for a text without content and finds nothing.

        Raises ValueError if the index has no vectors.
        """
        if self._doc_vectors is None:
            raise ValueError("this index has no vectors")
        # One product for each claim: in a product of all claims, the last digits depend on their number.
        return [self._nearest(self._doc_vectors @ vector, k) if vector.any() else [] for vector in query_vectors]

    def _nearest(self, cosines: Vectors, k: int) -> Ranking:
        doc_ids = list(self._documents)
        found = level(enumerate(cosines.tolist()), k, SCORE_DIGITS)
        hits = [ScoredDoc(doc_ids[position], score) for position, score in found]
        hits.sort(key=lambda hit: (-hit.score, hit.doc_id))
        return hits[:k]

    def positions_of(self, doc_ids: Sequence[str]) -> dict[str, int]:
        """Return the position of each id in the index."""
        places = {doc_id: position for position, doc_id in enumerate(self._documents)}
        return {doc_id: places[doc_id] for doc_id in doc_ids if doc_id in places}

    def sample(self, n: int, seed: int) -> list[Document]:
        """Return n documents drawn by seed, all if there are fewer."""
        held = list(self._documents.values())
        drawn = np.random.default_rng(seed).choice(len(held), size=min(n, len(held)), replace=False)
        return [held[position] for position in sorted(drawn.tolist())]

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        """Return the documents with these ids, in this order.

        Raises KeyError for an id that is not in the index.
        """
        return [self._documents[doc_id] for doc_id in doc_ids]
