"""Answers to claims: the evidence that ranks first, with copies, context, stance and notes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.stances import Side
from claimhound.data.records import Document, Json, Ranking
from claimhound.data.text.claim_text import searched_text
from claimhound.data.text.text_form import read_form
from claimhound.indexes.conditions import NO_CONDITIONS, Conditions
from claimhound.indexes.memory import MemoryIndex
from claimhound.indexes.snapshot import IndexSnapshot
from claimhound.pipeline.models.cross_encoders import Reranker, StanceModel
from claimhound.pipeline.models.encoders import Encoder
from claimhound.pipeline.models.relevance import RelevanceThreshold, best_cosine
from claimhound.pipeline.models.summary_rule import UNMEASURED, SummaryRule, relevance_sha256
from claimhound.pipeline.search.adaptive import adaptive_k
from claimhound.pipeline.search.config import PipelineConfig
from claimhound.pipeline.search.notes import notes_on
from claimhound.pipeline.search.ranking import Ranker, StageClock
from claimhound.pipeline.search.results import MOST_COPIES, STAGES, ClaimEvidence, Evidence, StageRankings, StageScore
from claimhound.pipeline.search.sides import of_sides
from claimhound.pipeline.search.summary import stance_of, summarize


class EvidencePipeline:
    """Finds evidence for claims in one index.

    A claim gets the same evidence alone or among a thousand. Without an encoder only BM25 searches, without a reranker
    the fused list is the answer, and without a stance model the evidence has no stance. A `MemoryIndex` supports
    neither conditions nor context.
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
        self.index = index
        self.encoder = encoder
        self.reranker = reranker
        self.config = config
        self.stance = stance
        self._ranker = Ranker(index, encoder, reranker, config)

    def find_evidence(
        self,
        claims: Sequence[str],
        k: int = 5,
        *,
        adaptive: bool = False,
        min_score: float | None = None,
        conditions: Conditions = NO_CONDITIONS,
        context: int = 0,
        folding: bool = True,
        sides: Collection[Side] = (),
    ) -> list[ClaimEvidence]:
        """Return for each claim its k best pieces of evidence, fewer if fewer were found.

        With `folding`, near-copies (`pipeline/search/copies.py`) are one piece, which names the other copies found;
        `first_stage_k` and `rerank_k` then count such pieces. With `adaptive` there are fewer pieces where the
        probability falls off, see `adaptive_k`; `min_score` drops those with a lower probability. `context` adds that
        many neighbouring sentences to each.

        `sides` asks for evidence that supports, that refutes, or both: of all pieces that the reranker reads (without
        one, the first `rerank_k`), the k best that point to each of these sides are shown, with the ranks that they
        have without `sides`. Such an answer is not the whole evidence, so its summary says nothing.

        Raises InputError for a claim that is blank or not UTF-8, ValueError for k below 1, context below 0, `adaptive`
        or `min_score` without a reranker, `sides` without a stance model or with `adaptive`, and conditions or context
        on a `MemoryIndex`.
        """
        if k < 1 or context < 0:
            raise ValueError(f"k must be at least 1 and context at least 0, got {k} and {context}")
        if adaptive and self.reranker is None:
            raise ValueError("an adaptive k needs the probabilities of a reranker")
        if min_score is not None and self.reranker is None:
            raise ValueError("min_score needs the probabilities of a reranker")
        if sides and (self.stance is None or adaptive):
            raise ValueError("asking for sides needs a stance model, and cannot be combined with an adaptive k")
        if isinstance(self.index, MemoryIndex) and (conditions or context):
            raise ValueError("an index in memory supports neither conditions nor context")
        _require_texts(claims)
        clock = StageClock()
        stages = self._ranker.rank(claims, clock, conditions=conditions, depth=k, as_found=not folding, folded=folding)
        depth = max(k, self.config.rerank_k) if sides else k
        answers = [
            self._answer(
                claim, ranked, self._depth(ranked, k) if adaptive else depth, min_score, conditions, context, clock
            )
            for claim, ranked in zip(claims, stages, strict=True)
        ]
        if self.stance is not None:
            with clock("stance"):
                answers = self._with_stances(answers, self.stance)
        if sides:
            answers = [of_sides(answer, sides, k) for answer in answers]
        share = {name: round(spent / max(1, len(claims)), 3) for name, spent in clock.spent_ms.items()}
        index, models = self.origin()
        return [replace(answer, index=index, models=models, timings_ms=share) for answer in answers]

    def rank(
        self,
        claims: Sequence[str],
        *,
        conditions: Conditions = NO_CONDITIONS,
        list_k: int | None = None,
        with_folded: bool = False,
        with_decides: bool = False,
    ) -> list[StageRankings]:
        """Return every stage's whole ranking for each claim, without folding copies.

        The lists of BM25 and of the vectors have `list_k` hits if that is more than `first_stage_k`, on which the later
        stages work. `with_folded` adds the rankings with near-copies folded, whose first hits `find_evidence` shows.
        `with_decides` adds the reranker's `decides` where its blend does not weigh it.
        Raises ValueError for list_k below 1.
        """
        if list_k is not None and list_k < 1:
            raise ValueError(f"list_k must be at least 1, got {list_k}")
        clock = StageClock()
        rankings = self._ranker.rank(
            claims,
            clock,
            conditions=conditions,
            list_k=list_k or 1,
            folded=with_folded,
            with_decides=with_decides,
        )
        share = {name: spent / max(1, len(claims)) for name, spent in clock.spent_ms.items()}
        return [replace(stages, timings_ms=share) for stages in rankings]

    def copies_among(self, doc_ids: Iterable[str]) -> dict[str, str]:
        """See `Ranker.copies_among`."""
        return self._ranker.copies_among(doc_ids)

    def is_readable(self, claim: str) -> bool:
        """See `Ranker.is_readable`."""
        return self._ranker.is_readable(claim)

    def has_nothing_relevant(self, claim: str, stages: StageRankings) -> bool | None:
        """Return whether even the nearest document is so far from the claim that probably none is relevant.

        None if that is unknown: without a threshold for this encoder in the reranker's folder, and for a claim that the
        encoder cannot read. `stages` must be from a search without conditions: conditions leave fewer documents, and
        the nearest of fewer is further away.
        """
        if self._threshold() is None or not self.is_readable(claim):
            return None
        return best_cosine(stages.dense or []) < self.min_relevant_cosine()

    def min_relevant_cosine(self) -> float:
        """Return the cosine of the nearest document below which a claim has nothing relevant; -1 if unknown."""
        threshold = self._threshold()
        return -1.0 if threshold is None else threshold.cosine_at(self.index.n_docs)

    @property
    def summary_rule(self) -> SummaryRule:
        """The rule of a claim's summary: the stance model's, if it was measured with this reranker.

        Otherwise UNMEASURED, since another reranker's probabilities mean something else.
        """
        own = None if self.stance is None else self.stance.summary
        if own is None or self.reranker is None:
            return UNMEASURED
        scale = relevance_sha256(self.reranker.weights_sha256, self.reranker.blend)
        return own if own.relevance_sha256 == scale else UNMEASURED

    def origin(self) -> tuple[dict[str, Json], dict[str, Json]]:
        """Return the facts about index and models in every answer, with the names by which they were opened."""
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

    def _threshold(self) -> RelevanceThreshold | None:
        found = None if self.reranker is None else self.reranker.blend.relevance
        if found is None or self.encoder is None or not self._ranker.has_cosines:
            return None
        return found if found.encoder_sha256 == self.encoder.identity.weights_sha256 else None

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
        clock: StageClock,
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
        notes = list(notes_on(claim, stages, evidence, self._ranker, conditions, min_score))
        if evidence and nothing_relevant:
            notes.insert(0, self._nothing_relevant_note(stages))
        return ClaimEvidence(claim, evidence, tuple(notes), nothing_relevant=nothing_relevant)

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
        config, rule = self.config, self.summary_rule
        described: list[ClaimEvidence] = []
        for answer in answers:
            evidence = tuple(replace(hit, stance=next(stances)) for hit in answer.evidence)
            summary = summarize(evidence, rule, min_stance=config.min_stance, min_relevance=config.min_relevance)
            notes = answer.notes
            if any(hit.stance is not None and hit.stance.truncated and not hit.truncated for hit in evidence):
                notes += ("Claim and evidence were too long together for the stance model and were cut where marked.",)
            described.append(replace(answer, evidence=evidence, summary=summary, notes=notes))
        return described

    def _neighbours(self, doc_id: str, n: int) -> tuple[list[Document], list[Document]]:
        if n == 0 or not isinstance(self.index, IndexSnapshot):
            return [], []
        return self.index.neighbours(doc_id, n)


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
            raise InputError(f"{which} contains bytes that are not UTF-8") from error


def _places(ranking: Ranking | None) -> dict[str, StageScore]:
    return {hit.doc_id: StageScore(rank, hit.score) for rank, hit in enumerate(ranking or [], start=1)}
