"""The path of a claim: two searches, fusion, rescoring, and which way the evidence points."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from itertools import chain
from typing import NamedTuple

from claimhound.data.errors import InputError
from claimhound.data.records import Document, Json, Ranking, ScoredDoc
from claimhound.data.text.claim_text import searched_text
from claimhound.data.text.text_form import read_form
from claimhound.indexes.analysis.terms import query_terms
from claimhound.indexes.conditions import Conditions, first_day
from claimhound.indexes.memory import MemoryIndex
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.indexes.vectors import Vectors
from claimhound.pipeline.models.encoders import Encoder
from claimhound.pipeline.models.relevance import RelevanceThreshold, best_cosine
from claimhound.pipeline.models.rerankers import PairScores, Reranker
from claimhound.pipeline.models.stance import StanceModel
from claimhound.pipeline.search.adaptive import adaptive_k
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.copies import CopyFinder, fold, n_different
from claimhound.pipeline.search.fusion import fuse_stages
from claimhound.pipeline.search.rescoring import rescored
from claimhound.pipeline.search.results import MOST_COPIES, STAGES, ClaimEvidence, Evidence, StageRankings, StageScore
from claimhound.pipeline.search.summary import stance_of, summarize

_MOSTLY_UNKNOWN = 0.5
_NO_CONDITIONS = Conditions()
# A search with copies folded asks for an eighth more at once, as a second search costs more than the few documents do.
# Where a text has hundreds of copies it asks again, up to this many.
_SPARE = 8
_DEEPER = 4
_MOST_CANDIDATES = 10_000


_NO_CONDITIONS_FIELDS = frozenset({"text", "doc_id", "id", "span"})
_FIELDS_OF_ALL = frozenset({"title", "source", "url", "date", "parent_id"})
_SAMPLED = 100


class _Candidates(NamedTuple):
    """What both searches found for a claim, as it goes on to fusion, and what each document stands for if folded."""

    bm25: Ranking
    dense: Ranking | None
    fused: Ranking
    copies: Mapping[str, tuple[str, ...]]


class EvidencePipeline:
    """Finds evidence for claims in one index.

    A claim gets the same evidence alone or among a thousand. Without an encoder only BM25 searches, without a reranker
    the fused list is the answer, and without a stance model nothing is said about which way it points. A `MemoryIndex`
    knows no conditions and no neighbours.
    """

    def __init__(
        self,
        index: IndexSnapshot | MemoryIndex,
        encoder: Encoder | None,
        reranker: Reranker | None,
        config: PipelineConfig = PipelineConfig(),  # noqa: B008 (frozen)
        stance: StanceModel | None = None,
    ) -> None:
        """Raise EncoderMismatchError if the index's vectors come from another encoder."""
        if isinstance(index, IndexSnapshot) and encoder is not None:
            index.manifest.encoder.require_same(encoder.identity, index.path)
        self.index = index
        self.encoder = encoder
        self.reranker = reranker
        self.config = config
        self.stance = stance
        self._copies = CopyFinder(index.documents)

    def find_evidence(
        self,
        claims: Sequence[str],
        k: int = 5,
        *,
        adaptive: bool = False,
        min_score: float | None = None,
        conditions: Conditions = _NO_CONDITIONS,
        context: int = 0,
        folding: bool = True,
    ) -> list[ClaimEvidence]:
        """Return for each claim its k best pieces of evidence, fewer where fewer were found.

        With `folding` near-copies (`pipeline.copies`) are one piece, which names the others that were found; candidates
        of both stages are then counted in such pieces.
        With `adaptive` also fewer where the probability falls off, see `adaptive_k`, and with `min_score` none of a
        lower probability. `context` adds that many neighbouring sentences to each. Raises InputError for a blank claim
        and for one that is no text, ValueError for k below 1, context below 0, `adaptive` or `min_score` without a
        reranker, and for either of conditions and context on a `MemoryIndex`.
        """
        if k < 1 or context < 0:
            raise ValueError(f"k starts at 1 and context at 0, got {k} and {context}")
        if adaptive and self.reranker is None:
            raise ValueError("an adaptive k goes by the reranker's probabilities, and there is no reranker")
        if min_score is not None and self.reranker is None:
            raise ValueError("a lowest score goes by the reranker's probabilities, and there is no reranker")
        if isinstance(self.index, MemoryIndex) and (conditions or context):
            raise ValueError("an index in memory knows neither conditions nor context")
        _require_texts(claims)
        stages, timings = self._rank(claims, conditions, depth=k, as_found=not folding, folded=folding)
        clock = _Clock(timings)
        answers = [
            self._answer(
                claim, ranked, self._depth(ranked, k) if adaptive else k, min_score, conditions, context, clock
            )
            for claim, ranked in zip(claims, stages, strict=True)
        ]
        if self.stance is not None:
            with clock("stance"):
                answers = self._with_stances(answers, self.stance)
        share = {name: round(spent / max(1, len(claims)), 3) for name, spent in clock.spent_ms.items()}
        return [self._described(answer, share) for answer in answers]

    def rank(
        self,
        claims: Sequence[str],
        *,
        conditions: Conditions = _NO_CONDITIONS,
        list_k: int | None = None,
        with_folded: bool = False,
    ) -> list[StageRankings]:
        """Return every stage's whole ranking for each claim, each document by itself.

        The lists of BM25 and of the vectors reach down to `list_k` where that is more than the `first_stage_k` of which
        the further stages are made. `with_folded` adds the rankings with near-copies folded, of which `find_evidence`
        shows the first. Raises ValueError for list_k below 1.
        """
        if list_k is not None and list_k < 1:
            raise ValueError(f"list_k starts at 1, got {list_k}")
        rankings, spent_ms = self._rank(claims, conditions, depth=1, list_k=list_k or 1, folded=with_folded)
        share = {name: spent / max(1, len(claims)) for name, spent in spent_ms.items()}
        return [replace(stages, timings_ms=share) for stages in rankings]

    def _rank(
        self,
        claims: Sequence[str],
        conditions: Conditions,
        depth: int,
        *,
        list_k: int = 1,
        as_found: bool = True,
        folded: bool = False,
    ) -> tuple[list[StageRankings], dict[str, float]]:
        """Return the stages for each claim, `as_found` or folded; with both the first has the second in it."""
        clock = _Clock({})
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
        rerank_k = max(self.config.rerank_k, depth)
        stages = self._stages(claims, candidates, rerank_k, clock)
        if not as_found:
            return [of_claim[-1] for of_claim in stages], clock.spent_ms
        rankings = [
            replace(of_claim[0], bm25=first[:k], dense=second and second[:k], folded=of_claim[-1] if folded else None)
            for of_claim, first, second in zip(stages, bm25, dense, strict=True)
        ]
        return rankings, clock.spent_ms

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
        """Search deeper until as many different documents are found as are wanted, or all that there are."""
        most = max(asked, _MOST_CANDIDATES)
        if self.reranker is not None:
            # Now, while the index has at hand what it found: after a batch of claims it would have to read it anew.
            self._copies.remember(_ids(found))
        while wanted and len(found) >= asked and asked < most:
            if n_different(found, self.copies_among(_ids(found))) >= wanted:
                break
            asked = min(most, asked * _DEEPER)
            found = search(asked)
        return found

    def copies_among(self, doc_ids: Iterable[str]) -> dict[str, str]:
        """Return for each of the documents that has a near-copy among the others an id that all its copies share.

        Raises KeyError for an id that the index does not hold.
        """
        return self._copies.groups(doc_ids)

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
        """Return the hits that are near at all. Inner products that are no cosines know no bound for that."""
        if not self._has_cosines():
            return ranking
        return [hit for hit in ranking if hit.score >= self.config.min_cosine]

    def _has_cosines(self) -> bool:
        return self.encoder is not None and self.encoder.identity.similarity == "cosine"

    def is_readable(self, claim: str) -> bool:
        """Return whether there is an encoder that knows most of the claim's words and its script."""
        return self.encoder is not None and self.encoder.unknown_share(searched_text(claim)) < _MOSTLY_UNKNOWN

    def _stages(
        self, claims: Sequence[str], candidates: Sequence[Sequence[_Candidates]], rerank_k: int, clock: _Clock
    ) -> list[list[StageRankings]]:
        """Return the stages of each claim's candidates; the reranker reads each text once for a claim."""
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
            scores = self.reranker.score(list(rows))
            stages: list[list[StageRankings]] = []
            for claim, of_claim, texts_of_claim in zip(claims, candidates, texts, strict=True):
                stages.append([])
                for item, heads in zip(of_claim, texts_of_claim, strict=True):
                    stages[-1].append(self._rescored(item, [rows[claim, text] for text in heads], scores))
        return stages

    def _rescored(self, item: _Candidates, rows: Sequence[int], scores: PairScores) -> StageRankings:
        """Return the stages of a claim's candidates; `rows` has for the first of the fused list where its score is."""
        assert self.reranker is not None
        same = self._copies.alike(_ids(item.fused), read_form)
        logits = scores.logits[list(rows)]
        cut = frozenset(hit.doc_id for hit, row in zip(item.fused, rows, strict=False) if scores.truncated[row])
        reranked = rescored(item.fused, logits, self.reranker.blend, item.bm25, item.dense, same)
        return replace(_stage_rankings(item), rerank=reranked, truncated=cut, logits=tuple(logits.tolist()), alike=same)

    def _depth(self, stages: StageRankings, k: int) -> int:
        return adaptive_k([hit.score for hit in stages.final()], k, self.config.adaptive_share)

    def _answer(
        self,
        claim: str,
        stages: StageRankings,
        k: int,
        min_score: float | None,
        conditions: Conditions,
        context: int,
        clock: _Clock,
    ) -> ClaimEvidence:
        best = [hit for hit in stages.final()[:k] if min_score is None or hit.score >= min_score]
        places = {name: _places(getattr(stages, name)) for name in STAGES}
        with clock("fetch"):
            documents = self.index.documents([hit.doc_id for hit in best])
            around = [self._neighbours(hit.doc_id, context) for hit in best]
            copies = [stages.copies.get(hit.doc_id, ()) for hit in best]
            named = [self.index.documents(others[:MOST_COPIES]) for others in copies]
        evidence = tuple(
            Evidence(
                rank=rank,
                document=document,
                score=hit.score,
                truncated=hit.doc_id in stages.truncated,
                stages={name: places[name].get(hit.doc_id) for name in STAGES},
                before=tuple(before),
                after=tuple(after),
                copies=tuple(shown),
                n_copies=len(others),
            )
            for rank, (hit, document, (before, after), others, shown) in enumerate(
                zip(best, documents, around, copies, named, strict=True), start=1
            )
        )
        nothing_relevant = None if conditions else self.has_nothing_relevant(claim, stages)
        notes = list(self._notes(claim, stages, evidence, conditions, min_score))
        if evidence and nothing_relevant:
            notes.insert(0, self._nothing_relevant_note(stages))
        return ClaimEvidence(claim, evidence, tuple(notes), nothing_relevant=nothing_relevant)

    def has_nothing_relevant(self, claim: str, stages: StageRankings) -> bool | None:
        """Return whether the nearest document is so far from the claim that probably none is relevant to it.

        None where that cannot be told: without a threshold for this encoder beside the reranker, and for a claim that
        the encoder cannot read. `stages` must be those of a search without conditions: these leave fewer documents, and
        the nearest of fewer is further off.
        """
        if self._threshold() is None or not self.is_readable(claim):
            return None
        return best_cosine(stages.dense or []) < self.min_relevant_cosine()

    def min_relevant_cosine(self) -> float:
        """Return the cosine of the nearest document below which a claim has nothing relevant; -1 if none is known."""
        threshold = self._threshold()
        return -1.0 if threshold is None else threshold.cosine_at(self.index.n_docs)

    def _threshold(self) -> RelevanceThreshold | None:
        found = None if self.reranker is None else self.reranker.blend.relevance
        if found is None or self.encoder is None or not self._has_cosines():
            return None
        if found.encoder_sha256 != self.encoder.identity.weights_sha256:
            return None
        return found

    def _nothing_relevant_note(self, stages: StageRankings) -> str:
        measured = self._threshold()
        assert measured is not None
        cosine = f"{best_cosine(stages.dense):.2f}" if stages.dense else f"less than {self.config.min_cosine:g}"
        return (
            f"Probably nothing relevant: what lies nearest to the claim has cosine {cosine}, and in a corpus of this "
            f"size {self.min_relevant_cosine():.2f} is the least to expect. Where that was measured, "
            f"{measured.errors_text}."
        )

    def _with_stances(self, answers: Sequence[ClaimEvidence], model: StanceModel) -> list[ClaimEvidence]:
        pairs = [
            (searched_text(answer.claim), read_form(hit.document)) for answer in answers for hit in answer.evidence
        ]
        found = model.classify(pairs)
        stances = iter([stance_of(*row) for row in zip(found.probabilities, found.truncated, strict=True)])
        config = self.config
        described: list[ClaimEvidence] = []
        for answer in answers:
            evidence = tuple(replace(hit, stance=next(stances)) for hit in answer.evidence)
            summary = summarize(evidence, min_stance=config.min_stance, min_relevance=config.min_relevance)
            notes = answer.notes
            if any(hit.stance is not None and hit.stance.truncated and not hit.truncated for hit in evidence):
                notes += ("Claim and evidence were too long together for the stance model and were cut where marked.",)
            described.append(replace(answer, evidence=evidence, summary=summary, notes=notes))
        return described

    def _neighbours(self, doc_id: str, n: int) -> tuple[list[Document], list[Document]]:
        if n == 0 or not isinstance(self.index, IndexSnapshot):
            return [], []
        return self.index.neighbours(doc_id, n)

    def _notes(
        self,
        claim: str,
        stages: StageRankings,
        evidence: Sequence[Evidence],
        conditions: Conditions,
        min_score: float | None,
    ) -> Iterator[str]:
        if self.index.n_docs == 0:
            yield "The corpus is empty: there is no evidence to find."
            return
        no_document = "no document that meets the conditions" if conditions else "no document"
        no_words = f"{no_document} holds a word of the claim"
        if not query_terms(searched_text(claim)):
            no_words = "the claim holds no word that can be searched for"
        no_meaning = f"{no_document} is near the claim in meaning"
        if not self.is_readable(claim):
            no_meaning = "the encoder does not know the claim's words or script"
        if conditions.before is not None:
            yield from self._left_out(conditions.before)
        reasons = [] if stages.final() else list(self._why_nothing_meets(conditions))
        if reasons:
            yield from reasons
        elif not evidence and stages.final() and min_score is not None:
            yield f"No evidence of probability {min_score:g} or more: the best has {stages.final()[0].score:.2g}."
        elif not evidence:
            yield (
                f"No evidence found: {no_words}."
                if self.encoder is None
                else f"No evidence found: {no_words}, and {no_meaning}."
            )
        elif not stages.bm25:
            yield f"Found by meaning alone: {no_words}."
        elif self.encoder is not None and not stages.dense:
            yield f"Found by words alone: {no_meaning}."
        if any(hit.truncated for hit in evidence):
            yield "Claim and evidence were too long together for the reranker and were cut where marked."

    def origin(self) -> tuple[dict[str, Json], dict[str, Json]]:
        """Return what every answer says of the index and of the models, by the names under which they were opened."""
        index: dict[str, Json] = {
            "path": str(self.index.path) if isinstance(self.index, IndexSnapshot) else None,
            "generation": self.index.manifest.generation if isinstance(self.index, IndexSnapshot) else None,
            "n_docs": self.index.n_docs,
        }
        models: dict[str, Json] = {
            "encoder": self.encoder.identity.name if self.encoder else None,
            "reranker": self.reranker.name if self.reranker else None,
            "stance": self.stance.name if self.stance else None,
        }
        return index, models

    def _why_nothing_meets(self, conditions: Conditions) -> Iterator[str]:
        """Yield a sentence for each condition that no document can meet, whatever the claim."""
        if not isinstance(self.index, IndexSnapshot):
            return
        if conditions.before is not None and self.index.n_dated == 0:
            yield f"No document is dated, so none is before {conditions.before}."
        elif conditions.before is not None and self.index.n_meeting(Conditions(conditions.before)) == 0:
            yield f"No document is dated before {conditions.before}."
        for name in dict.fromkeys(name for name, _ in conditions.where):
            if self.index.has_field(name):
                continue
            if name in _NO_CONDITIONS_FIELDS:
                yield (
                    f"{name!r} is no condition: documents are chosen by title, source, url, date, parent_id and the "
                    "further fields of their records."
                )
            else:
                yield f"No document has a field {name!r}{self._did_you_mean(name)}"

    def _did_you_mean(self, name: str) -> str:
        """Return the field of a name like this one, among those of some documents."""
        assert isinstance(self.index, IndexSnapshot)
        names = {field for document in self.index.sample(_SAMPLED, seed=0) for field in document.fields}
        near = get_close_matches(name, sorted(names | _FIELDS_OF_ALL), n=1)
        return f"; did you mean {near[0]!r}?" if near and self.index.has_field(near[0]) else "."

    def _left_out(self, before: str) -> Iterator[str]:
        """Yield what the condition on the date leaves out although it may be older."""
        if not isinstance(self.index, IndexSnapshot):
            return
        n_undated = self.index.n_docs - self.index.n_dated
        spans = _dates_that_reach(before)
        n_coarse = sum(self.index.n_meeting(Conditions(where=(("date", date),))) for date in spans)
        parts = [f"{_counted(n_undated, 'document')} without a date"] if 0 < n_undated < self.index.n_docs else []
        if n_coarse:
            alone = " or ".join(spans)
            parts.append(f"{_counted(n_coarse, 'document')} dated {alone} alone, which may be no older")
        if parts:
            yield f"Not counted as before {before}: {' and '.join(parts)}."

    def _described(self, answer: ClaimEvidence, timings_ms: dict[str, float]) -> ClaimEvidence:
        index, models = self.origin()
        return ClaimEvidence(
            claim=answer.claim,
            evidence=answer.evidence,
            notes=answer.notes,
            index=index,
            models=models,
            timings_ms=timings_ms,
            summary=answer.summary,
            nothing_relevant=answer.nothing_relevant,
        )


