"""A sentence with a word of direction turned into its opposite, and the same said with a negation."""

from __future__ import annotations

import re
from collections.abc import Iterator

from claimhound.data.rewording.clauses import main_clause
from claimhound.data.rewording.word_lists import words

_PREDICATIVE = words(
    "safe/dangerous harmful/harmless effective/ineffective possible/impossible common/rare important/unimportant "
    "legal/illegal true/false soluble/insoluble hot/cold wet/dry high/low large/small strong/weak "
    "visible/invisible necessary/unnecessary likely/unlikely able/unable successful/unsuccessful "
    "available/unavailable dead/alive positive/negative present/absent expensive/cheap toxic/harmless "
    "stable/unstable active/inactive reversible/irreversible popular/unpopular easy/difficult "
    "beneficial/harmful sensitive/insensitive"
)
_COMPARATIVES = words(
    "higher/lower larger/smaller bigger/smaller greater/smaller older/younger warmer/colder hotter/cooler "
    "faster/slower heavier/lighter longer/shorter stronger/weaker better/worse more/less earlier/later "
    "deeper/shallower denser/thinner richer/poorer closer/farther wider/narrower thicker/thinner taller/shorter "
    "brighter/dimmer"
)
_VERBS = words(
    "increase/decrease increases/decreases increased/decreased "
    "rises/falls rise/fall rose/fell risen/fallen grew/shrank grown/shrunk "
    "strengthens/weakens strengthened/weakened improve/worsen improves/worsens improved/worsened expand/shrink "
    "expands/shrinks raises/lowers raise/lower raised/lowered reduces/increases reduce/increase accelerates/slows "
    "accelerated/slowed inhibits/promotes inhibit/promote inhibited/promoted suppresses/enhances enhances/impairs "
    "enhance/impair enhanced/impaired upregulates/downregulates upregulated/downregulated supports/opposes "
    "supported/opposed accepted/rejected approved/rejected won/lost allows/forbids"
)
_SUPERLATIVES = words(
    "largest/smallest highest/lowest oldest/youngest longest/shortest best/worst warmest/coldest hottest/coldest "
    "fastest/slowest strongest/weakest heaviest/lightest earliest/latest tallest/shortest richest/poorest "
    "deepest/shallowest"
)


def _both_ways(pairs: list[str]) -> dict[str, str]:
    split = [pair.split("/") for pair in pairs]
    turned: dict[str, str] = {}
    for left, right in split:
        turned.setdefault(left, right)
        turned.setdefault(right, left)
    return turned


_ADJECTIVES = _both_ways(_PREDICATIVE)
_COMPARED = _both_ways(_COMPARATIVES)
_MOVES = _both_ways(_VERBS)
_EXTREMES = _both_ways(_SUPERLATIVES)
_DEGREE = r"(?:(?:very|highly|extremely|quite|particularly|relatively|generally|significantly|much|far|slightly) )?"


def _any_of(pairs: dict[str, str]) -> str:
    return "|".join(sorted(pairs, key=lambda word: (-len(word), word)))


_TURNING = [
    (
        re.compile(rf"^(?:is|are|was|were) {_DEGREE}(?P<word>{_any_of(_ADJECTIVES)})(?=[ .,])(?! and| or|-)"),
        _ADJECTIVES,
    ),
    (re.compile(rf"\b(?P<word>{_any_of(_COMPARED)})(?= than\b)"), _COMPARED),
    (re.compile(r"\b(?P<word>more|less)(?= [a-z]+ than\b)"), _COMPARED),
    (re.compile(rf"\bthe (?P<word>{_any_of(_EXTREMES)})(?= [a-z])"), _EXTREMES),
    (re.compile(r"\bthe (?P<word>most|least)(?= [a-z]+ [a-z]+)"), {"most": "least", "least": "most"}),
    (re.compile(r"\b(?:north|south|east|west)(?= of\b)"), _both_ways(["north/south", "east/west"])),
    (
        re.compile(r"\b(?P<word>before|after)(?= (?:the|his|her|its|their|being|[12]\d{3})\b)"),
        {"before": "after", "after": "before"},
    ),
    (
        re.compile(r"\ban? (?P<word>increase|decrease)(?= (?:in|of)\b)"),
        {"increase": "decrease", "decrease": "increase"},
    ),
    (
        re.compile(r"\b(?P<word>positively|negatively)(?= [a-z])"),
        {"positively": "negatively", "negatively": "positively"},
    ),
    (
        re.compile(r"\b(?P<word>above|below)(?= (?:the|sea|average|ground|water)\b)"),
        {"above": "below", "below": "above"},
    ),
]
_HELPING = r"(?:(?:has|have|had|is|are|was|were|will) )?(?:been )?(?:(?:also|significantly|steadily|slowly|rapidly) )?"
_MOVE = re.compile(rf"^{_HELPING}(?P<word>{_any_of(_MOVES)})(?=[ .,])(?! (?:or|and)\b)")
_UNSURE = re.compile(
    r"\b(?:not|no|never|nor|neither|none|cannot|without|may|might|could|can|if|when|while|whether|although|though|"
    r"unless|until|or|either|sometimes|some|partly|rather|hardly|both|where|because|would|should|than expected)\b"
)
"""Words with which a sentence and its turned form may both be true."""

_ALL = {**_ADJECTIVES, **_COMPARED, **_MOVES, **_EXTREMES}


def turned(sentence: str) -> Iterator[str]:
    """Yield the sentence with one word of direction turned into its opposite, where that contradicts it."""
    clause = main_clause(sentence)
    if clause is None or not clause.is_whole or _UNSURE.search(f"{clause.subject.lower()} {clause.verb} {clause.rest}"):
        return
    predicate = f"{clause.verb} {clause.rest}"
    places = [(found, pairs) for pattern, pairs in _TURNING for found in pattern.finditer(predicate)]
    if move := _MOVE.match(predicate):
        places.append((move, _MOVES))
    for found, pairs in places:
        start, end = found.span("word") if "word" in found.re.groupindex else found.span()
        word = predicate[start:end]
        other = pairs[word]
        mentioned = re.findall(r"[a-z]+", f"{clause.subject} {predicate}".lower())
        if mentioned.count(word) == 1 and other not in mentioned:
            yield with_article(f"{clause.subject} {predicate[:start]}", other, predicate[end:])


def denied_opposites(sentence: str) -> Iterator[str]:
    """Yield what follows from the sentence: that the opposite is not so ("is safe": "is not dangerous")."""
    clause = main_clause(sentence)
    if clause is None or clause.verb not in ("is", "are", "was", "were"):
        return
    for claim in turned(sentence):
        start = f"{clause.subject} {clause.verb} "
        word = claim.removeprefix(start).split()[0].strip(".,")
        if claim.startswith(start) and word in _ALL and word not in _EXTREMES and word not in _MOVES:
            yield f"{start}not {claim.removeprefix(start)}"


def with_article(before: str, word: str, after: str) -> str:
    """Return the three parts joined, with `a` or `an` before the word as its first letter asks."""
    article = re.search(r"\b(a|an) $", before)
    if article:
        before = before[: article.start()] + ("an " if word[0] in "aeiou" else "a ")
    return before + word + after
