"""Pairs made by rule from true sentences, which teach what a stance turns on: claims that differ in one thing.

A claim is the sentence with another number, a negation, a word of direction turned, two sides exchanged (REFUTES);
shortened, rounded or weakened (SUPPORTS); strengthened, with a detail that the evidence lacks, or about the same
subject only (NOT_ENOUGH_INFO). Where a rule is not sure of the label or of the English, it makes nothing.

Two measures keep the form of a claim from giving its label away. Claims of all labels are made from shortened sentences
as well as whole ones. And since a contradiction holds both ways, half of the reworded sentences are the evidence.
Source of the idea: Kaushik et al., Learning the Difference that Makes a Difference, ICLR 2020.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from claimhound.data.labelled_sets.drawn_sentences import DrawnSentence, draw_sentences
from claimhound.data.labelled_sets.stances import STANCES, Stance, StancePair
from claimhound.data.records import Document
from claimhound.data.rewording.negation import denials
from claimhound.data.rewording.numbers import other_numbers, same_numbers
from claimhound.data.rewording.opposites import denied_opposites, turned
from claimhound.data.rewording.roles import exchanged
from claimhound.data.rewording.shortening import shortened
from claimhound.data.rewording.strength import stronger, weaker
from claimhound.data.rewording.topics import causal_leaps, tells_something_else, with_predicate_of
from claimhound.data.text.normal_text import normalize_text

_Rule = Callable[[str, random.Random], Iterable[str]]


class Counterfactual(NamedTuple):
    """A claim and evidence, the stance that follows, and the rule that made them."""

    claim: str
    evidence: str
    stance: Stance
    kind: str


_RULES: Sequence[tuple[str, Stance, _Rule]] = (
    ("number", "REFUTES", other_numbers),
    ("negation", "REFUTES", lambda sentence, _: denials(sentence)),
    ("direction", "REFUTES", lambda sentence, _: turned(sentence)),
    ("roles", "REFUTES", lambda sentence, _: exchanged(sentence)),
    ("same number", "SUPPORTS", lambda sentence, _: same_numbers(sentence)),
    ("denied opposite", "SUPPORTS", lambda sentence, _: denied_opposites(sentence)),
    ("weaker", "SUPPORTS", lambda sentence, _: weaker(sentence)),
    ("stronger", "NOT_ENOUGH_INFO", stronger),
    ("causal leap", "NOT_ENOUGH_INFO", lambda sentence, _: causal_leaps(sentence)),
)
KINDS = (*(name for name, _, _ in _RULES), "shortened", "detail", "topic", "mixed")


def reword(sentence: str, draw: random.Random, related: str | None = None) -> Iterator[Counterfactual]:
    """Yield the pairs of a plain sentence, at most one of each kind.

    `related` is a sentence about the same things that says something else.
    """
    shorter = list(shortened(sentence))
    if shorter:
        chosen = draw.choice(shorter)
        yield Counterfactual(chosen.text, sentence, "SUPPORTS", "shortened")
        if chosen.tells_more:
            yield Counterfactual(sentence, chosen.text, "NOT_ENOUGH_INFO", "detail")
    bases = [sentence, *(one.text for one in shorter)]
    for kind, stance, rule in _RULES:
        for base in draw.sample(bases, len(bases)):
            claims = list(rule(base, draw))
            if claims:
                claim = draw.choice(claims)
                if stance == "REFUTES" and base == sentence and draw.random() < 0.5:
                    yield Counterfactual(sentence, claim, stance, kind)
                else:
                    yield Counterfactual(claim, sentence, stance, kind)
                break
    if related is not None and tells_something_else(related, sentence):
        yield Counterfactual(related, sentence, "NOT_ENOUGH_INFO", "topic")
        for claim in with_predicate_of(sentence, related):
            yield Counterfactual(claim, sentence, "NOT_ENOUGH_INFO", "mixed")


def counterfactual_pairs(documents: Iterable[Document], limit: int | None, seed: int) -> list[StancePair]:
    """Return pairs from `limit` sentences of the documents, or from all, with each label equally often.

    Within a label, the kinds are as equal as their numbers allow. A pair's id is `<doc_id>:<kind>`, and its group is
    the sentence from which it was made.
    """
    sentences = draw_sentences(documents, limit, seed)
    made: list[tuple[DrawnSentence, Counterfactual]] = []
    for sentence, related in zip(sentences, _related(sentences), strict=True):
        draw = random.Random(f"{seed}:{sentence.text}")
        made += [(sentence, pair) for pair in reword(sentence.text, draw, related) if pair.claim != pair.evidence]
    kept = _balanced([pair for _, pair in made], random.Random(seed))
    return [
        StancePair(f"{sentence.doc_id}:{pair.kind}", pair.claim, pair.evidence, pair.stance, sentence.text)
        for number, (sentence, pair) in enumerate(made)
        if number in kept
    ]


def _balanced(pairs: Sequence[Counterfactual], draw: random.Random) -> set[int]:
    """Return the numbers of the pairs that are kept."""
    places: dict[Stance, dict[str, list[int]]] = {stance: defaultdict(list) for stance in STANCES}
    for number, pair in enumerate(pairs):
        places[pair.stance][pair.kind].append(number)
    n_each = min(sum(map(len, kinds.values())) for kinds in places.values())
    kept: set[int] = set()
    for kinds in places.values():
        left = n_each
        for n_before, numbers in enumerate(sorted(kinds.values(), key=len)):  # the rare kinds first, whole
            share = min(len(numbers), left // (len(kinds) - n_before))
            kept |= set(draw.sample(numbers, share))
            left -= share
    return kept


_RARE = 50


def _related(sentences: Sequence[DrawnSentence]) -> Iterator[str | None]:
    """Yield a sentence that shares rare words with each: its neighbour, else the one that shares most of them."""
    words = [sorted({word for word in normalize_text(one.text).split() if len(word) > 3}) for one in sentences]
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for number, found in enumerate(words):
        for word in found:
            if len(holders[word]) <= _RARE:
                holders[word].append(number)
    for number, sentence in enumerate(sentences):
        if sentence.neighbour is not None:
            yield sentence.neighbour
            continue
        shared: defaultdict[int, float] = defaultdict(float)
        for word in words[number]:
            if len(holders[word]) <= _RARE:
                for other in holders[word]:
                    shared[other] += 1 / len(holders[word])
        shared.pop(number, None)
        best = min(shared, key=lambda other: (-shared[other], other), default=None)
        yield None if best is None else sentences[best].text