class _Clock:
    """Adds up wall time by stage, in milliseconds."""

    def __init__(self, spent_ms: dict[str, float]) -> None:
        self.spent_ms = spent_ms

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.spent_ms[stage] = self.spent_ms.get(stage, 0.0) + (time.perf_counter() - start) * 1000


def _require_texts(claims: Sequence[str]) -> None:
    if isinstance(claims, str):
        raise TypeError(f"claims is a sequence of claims, not one string: [{claims!r}]")
    for number, claim in enumerate(claims, start=1):
        which = "the claim" if len(claims) == 1 else f"claim {number}"
        if not claim.strip():
            raise InputError(f"{which} is empty; type a sentence to find evidence for")
        try:
            claim.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"{which} is no text: it holds bytes that are not UTF-8") from error


def _ids(hits: Iterable[ScoredDoc]) -> list[str]:
    return [hit.doc_id for hit in hits]


def _dates_that_reach(before: str) -> list[str]:
    """Return the year and the month, as dates of documents, that begin before a day and do not end before it."""
    day = f"{first_day(before):08}"
    year, month = day[:4], f"{day[:4]}-{day[4:6]}"
    return [year] * (day[4:] != "0101") + [month] * (day[6:] != "01")


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _stage_rankings(item: _Candidates) -> StageRankings:
    fused = None if item.dense is None else item.fused
    return StageRankings(item.bm25, item.dense, fused, None, copies=item.copies)


def _places(ranking: Ranking | None) -> dict[str, StageScore]:
    return {hit.doc_id: StageScore(rank, hit.score) for rank, hit in enumerate(ranking or [], start=1)}
