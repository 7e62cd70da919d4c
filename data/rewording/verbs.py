"""The verbs that the rules know, with their forms, and words that decide what a negation covers."""

from __future__ import annotations

from claimhound.data.rewording.word_lists import words

BE = frozenset(["is", "are", "was", "were"])
MODALS = frozenset(words("can will would may might could must should cannot"))
AUXILIARIES = BE | MODALS | frozenset(words("has have had does do did"))

_LEMMAS = words(
    "absorb accept accompany achieve act activate adapt affect allow appear apply attract avoid become begin "
    "belong carry choose comprise connect consist constitute contain continue contribute convert correspond "
    "create decide define depend derive describe destroy determine develop differ discuss emit employ enable "
    "encode encounter encourage ensure enter establish examine exist expand explain express extend feed flow "
    "follow generate get give go govern grow happen hold host identify illustrate imply improve include indicate "
    "induce inhabit inhibit inherit involve keep know lack lie lose maintain mediate migrate modulate occupy "
    "occur oppose originate own possess prefer prevent produce promote protect prove provide raise reach receive "
    "recognize reduce refer reflect regulate relate rely remain remove represent require reside resemble retain "
    "reveal satisfy seek serve solve spend stabilize suffer suggest suppress survive sustain tend threaten "
    "undergo vary wear write"
)
_SAME_AS_NOUNS = words("cause increase decrease lead play result support cover use make show form contrast")
"""Verbs whose forms are nouns as often: they count before a determiner only."""


def third_person(lemma: str) -> str:
    """Return the form after he, she and it."""
    if lemma.endswith(("s", "x", "z", "ch", "sh", "o")):
        return lemma + "es"
    if lemma.endswith("y") and lemma[-2] not in "aeiou":
        return lemma[:-1] + "ies"
    return lemma + "s"


SINGULAR = {third_person(lemma): lemma for lemma in _LEMMAS}
SINGULAR_OR_NOUN = {third_person(lemma): lemma for lemma in _SAME_AS_NOUNS}
PLURAL = frozenset(_LEMMAS)
PLURAL_OR_NOUN = frozenset(_SAME_AS_NOUNS)
PAST = {
    "became": "become", "began": "begin", "wrote": "write", "took": "take", "gave": "give", "went": "go",
    "came": "come", "grew": "grow", "fell": "fall", "rose": "rise", "drew": "draw", "chose": "choose",
    "broke": "break", "spoke": "speak", "saw": "see", "drove": "drive", "flew": "fly",
}  # fmt: skip
"""Past forms that are not participles too, so that a verb is surely the verb of the sentence."""

PAST_OR_PARTICIPLE = frozenset(
    words(
        "led increased decreased declined improved worsened raised lowered reduced accelerated supported"
        " opposed won lost"
    )
)
"""Past forms that are participles too: they count before an object or a place to go to only."""

PARTICIPLES = frozenset(
    words(
        "been become shown found made grown risen fallen begun gone come taken given caused increased declined "
        "decreased led written developed received produced occurred appeared remained changed reached won lost held "
        "established created published provided proposed discovered contributed"
    )
)

FINITE = AUXILIARIES | SINGULAR.keys() | SINGULAR_OR_NOUN.keys() | PLURAL | PAST.keys() | frozenset(
    words(
    "led found made caused used held won lost built died moved joined published released opened located increased "
    "decreased declined reported described showed developed received produced occurred appeared remained changed "
    "reached established created provided proposed discovered contributed married defeated introduced formed"
)
)  # fmt: skip

DETERMINERS = frozenset(words("the a an its their his her this these those about"))
