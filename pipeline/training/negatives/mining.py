"""Hard negatives: unjudged passages that the first stage retrieves for a claim."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.mined_claims import MinedClaim, MinedPassage
from claimhound.data.records import Qrels, Query
from claimhound.data.text.normal_text import normalize_text
from claimhound.pipeline.training.negatives.candidates import Candidates


@dataclass(frozen=True)
class NegativeGuard:
    """Limits on how similar a negative may be to a judged passage of the same claim.

    Sets of tokens are compared: `max_jaccard` bounds intersection over union, `max_containment` the share of the
    smaller set that is in the larger one; containment counts only from `min_tokens` tokens on, since any short fragment
    is contained in something. `max_cosine` bounds the cosine of the two passages, if a similarity is known.

    `margin`, unless None, is how much further from the claim than its nearest judged passage a negative must be, in
    cosine. `max_p` bounds the probability of relevance that a reranker gives the candidate, if there is one.

    Source of the margin: Moreira et al., NV-Retriever, 2024 (https://arxiv.org/abs/2407.15831), TopK-MarginPos; theirs
    is measured from each positive, ours from the claim's nearest, since the encoder may put the others far from it.
    """

    max_jaccard: float = 0.7
    max_containment: float = 0.85
    min_tokens: int = 4
    max_cosine: float = 0.9
    margin: float | None = None
    max_p: float = 0.5

    def __post_init__(self) -> None:
        for name in ("max_jaccard", "max_containment", "max_cosine", "max_p"):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise InputError(f"{name} must lie in (0, 1], not {value}")
        if self.margin is not None and not -1 <= self.margin <= 1:
            raise InputError(f"margin must lie in [-1, 1], not {self.margin}")


@dataclass(frozen=True)
class MiningSettings:
    """Number of negatives for each judged passage, the ranks to draw from, and the guard that rejects candidates."""

    n_negatives: int = 4
    first_rank: int = 1
    pool_k: int = 100
    seed: int = 42
    guard: NegativeGuard = NegativeGuard()

    def __post_init__(self) -> None:
        if self.n_negatives < 1:
            raise InputError(f"n_negatives must be at least 1, not {self.n_negatives}")
        if not 1 <= self.first_rank <= self.pool_k:
            raise InputError(f"first_rank must lie in 1..pool_k, not {self.first_rank} with pool_k {self.pool_k}")


@dataclass(frozen=True)
class MiningReport:
    """What mining used and left out; `rejected` counts candidates by reason."""

    n_queries: int
    n_queries_without_judgments: int
    n_positives: int
    n_negatives: int
    n_judged_without_text: int
    rejected: dict[str, int] = field(default_factory=dict)


def mine_hard_negatives(
    queries: Sequence[Query], qrels: Qrels, candidates: Candidates, settings: MiningSettings
) -> tuple[list[MinedClaim], MiningReport]:
    """Return each claim with its judged passages and `n_negatives` unjudged ones for each of them.

    A claim's negatives are drawn with equal chance and without repetition from the ranks `first_rank` to `pool_k` of
    its fused list; a smaller pool gives fewer. Never drawn are passages judged for the claim, at any grade, and what
    the guard rejects: copies and near-duplicates of its relevant passages, passages too similar to one of them
    (`similarity`), as near the claim as they are (`closeness`) or relevant to a reranker (`probability`). Passages
    judged with grade 0 are negatives too, before the drawn ones. A claim's draw depends only on the seed and its id, so
    adding a claim does not change another claim's negatives. Raises InputError if no claim has a relevant passage.
    """
    mined: list[MinedClaim] = []
    rejected: Counter[str] = Counter()
    n_without_text = 0
    for query in queries:
        judged = qrels.get(query.query_id, {})
        texts = {doc_id: text for doc_id in sorted(judged) if (text := candidates.texts.get(doc_id))}
        relevant = {doc_id: text for doc_id, text in texts.items() if judged[doc_id] > 0}
        n_without_text += sum(grade > 0 and doc_id not in relevant for doc_id, grade in judged.items())
        if not relevant:
            continue
        negatives = [MinedPassage(doc_id, text) for doc_id, text in texts.items() if judged[doc_id] <= 0]
        ranked = list(enumerate(candidates.fused.get(query.query_id, [])[: settings.pool_k], start=1))
        pool = [(rank, hit.doc_id) for rank, hit in ranked[settings.first_rank - 1 :] if hit.doc_id not in judged]
        random.Random(f"{settings.seed}:{query.query_id}").shuffle(pool)
        compare = _Comparison(query.query_id, relevant, settings.guard, candidates)
        wanted = len(negatives) + settings.n_negatives * len(relevant)
        for rank, doc_id in pool:
            if len(negatives) == wanted:
                break
            text = candidates.texts.get(doc_id, "")
            reason = compare.reason_against(doc_id, text)
            if reason is not None:
                rejected[reason] += 1
                continue
            negatives.append(MinedPassage(doc_id, text, rank))
        positives = tuple(MinedPassage(doc_id, text) for doc_id, text in relevant.items())
        mined.append(MinedClaim(query.query_id, query.text, positives, tuple(negatives)))
    if not mined:
        raise InputError(
            f"no training pairs: none of the {len(queries)} claims has a relevant judgment "
            f"with text in the corpus; check that claims, judgments and index belong together"
        )
    return mined, MiningReport(
        n_queries=len(queries),
        n_queries_without_judgments=len(queries) - len(mined),
        n_positives=sum(len(claim.positives) for claim in mined),
        n_negatives=sum(len(claim.negatives) for claim in mined),
        n_judged_without_text=n_without_text,
        rejected=dict(sorted(rejected.items())),
    )


class _Comparison:
    """The relevant passages of one claim, ready to be compared with many candidates."""

    def __init__(
        self, query_id: str, relevant: Mapping[str, str], guard: NegativeGuard, candidates: Candidates
    ) -> None:
        self._query_id = query_id
        self._guard = guard
        self._candidates = candidates
        self._doc_ids = list(relevant)
        normalized = [normalize_text(text) for text in relevant.values()]
        self._copies = set(normalized)
        self._token_sets = [set(text.split()) for text in normalized]
        self._limit = math.inf
        if candidates.closeness is not None and guard.margin is not None:
            self._limit = max(candidates.closeness(query_id, doc_id) for doc_id in self._doc_ids) - guard.margin

    def reason_against(self, doc_id: str, text: str) -> str | None:  # noqa: PLR0911
        """Return why the passage must not be a negative, or None; a passage that passes is a copy from then on."""
        normalized = normalize_text(text)
        if not normalized:
            return "no words"
        if normalized in self._copies:
            return "copy"
        tokens = set(normalized.split())
        if any(self._is_near(tokens, judged) for judged in self._token_sets):
            return "near-duplicate"
        similarity, closeness = self._candidates.similarity, self._candidates.closeness
        if similarity is not None and any(
            similarity(doc_id, judged) > self._guard.max_cosine for judged in self._doc_ids
        ):
            return "too similar"
        if closeness is not None and closeness(self._query_id, doc_id) > self._limit:
            return "as near the claim as its evidence"
        probability = self._candidates.probability
        if probability is not None and probability(self._query_id, doc_id) > self._guard.max_p:
            return "relevant to the reranker"
        self._copies.add(normalized)
        return None

    def _is_near(self, tokens: set[str], judged: set[str]) -> bool:
        shared = len(tokens & judged)
        smaller = min(len(tokens), len(judged))
        if shared > self._guard.max_jaccard * (len(tokens) + len(judged) - shared):
            return True
        return smaller >= self._guard.min_tokens and shared > self._guard.max_containment * smaller
