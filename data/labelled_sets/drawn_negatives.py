"""Negatives for sets that have none: other sentences of the same set, chosen to share words with the claim.

Otherwise a model could learn to tell relevance by shared words alone.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.data.text.normal_text import normalize_text

_POOL_SIZE = 200  # random sentences from which the negatives that share words are chosen
_MIN_WORDS = 5  # shorter sentences are headings and fragments, from which there is nothing to learn


class Positive(NamedTuple):
    """A claim with a relevant sentence, the number of the group it is from, and all sentences known to be relevant."""

    query: str
    text: str
    group: int
    relevant: frozenset[str]


def with_negatives(
    positives: Sequence[Positive], groups: Sequence[Sequence[str]], n_negatives: int, seed: int
) -> list[TrainingPair]:
    """Return each positive with up to `n_negatives` negatives.

    The first negative comes from the positive's own group (a paragraph, an abstract) if that has another sentence, the
    others from the whole set. A sentence that is relevant to a claim is never its negative.
    """
    sentences = [sentence for group in groups for sentence in group if len(sentence.split()) >= _MIN_WORDS]
    words = {sentence: set(normalize_text(sentence).split()) for sentence in sentences}
    document_frequency = Counter(word for tokens in words.values() for word in tokens)

    def overlap(query_words: set[str], sentence: str) -> float:
        shared = sorted(query_words & words[sentence])
        weight = math.fsum(math.log(1 + len(words) / document_frequency[word]) for word in shared)
        return weight / math.sqrt(len(words[sentence]) + 5)

    known: defaultdict[str, set[str]] = defaultdict(set)
    for positive in positives:
        known[positive.query] |= positive.relevant
    pairs = []
    for number, positive in enumerate(positives):
        relevant = known[positive.query]
        generator = random.Random(f"{seed}:{number}:{positive.query}")
        query_id = f"pair-{number}"
        pairs.append(TrainingPair(query_id, positive.query, positive.text, 1.0))
        query_words = set(normalize_text(positive.query).split())
        own = [s for s in groups[positive.group] if s in words and s not in relevant]
        pool = [s for s in generator.sample(sentences, min(_POOL_SIZE, len(sentences))) if s not in relevant]
        pool = [s for s in dict.fromkeys(pool) if s not in own]
        pool.sort(key=lambda s: (-overlap(query_words, s), s))
        negatives = [generator.choice(own)] if own else []
        negatives += pool[: n_negatives - len(negatives)]
        pairs += [TrainingPair(query_id, positive.query, text, 0.0) for text in negatives]
    return pairs
