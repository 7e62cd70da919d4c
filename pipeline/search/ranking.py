"""Ranking an index for claims: two searches, fusion and rescoring."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import NamedTuple

from claimhound.data.records import Ranking, ScoredDoc
from claimhound.data.text.claim_text import searched_text
from claimhound.data.text.text_form import read_form
from claimhound.indexes.conditions import NO_CONDITIONS, Conditions
from claimhound.indexes.memory import MemoryIndex
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.indexes.vectors import Vectors
from claimhound.pipeline.models.blending import Floats
from claimhound.pipeline.models.cross_encoders import PairScores, Reranker
from claimhound.pipeline.models.encoders import Encoder
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.copies import CopyFinder, fold, n_different
from claimhound.pipeline.search.fusion import fuse_stages
from claimhound.pipeline.search.rescoring import rescored
from claimhound.pipeline.search.results import StageRankings

_MOSTLY_UNKNOWN = 0.5
# A search that folds copies asks for an eighth more at once, because a second search costs more than these few
# documents. Where a text has hundreds of copies it asks again, up to this many.
_SPARE = 8
_DEEPER = 4
_MOST_CANDIDATES = 10_000


class StageClock:
    """Adds up the wall time of each stage, in milliseconds."""

    def __init__(self) -> None:
        self.spent_ms: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Add the block's time to the stage."""
        start = time.perf_counter()
        yield
        self.spent_ms[stage] = self.spent_ms.get(stage, 0.0) + (time.perf_counter() - start) * 1000


class _Candidates(NamedTuple):
    """The candidates of both searches for a claim, fused, and the copies folded into each."""

    bm25: Ranking
    dense: Ranking | None
    fused: Ranking
    copies: Mapping[str, tuple[str, ...]]


