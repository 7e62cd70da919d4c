"""Training pairs from judgments: judged evidence, and hard negatives out of our own first stage."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from data.errors import InputError
from data.normal_text import normalize_text
from data.records import Qrels, Query, Run

TextLookup = Callable[[str], str | None]
"""doc_id -> text, or None when the corpus does not hold it."""

Similarity = Callable[[str, str], float]
"""(doc_id, doc_id) -> cosine of two documents."""


class TrainingPair(NamedTuple):
    """A claim and a passage with how relevant the passage is: 1 for judged evidence, 0 for a negative."""

    query_id: str
    query: str
    text: str
    label: float


@dataclass(frozen=True)
class NegativeGuard:
    """What an unjudged passage may share with a judged one of the same claim and still be a negative.

    Token sets are compared: `max_jaccard` bounds intersection over union, `max_containment` the share of the smaller
    set that lies in the larger one; containment counts only from `min_tokens` tokens on, since every short fragment
    lies in something. `max_cosine` bounds the cosine of the two passages, where a similarity is given.
    """

    max_jaccard: float = 0.7
    max_containment: float = 0.85
    min_tokens: int = 4
    max_cosine: float = 0.9

    def __post_init__(self) -> None:
        for name in ("max_jaccard", "max_containment", "max_cosine"):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise ValueError(f"{name} must lie in (0, 1], not {value}")


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
) -> tuple[list[TrainingPair], MiningReport]:
    """Return each judged pair with label 1, and `n_negatives` unjudged passages for each with label 0.

    A claim's negatives are drawn without repetition and with equal chance from the ranks `first_rank` to `pool_k` of
    its ranking in `run`; fewer come when the pool is smaller. Passages judged for the claim, at whatever grade, are
    never negatives, nor are copies or near-duplicates of its relevant ones (`guard`). Passages judged with grade 0
    come as negatives beside the drawn ones. A claim's draw depends on the seed and its id alone, so that adding a
    claim changes no other claim's pairs.
    """
    if n_negatives < 1:
        raise ValueError(f"n_negatives must be at least 1, not {n_negatives}")
    if not 1 <= first_rank <= pool_k:
        raise ValueError(f"first_rank must lie in 1..pool_k, not {first_rank} with pool_k {pool_k}")
    guard = guard or NegativeGuard()
    pairs: list[TrainingPair] = []
    rejected: Counter[str] = Counter()
    n_without_judgments = n_positives = n_without_text = 0
    for query in queries:
        judged = qrels.get(query.query_id, {})
        relevant = {doc_id: text for doc_id, text in _texts(judged, text_of) if text and judged[doc_id] > 0}
        n_without_text += sum(grade > 0 and doc_id not in relevant for doc_id, grade in judged.items())
        if not relevant:
            n_without_judgments += 1
            continue
        pairs += [TrainingPair(query.query_id, query.text, text, 1.0) for text in relevant.values()]
        n_positives += len(relevant)
        pairs += [
            TrainingPair(query.query_id, query.text, text, 0.0)
            for doc_id, text in _texts(judged, text_of)
            if text and judged[doc_id] <= 0
        ]
        pool = [hit.doc_id for hit in run.get(query.query_id, [])[first_rank - 1 : pool_k] if hit.doc_id not in judged]
        random.Random(f"{seed}:{query.query_id}").shuffle(pool)
        wanted = n_negatives * len(relevant)
        compare = _Comparison(relevant, guard, similarity)
        for doc_id in pool:
            if wanted == 0:
                break
            text = text_of(doc_id)
            reason = "no text" if not text else compare.reason_against(doc_id, text)
            if reason is not None or text is None:
                rejected[reason or "no text"] += 1
                continue
            pairs.append(TrainingPair(query.query_id, query.text, text, 0.0))
            wanted -= 1
    if not n_positives:
        raise InputError(
            f"no training pairs: none of the {len(queries)} claims has a relevant judgment "
            f"with text in the corpus; check that claims, judgments and index belong together"
        )
    return pairs, MiningReport(
        n_queries=len(queries),
        n_queries_without_judgments=n_without_judgments,
        n_positives=n_positives,
        n_negatives=len(pairs) - n_positives,
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

    def __init__(self, relevant: Mapping[str, str], guard: NegativeGuard, similarity: Similarity | None) -> None:
        self._guard = guard
        self._similarity = similarity
        self._doc_ids = list(relevant)
        normalized = [normalize_text(text) for text in relevant.values()]
        self._copies = set(normalized)
        self._token_sets = [set(text.split()) for text in normalized]

    def reason_against(self, doc_id: str, text: str) -> str | None:
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
        self._copies.add(normalized)
        return None

    def _is_near(self, tokens: set[str], judged: set[str]) -> bool:
        shared = len(tokens & judged)
        smaller = min(len(tokens), len(judged))
        if shared > self._guard.max_jaccard * (len(tokens) + len(judged) - shared):
            return True
        return smaller >= self._guard.min_tokens and shared > self._guard.max_containment * smaller


def _texts(judged: Mapping[str, int], text_of: TextLookup) -> list[tuple[str, str | None]]:
    return [(doc_id, text_of(doc_id)) for doc_id in sorted(judged)]
