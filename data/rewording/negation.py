"""A sentence's denial: a negation put into its main clause, or taken out of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from claimhound.data.rewording.clauses import Clause, main_clause
from claimhound.data.rewording.verbs import (
    BE,
    PARTICIPLES,
    PAST,
    PLURAL,
    PLURAL_OR_NOUN,
    SINGULAR,
    SINGULAR_OR_NOUN,
    third_person,
)

_UNSURE = re.compile(
    r"\b(?:not|no|never|nor|neither|none|cannot|without|hardly|rarely|seldom|barely|because|unless|until|only|also|"
    r"just|even|already|still|perhaps|probably|possibly|any|either|but|rather|instead|so that|in order|yet|"
    r"some|sometimes|merely|too|so|almost|nearly|both|at least|once|thus|therefore|hence)\b"
)
"""Words with which a negation may cover less or more than the main clause."""

_NOT = re.compile(r"^(?:not|never|no longer) (?!only|just|necessarily|yet|even|all|always|merely|simply|every|to\b)")
_SINGULARS = SINGULAR | SINGULAR_OR_NOUN


def denials(sentence: str) -> Iterator[str]:
    """Yield the sentence's denials; nothing where the negation would not surely contradict it."""
    clause = main_clause(sentence)
    if clause is None or not clause.is_whole:
        return
    if (plain := _without_negation(clause)) is not None:
        yield plain
    elif not _UNSURE.search(f"{clause.rest} {clause.subject}"):
        yield from _negated(clause)


def _negated(clause: Clause) -> Iterator[str]:
    subject, verb, rest = clause
    following = rest.split()[0].strip(",.")
    if verb in BE and following == "to":
        return
    if verb in BE or (verb in ("has", "have", "had") and following in PARTICIPLES):
        yield f"{subject} {verb} not {rest}"
        if verb in ("was", "were", "has", "have", "had"):
            yield f"{subject} {verb} never {rest}"
        elif following.endswith("ed"):
            yield f"{subject} {verb} no longer {rest}"
    elif verb == "can":
        yield f"{subject} cannot {rest}"
    elif verb in ("will", "would"):
        yield f"{subject} {verb} not {rest}"
    elif verb in _SINGULARS:
        yield f"{subject} does not {_SINGULARS[verb]} {rest}"
        yield f"{subject} never {verb} {rest}"
    elif verb in PLURAL or verb in PLURAL_OR_NOUN:
        yield f"{subject} do not {verb} {rest}"
    elif verb in PAST:
        yield f"{subject} did not {PAST[verb]} {rest}"
        yield f"{subject} never {verb} {rest}"


def _without_negation(clause: Clause) -> str | None:
    subject, verb, rest = clause
    if verb == "cannot":
        return None if _UNSURE.search(rest) else f"{subject} can {rest}"
    found = _NOT.match(rest)
    if not found:
        return None
    plain = rest[found.end() :]
    if _UNSURE.search(plain):
        return None
    return _affirmed(subject, verb, plain)


def _affirmed(subject: str, verb: str, plain: str) -> str | None:
    if verb in BE or verb in ("can", "will", "would", "has", "have", "had"):
        return f"{subject} {verb} {plain}"
    lemma, _, after = plain.partition(" ")
    if verb == "does" and lemma in SINGULAR.values():
        return f"{subject} {third_person(lemma)} {after}"
    if verb == "do" and lemma in PLURAL:
        return f"{subject} {plain}"
    return None
