"""What a sentence does not speak of, although it speaks of the same thing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from claimhound.data.rewording.clauses import lowered, main_clause
from claimhound.data.text.normal_text import normalize_text

_LEAST_NEW = 0.6
_JOINED = re.compile(r"^([A-Z][a-z]+(?: [a-z]+)?) and ([a-z]+(?: [a-z]+)?)$")
_NO_CAUSE = re.compile(r"\b(?:the|a|some|many|most|an|its|their|his|her|other|both|men|women|people|of|in|years?)\b")
_LEANS = re.compile(r"(?:to|so|not|that|both|also|then|either|neither)\b")
_CAUSAL = re.compile(r"caus|lead|led to|due to|because|result|induc|trigger|associat|link", re.IGNORECASE)


def causal_leaps(sentence: str) -> Iterator[str]:
    """Yield that one of two things named together causes the other, where the sentence speaks of no cause."""
    clause = main_clause(sentence)
    if clause is None or _CAUSAL.search(sentence):
        return
    found = _JOINED.match(clause.subject)
    if (
        found
        and found[1].count(" ") == found[2].count(" ")
        and not _NO_CAUSE.search(clause.subject[:1].lower() + clause.subject[1:])
    ):
        left, right = found.groups()
        is_plural = left.endswith("s") and not left.endswith(("ss", "us", "is"))
        verb = "cause" if is_plural else "causes"
        yield f"{left} {verb} {right}."
        yield f"{left} {'are' if is_plural else 'is'} the main cause of {right}."
        yield f"{left} {'do' if is_plural else 'does'} not cause {right}."


def with_predicate_of(sentence: str, other: str) -> Iterator[str]:
    """Yield the subject of a sentence with what another one says of its own, if number and kind of subject agree."""
    mine, theirs = main_clause(sentence), main_clause(other)
    if mine is None or theirs is None or mine.verb not in ("is", "are", "was", "were", "can"):
        return
    if (
        mine.verb == theirs.verb
        and mine.is_whole
        and theirs.is_whole
        and lowered(mine.subject) is not None
        and not _LEANS.match(theirs.rest)
    ):
        claim = f"{mine.subject} {theirs.verb} {theirs.rest}"
        if tells_something_else(claim, sentence):
            yield claim


def tells_something_else(claim: str, evidence: str) -> bool:
    """Tell whether most of a claim's words, or a name or number in it, are not in the evidence."""
    known = set(normalize_text(evidence).split())
    words = [word for word in normalize_text(claim).split() if len(word) > 3 or word.isdigit()]
    new = [word for word in words if word not in known]
    return len(new) >= 3 and len(new) >= _LEAST_NEW * len(words)
