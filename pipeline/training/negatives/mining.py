"""What training learns from judgments: judged evidence, and hard negatives out of our own first stage."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.mined_claims import MinedClaim, MinedPassage
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.data.records import Qrels, Query, Run
from claimhound.data.text.normal_text import normalize_text

TextLookup = Callable[[str], str | None]
"""doc_id -> text, or None when the corpus does not hold it."""

Similarity = Callable[[str, str], float]
"""(doc_id, doc_id) -> cosine of two documents."""

ClaimScore = Callable[[str, str], float]
"""(query_id, doc_id) -> how a model scores the document for the claim: a cosine, or a probability."""


@dataclass(frozen=True)
class NegativeGuard:
    """What an unjudged passage may share with a judged one of the same claim and still be a negative.

    Token sets are compared: `max_jaccard` bounds intersection over union, `max_containment` the share of the smaller
    set that lies in the larger one; containment counts only from `min_tokens` tokens on, since every short fragment
    lies in something. `max_cosine` bounds the cosine of the two passages, where a similarity is given.

    `margin`, unless None, is how much further from the claim than the nearest judged passage a negative must be, in
    cosine. `max_p` bounds the probability of relevance that a reranker gives the candidate, where one is asked.

    Source of the margin: Moreira et al., NV-Retriever, 2024 (https://arxiv.org/abs/2407.15831), TopK-MarginPos; theirs
    is measured from each positive, ours from the claim's nearest, since the others may be far from it by the encoder.
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
class MiningReport:
    """What mining used and what it left out; `rejected` counts candidates by reason."""

    n_queries: int
    n_queries_without_judgments: int
    n_positives: int
    n_negatives: int
    n_judged_without_text: int
    rejected: dict[str, int] = field(default_factory=dict)


def mine_hard_negatives(
    queries: Sequence[Query],
    qrels: Qrels,
    run: Run,
    text_of: TextLookup,
    *,
    n_negatives: int = 4,
    first_rank: int = 1,
    pool_k: int = 100,
    seed: int = 42,
    guard: NegativeGuard | None = None,
    similarity: Similarity | None = None,
    closeness: ClaimScore | None = None,
    probability: ClaimScore | None = None,
) -> tuple[list[MinedClaim], MiningReport]:
    """Return each claim with its judged passages, and `n_negatives` unjudged ones for each of these.

    A claim's negatives are drawn without repetition and with equal chance from the ranks `first_rank` to `pool_k` of
    its ranking in `run`; fewer come when the pool is smaller. Passages judged for the claim, at whatever grade, are
    never drawn, nor is what `guard` keeps out: copies and near-duplicates of its relevant passages, what is too similar
    to one of them (`similarity`), what is as near the claim as they are (`closeness`, a cosine) and what a reranker
    finds relevant (`probability`). Passages judged with grade 0 come as negatives before the drawn ones. A claim's draw
    depends on the seed and its id alone, so that adding a claim changes no other claim's negatives.
    """
    if n_negatives < 1:
        raise InputError(f"n_negatives must be at least 1, not {n_negatives}")
    if not 1 <= first_rank <= pool_k:
        raise InputError(f"first_rank must lie in 1..pool_k, not {first_rank} with pool_k {pool_k}")
    guard = guard or NegativeGuard()
    mined: list[MinedClaim] = []
    rejected: Counter[str] = Counter()
    n_without_text = 0
    for query in queries:
        judged = qrels.get(query.query_id, {})
        texts = {doc_id: text for doc_id in sorted(judged) if (text := text_of(doc_id))}
        relevant = {doc_id: text for doc_id, text in texts.items() if judged[doc_id] > 0}
        n_without_text += sum(grade > 0 and doc_id not in relevant for doc_id, grade in judged.items())
        if not relevant:
            continue
        negatives = [MinedPassage(doc_id, text) for doc_id, text in texts.items() if judged[doc_id] <= 0]
        ranked = list(enumerate(run.get(query.query_id, [])[:pool_k], start=1))[first_rank - 1 :]
        pool = [(rank, hit.doc_id) for rank, hit in ranked if hit.doc_id not in judged]
        random.Random(f"{seed}:{query.query_id}").shuffle(pool)
        compare = _Comparison(query.query_id, relevant, guard, similarity, closeness, probability)
        wanted = len(negatives) + n_negatives * len(relevant)
        for rank, doc_id in pool:
            if len(negatives) == wanted:
                break
            text = text_of(doc_id) or ""
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


def split_by_claim(queries: Sequence[Query], share: float, seed: int) -> tuple[list[Query], list[Query]]:
    """Return (train, validation) with about `share` of the claims in the second, each claim whole on one side.

    Claims with the same normalised text count as one, so that a repeated claim cannot sit on both sides. Depends on the
    seed and the set of claims, not on their order; each side keeps the given order.
    """
    if not 0 <= share < 1:
        raise ValueError(f"the validation share must lie in [0, 1), not {share}")
    texts = sorted({normalize_text(query.text) for query in queries})
    random.Random(seed).shuffle(texts)
    n_validation = round(share * len(texts))
    if share > 0 and len(texts) > 1:
        n_validation = min(max(n_validation, 1), len(texts) - 1)
    validation_texts = set(texts[:n_validation])
    train = [query for query in queries if normalize_text(query.text) not in validation_texts]
    validation = [query for query in queries if normalize_text(query.text) in validation_texts]
    return train, validation


def without_claims(pairs: Iterable[TrainingPair], claims: Iterable[str]) -> tuple[list[TrainingPair], int]:
    """Return the pairs whose query is none of `claims` (compared as normalised text), and how many were left out."""
    excluded = {normalize_text(claim) for claim in claims}
    every = list(pairs)
    kept = [pair for pair in every if normalize_text(pair.query) not in excluded]
    return kept, len(every) - len(kept)


class _Comparison:
    """The relevant passages of one claim, ready to be compared with many candidates."""

    def __init__(
        self,
        query_id: str,
        relevant: Mapping[str, str],
        guard: NegativeGuard,
        similarity: Similarity | None,
        closeness: ClaimScore | None,
        probability: ClaimScore | None,
    ) -> None:
        self._query_id = query_id
        self._guard = guard
        self._similarity = similarity
        self._closeness = closeness
        self._probability = probability
        self._doc_ids = list(relevant)
        normalized = [normalize_text(text) for text in relevant.values()]
        self._copies = set(normalized)
        self._token_sets = [set(text.split()) for text in normalized]
        self._limit = math.inf
        if closeness is not None and guard.margin is not None:
            self._limit = max(closeness(query_id, doc_id) for doc_id in self._doc_ids) - guard.margin

    def reason_against(self, doc_id: str, text: str) -> str | None:  # noqa: PLR0911
        """Return why the passage must not be a negative, or None; a passage that passes becomes known as a copy."""
        normalized = normalize_text(text)
        if not normalized:
            return "no words"
        if normalized in self._copies:
            return "copy"
        tokens = set(normalized.split())
        if any(self._is_near(tokens, judged) for judged in self._token_sets):
            return "near-duplicate"
        if self._similarity is not None and any(
            self._similarity(doc_id, judged) > self._guard.max_cosine for judged in self._doc_ids
        ):
            return "too similar"
        if self._closeness is not None and self._closeness(self._query_id, doc_id) > self._limit:
            return "as near the claim as its evidence"
        if self._probability is not None and self._probability(self._query_id, doc_id) > self._guard.max_p:
            return "relevant to the reranker"
        self._copies.add(normalized)
        return None

    def _is_near(self, tokens: set[str], judged: set[str]) -> bool:
        shared = len(tokens & judged)
        smaller = min(len(tokens), len(judged))
        if shared > self._guard.max_jaccard * (len(tokens) + len(judged) - shared):
            return True
        return smaller >= self._guard.min_tokens and shared > self._guard.max_containment * smaller