class Ranker:
    """Ranks the documents of one index for claims, with every stage's ranking.

    A claim gets the same rankings alone or among a thousand. Without an encoder only BM25 searches, and without a
    reranker the fused list is the last.
    """

    def __init__(
        self,
        index: IndexSnapshot | MemoryIndex,
        encoder: Encoder | None,
        reranker: Reranker | None,
        config: PipelineConfig,
    ) -> None:
        """Raise EncoderMismatchError if the index's vectors come from another encoder."""
        if isinstance(index, IndexSnapshot) and encoder is not None:
            index.manifest.encoder.require_same(encoder.identity, index.path)
        self.index = index
        self.encoder = encoder
        self.reranker = reranker
        self.config = config
        self._copies = CopyFinder(index.documents)

    def rank(
        self,
        claims: Sequence[str],
        clock: StageClock,
        *,
        conditions: Conditions = NO_CONDITIONS,
        depth: int = 1,
        list_k: int = 1,
        as_found: bool = True,
        folded: bool = False,
        with_decides: bool = False,
    ) -> list[StageRankings]:
        """Return every stage's ranking for each claim, `as_found` or `folded`; with both, the first holds the second.

        The first `depth` hits are ranked by the last stage, even if that is more than the config's `first_stage_k` or
        `rerank_k`. The lists of BM25 and of the vectors have `list_k` hits if that is more than is needed.
        `with_decides` asks the reranker for `decides` even if its blend does not weigh it.
        """
        claims = [searched_text(claim) for claim in claims]
        first_k = max(self.config.first_stage_k, depth)
        k = max(first_k, list_k)
        asked = max(k, first_k + first_k // _SPARE) if folded else k
        wanted = first_k if folded else 0
        query_vectors = None
        if self.encoder is not None:
            with clock("encode"):
                query_vectors = self.encoder.encode(claims, as_query=True)
        with clock("bm25"):
            bm25 = [self._found_by_words(claim, asked, conditions, wanted) for claim in claims]
        dense: list[Ranking | None] = [None for _ in claims]
        if query_vectors is not None:
            with clock("dense"):
                dense = list(self._found_by_meaning(claims, query_vectors, asked, conditions, wanted))
        with clock("fuse"):
            candidates = [
                [self._fused(first[:first_k], second and second[:first_k])] * as_found
                + [self._folded(first, second, first_k)] * folded
                for first, second in zip(bm25, dense, strict=True)
            ]
        stages = self._stages(claims, candidates, max(self.config.rerank_k, depth), clock, with_decides)
        if not as_found:
            return [of_claim[-1] for of_claim in stages]
        return [
            replace(of_claim[0], bm25=first[:k], dense=second and second[:k], folded=of_claim[-1] if folded else None)
            for of_claim, first, second in zip(stages, bm25, dense, strict=True)
        ]

    def copies_among(self, doc_ids: Iterable[str]) -> dict[str, str]:
        """Return an id shared by all copies, for each of the documents that has a near-copy among the others.

        Raises KeyError for an id that the index does not hold.
        """
        return self._copies.groups(doc_ids)

    def is_readable(self, claim: str) -> bool:
        """Return whether there is an encoder that knows most of the claim's words and its script."""
        return self.encoder is not None and self.encoder.unknown_share(searched_text(claim)) < _MOSTLY_UNKNOWN

    @property
    def has_cosines(self) -> bool:
        """Whether there is an encoder whose scores are cosines; other inner products are unbounded."""
        return self.encoder is not None and self.encoder.identity.similarity == "cosine"

    def _found_by_words(self, claim: str, asked: int, conditions: Conditions, wanted: int) -> Ranking:
        found = self._search_text(claim, asked, conditions)
        return self._deep_enough(found, asked, wanted, lambda k: self._search_text(claim, k, conditions))

    def _found_by_meaning(
        self, claims: Sequence[str], query_vectors: Vectors, asked: int, conditions: Conditions, wanted: int
    ) -> Iterator[Ranking]:
        found = self._search_vectors(query_vectors, asked, conditions)
        for row, (claim, ranking) in enumerate(zip(claims, found, strict=True)):
            if self.is_readable(claim):
                deeper = partial(self._search_vector, query_vectors[row : row + 1], conditions)
                yield self._deep_enough(self._near(ranking), asked, wanted, deeper)
            else:
                yield []

    def _search_vector(self, query_vector: Vectors, conditions: Conditions, k: int) -> Ranking:
        (found,) = self._search_vectors(query_vector, k, conditions)
        return self._near(found)

    def _deep_enough(self, found: Ranking, asked: int, wanted: int, search: Callable[[int], Ranking]) -> Ranking:
        """Search deeper until `wanted` different documents are found, or there are no more."""
        most = max(asked, _MOST_CANDIDATES)
        if self.reranker is not None:
            # Now, while the index still has the documents in memory: after a batch of claims it would read them again.
            self._copies.remember(_ids(found))
        while wanted and len(found) >= asked and asked < most:
            if n_different(found, self.copies_among(_ids(found))) >= wanted:
                break
            asked = min(most, asked * _DEEPER)
            found = search(asked)
        return found

    def _fused(self, bm25: Ranking, dense: Ranking | None) -> _Candidates:
        return _Candidates(bm25, dense, fuse_stages(bm25, dense, self.config), {})

    def _folded(self, bm25: Ranking, dense: Ranking | None, first_k: int) -> _Candidates:
        found = fold(bm25, dense, self.copies_among(_ids([*bm25, *(dense or [])])), first_k)
        return self._fused(found.bm25, found.dense)._replace(copies=found.copies)

    def _search_text(self, claim: str, k: int, conditions: Conditions) -> Ranking:
        if isinstance(self.index, MemoryIndex):
            return self.index.search_text(claim, k, title_weight=self.config.title_weight)
        return self.index.search_text(claim, k, conditions, title_weight=self.config.title_weight)

    def _search_vectors(self, query_vectors: Vectors, k: int, conditions: Conditions) -> list[Ranking]:
        if isinstance(self.index, MemoryIndex):
            return self.index.search_vectors(query_vectors, k)
        return self.index.search_vectors(query_vectors, k, conditions, probe_share=self.config.probe_share)

    def _near(self, ranking: Ranking) -> Ranking:
        if not self.has_cosines:
            return ranking
        return [hit for hit in ranking if hit.score >= self.config.min_cosine]

    def _stages(
        self,
        claims: Sequence[str],
        candidates: Sequence[Sequence[_Candidates]],
        rerank_k: int,
        clock: StageClock,
        with_decides: bool,
    ) -> list[list[StageRankings]]:
        """Return the stages of each claim's candidates; the reranker reads each text once per claim."""
        if self.reranker is None:
            return [[_stage_rankings(item) for item in of_claim] for of_claim in candidates]
        with clock("fetch"):
            texts = [
                [[read_form(found) for found in self.index.documents(_ids(item.fused[:rerank_k]))] for item in of_claim]
                for of_claim in candidates
            ]
        with clock("rerank"):
            rows: dict[tuple[str, str], int] = {}
            for claim, texts_of_claim in zip(claims, texts, strict=True):
                for text in chain.from_iterable(texts_of_claim):
                    rows.setdefault((claim, text), len(rows))
            pairs = list(rows)
            scores = self.reranker.score(pairs)
            # A model with two heads remembers the pairs it has just scored, so this is no further pass.
            decides = self.reranker.decides(pairs) if with_decides or self.reranker.blend.uses("decides") else None
            return [
                [
                    self._rescored(self.reranker, item, [rows[claim, text] for text in heads], scores, decides)
                    for item, heads in zip(of_claim, texts_of_claim, strict=True)
                ]
                for claim, of_claim, texts_of_claim in zip(claims, candidates, texts, strict=True)
            ]

    def _rescored(
        self,
        reranker: Reranker,
        item: _Candidates,
        rows: Sequence[int],
        scores: PairScores,
        decides: Floats | None,
    ) -> StageRankings:
        """Return the stages of a claim's candidates; `rows` are the first fused hits' places in scores and decides."""
        same = self._copies.alike(_ids(item.fused), read_form)
        logits = scores.logits[list(rows)]
        cut = frozenset(hit.doc_id for hit, row in zip(item.fused, rows, strict=False) if scores.truncated[row])
        decided = None if decides is None else decides[list(rows)]
        reranked = rescored(item.fused, logits, reranker.blend, item.bm25, item.dense, same, decided)
        return replace(
            _stage_rankings(item),
            rerank=reranked,
            truncated=cut,
            logits=tuple(logits.tolist()),
            decides=() if decided is None else tuple(decided.tolist()),
            alike=same,
        )


def _ids(hits: Iterable[ScoredDoc]) -> list[str]:
    return [hit.doc_id for hit in hits]


def _stage_rankings(item: _Candidates) -> StageRankings:
    fused = None if item.dense is None else item.fused
    return StageRankings(item.bm25, item.dense, fused, None, copies=item.copies)
