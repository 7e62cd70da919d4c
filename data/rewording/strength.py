"""A sentence that says more than another one, and one that says less."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

from claimhound.data.rewording.clauses import Clause, main_clause
from claimhound.data.rewording.opposites import with_article
from claimhound.data.rewording.verbs import third_person
from claimhound.data.rewording.word_lists import words

_Change = tuple[re.Pattern[str], str]


def _changes(*pairs: tuple[str, str]) -> list[_Change]:
    return [(re.compile(pattern), replacement) for pattern, replacement in pairs]


_NO_NOUN = "type kind sort lot number part result form member set series group variety range matter function way"
_NOUN = rf"(?!(?:{'|'.join(words(_NO_NOUN))})\b)"
_SHORT = r".{0,12}\b"
_BIG = r"(?:important |major |key |critical |crucial |significant |central |common |leading )?"
_A_CAUSE = rf"an? {_BIG}(cause|source|component|factor|reason|driver)(?= (?:of|for|in|behind)\b)"
_OFTEN = r"(?:often|sometimes|usually|generally|typically|frequently|commonly)"
_MOSTLY = r"(?:partly|partially|mainly|mostly|largely|primarily|chiefly)"
_AFTER_MOSTLY = r"(?:due|by|because|responsible|composed|of|from|in|made|used|caused|based|driven)"
_SOMETIMES_NOT = r"(?!not\b|have\b|also\b|well\b|or\b|only\b)"
_CHIEF = r"(?:main|leading|primary|principal|chief|major)"
_TOP = r"(?:largest|oldest|highest|longest|most important|most populous|most common)"
_VERY = r"(?:very|extremely|highly|particularly|especially)"
_STRONGER = _changes(
    (r"^contributes to\b", "is the main cause of"),
    (r"^contributes to\b", "is the only cause of"),
    (r"^contributes to\b", "is not the main cause of"),
    (r"^contribute to\b", "are the main cause of"),
    (r"^contribute to\b", "are the only cause of"),
    (rf"^(is|was) {_A_CAUSE}", r"\1 the only \2"),
    (rf"^(is|was) {_A_CAUSE}", r"\1 the main \2"),
    (rf"^(is|was) {_A_CAUSE}", r"\1 not the main \2"),
    (rf"^(is|was) an? {_NOUN}([a-z]+)(?= (?:in|of|from|that)\b)", r"\1 the only \2"),
    (rf"^(is|was) an? {_NOUN}([a-z]+)(?= in\b)", r"\1 the largest \2"),
    (rf"^(is|was) an? {_NOUN}([a-z]+)(?= in\b)", r"\1 not the largest \2"),
    (rf"^(is|was) an? {_NOUN}([a-z]+)(?= (?:in|of|from)\b)", r"\1 the most important \2"),
    (r"^(is|was) associated with\b", r"\1 the main cause of"),
    (r"^is (?:associated|linked|correlated) with\b", "causes"),
    (r"^are (?:associated|linked|correlated) with\b", "cause"),
    (r"^(?:was|were) (?:associated|linked|correlated) with\b", "caused"),
    (rf"^(is|are) (?:one of|among) the {_CHIEF} (?:causes|sources)(?= of)", r"\1 the only cause"),
    (r"^(are) among the (?=most |largest |oldest |highest )", r"\1 the "),
    (rf"^plays an? {_BIG}role in\b", "is solely responsible for"),
    (rf"^play an? {_BIG}role in\b", "are solely responsible for"),
    (r"^may (?!not\b|have\b|also\b|well\b|or\b|only\b)", "will "),
    (r"^might (?!not\b|have\b|also\b|well\b|or\b|only\b)", "will "),
    (r"^could (?=(?:be|lead|cause|result|reduce|increase|affect|threaten)\b)", "will "),
    (r"^(?:may|might) (?!not\b|have\b|also\b|well\b|or\b|only\b)", "will always "),
    (r"^suggests? that\b", "proved that"),
    (r"^(is|are) (?:thought|believed|considered|suspected) to\b", r"\1 proven to"),
    (r"^(was|were) (?:thought|believed|suspected) to\b", r"\1 proven to"),
    (rf"^({_SHORT}){_OFTEN}\b(?! (?:in|on|at|as|known|called|referred)\b)", r"\1always"),
    (rf"\b{_MOSTLY}(?= {_AFTER_MOSTLY}\b)", "entirely"),
    (r"\bin (?:some|many|most|rare) cases\b", "in all cases"),
    (r"\bone of several\b", "the only one of several"),
)  # fmt: skip
_WEAKER = _changes(
    (r"^causes\b", "can cause"),
    (r"^cause\b", "can cause"),
    (r"^(is|are) used\b", r"can be used"),
    (rf"^(is|was) the {_CHIEF} (cause|source|component|reason|driver)\b", r"\1 a \2"),
    (r"^is the (?:main|leading|primary|principal|chief|most common) cause of\b", "contributes to"),
    (r"^(is|was) the only ([a-z]+)(?= (?:in|of|that|to|with|from)\b)", r"\1 a \2"),
    (rf"^(is|was) the {_TOP} ([a-z]+)(?= (?:in|of)\b)", r"\1 a \2"),
    (r"^(.{0,12}\b)always\b", r"\1often"),
    (rf"^(is|are|was|were) {_VERY} (?=[a-z]+[ .])(?!much|few|little|different|likely|un)", r"\1 "),
    (r"^proves? that\b", "suggests that"),
    (r"^will (?!not\b|only\b|always\b)", "may "),
    (r"\b(?:entirely|completely|exclusively|solely) (?=due|by|composed|responsible|destroyed|covered|made)", ""),
)  # fmt: skip
_ONE_OF = re.compile(
    r"^(is|was) one of the (?P<which>[a-z]+est|most [a-z]+) (?P<noun>[a-z]+s)(?= (?:in|of|on|to|ever)\b|\.)"
)
_THE_MOST = re.compile(r"^(is|was) the (?P<which>[a-z]+est|most [a-z]+) (?P<noun>[a-z]+)(?= (?:in|of|on|to)\b|\.)")
_FEW_TO_ALL = re.compile(r"^(?:Some|Many|Most|Several)(?: of the)? (?=[a-z])(?!other |[a-z]*(?:teen|hundred|thousand))")
_ALL_TO_FEW = re.compile(r"^(?:All|Most)(?P<of> of the)? (?=[a-z])")
_UNSURE = re.compile(r"\b(?:not|no|never|nor|neither|cannot|hardly|without|if|unless|whether|only|than)\b")


def stronger(sentence: str, draw: random.Random) -> Iterator[str]:
    """Yield what the sentence leaves open: all for some, will for may, the main cause for a cause."""
    clause = main_clause(sentence)
    if found := _FEW_TO_ALL.match(sentence):
        if clause is not None and not _UNSURE.search(sentence):
            yield f"All {'of the ' if 'of the' in found[0] else ''}{sentence[found.end() :]}"
        return
    yield from _changed(clause, _STRONGER)
    yield from _renamed(clause, _ONE_OF, lambda found: f"{found[1]} the {found['which']} {_singular(found['noun'])}")
    if clause is not None and clause.verb in ("is", "was") and draw.random() < 0.5:
        yield from _renamed(
            clause, _ONE_OF, lambda found: f"{found[1]} not the {found['which']} {_singular(found['noun'])}"
        )


def weaker(sentence: str) -> Iterator[str]:
    """Yield what follows from the sentence because it says less: many for all, can cause for causes."""
    clause = main_clause(sentence)
    if found := _ALL_TO_FEW.match(sentence):
        if clause is not None and not _UNSURE.search(sentence):
            of_the = found["of"] or ""
            for word in ("Many", "Some"):
                yield f"{word}{of_the} {sentence[found.end() :]}"
        return
    yield from _changed(clause, _WEAKER)
    yield from _renamed(
        clause, _THE_MOST, lambda found: f"{found[1]} one of the {found['which']} {_plural(found['noun'])}"
    )


def _changed(clause: Clause | None, changes: list[_Change]) -> Iterator[str]:
    if clause is None or not clause.is_whole:
        return
    predicate = f"{clause.verb} {clause.rest}"
    if _UNSURE.search(predicate):
        return
    for pattern, replacement in changes:
        if found := pattern.search(predicate):
            new = found.expand(replacement)
            start = f"{clause.subject} {predicate[: found.start()]}"
            yield _article_agrees(start + new + predicate[found.end() :])


def _renamed(clause: Clause | None, pattern: re.Pattern[str], new: Callable[[re.Match[str]], str]) -> Iterator[str]:
    if clause is None or not clause.is_whole or _UNSURE.search(clause.rest):
        return
    predicate = f"{clause.verb} {clause.rest}"
    if found := pattern.match(predicate):
        yield f"{clause.subject} {new(found)}{predicate[found.end() :]}"


def _article_agrees(sentence: str) -> str:
    return re.sub(
        r"\b(is|was) a (?=[aeio])", lambda found: with_article(f"{found[1]} a ", "e", "")[:-1], sentence, count=1
    )


def _singular(noun: str) -> str:
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    return noun[:-2] if noun.endswith(("sses", "ches", "shes", "xes")) else noun[:-1]


def _plural(noun: str) -> str:
    return third_person(noun)
