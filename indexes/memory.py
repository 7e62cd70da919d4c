"""BM25 over a handful of passages that were never indexed."""

from __future__ import annotations

from collections.abc import Sequence

from rank_bm25 import BM25Plus

from data.records import Document, Ranking, ScoredDoc
from indexes.analysis import tokenize


class MemoryIndex:
    """Documents in memory, ranked by BM25+ (its idf stays positive, so that a score of 0 means "no match").

    For up to some thousands of documents: every search scores all of them.

    Source: Lv and Zhai, Lower-bounding term frequency normalization, CIKM 2011; the arithmetic is rank_bm25's.
    """

    def __init__(self, documents: Sequence[Document]) -> None:
        self._documents = {document.doc_id: document for document in documents}
        terms = [tokenize(document.text) for document in self._documents.values()]
        self._terms = [frozenset(found) for found in terms]
        # rank_bm25 divides by the mean length: nothing to rank where no document holds a term.
        self._scorer = BM25Plus(terms) if any(terms) else None

    @property
    def n_docs(self) -> int:
        """How many documents it holds."""
        return len(self._documents)

    def search_text(self, text: str, k: int) -> Ranking:
        """Return the k best documents; documents that share no term with the text are not among them."""
        terms = tokenize(text)
        if self._scorer is None or not terms or k <= 0:
            return []
        wanted = frozenset(terms)
        scores = self._scorer.get_scores(terms)
        hits = [
            ScoredDoc(doc_id, float(score))
            for doc_id, score, held in zip(self._documents, scores, self._terms, strict=True)
            if not wanted.isdisjoint(held)
        ]
        hits.sort(key=lambda hit: (-hit.score, hit.doc_id))
        return hits[:k]

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        """Return the documents with these ids, in this order.

        Raises KeyError for an id that it does not hold.
        """
        return [self._documents[doc_id] for doc_id in doc_ids]
