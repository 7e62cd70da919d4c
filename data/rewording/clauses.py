"""A sentence's subject, its verb and the rest, where a rule can be sure of them."""

from __future__ import annotations

import re
from typing import NamedTuple

from claimhound.data.rewording.verbs import (
    AUXILIARIES,
    DETERMINERS,
    PAST,
    PAST_OR_PARTICIPLE,
    PLURAL,
    PLURAL_OR_NOUN,
    SINGULAR,
    SINGULAR_OR_NOUN,
)
from claimhound.data.rewording.word_lists import words

_LONGEST_SUBJECT = 9
_ABSTRACT = ("ing", "ion", "ity", "ism", "ness", "ide")
_AFTER_NOUN = frozenset(words("of and are is was were for in can may include vary differ"))
_AFTER_PAST = frozenset(words("to from the a an its their significantly steadily rapidly sharply"))
_OPENS_NO_SUBJECT = frozenset(
    words(
        "in on at by for from with during after before under since as when while if because although though once to "
        "despite among unlike like through within without between against about over until unless so not no only even "
        "whether today currently recently originally often sometimes usually initially eventually according given "
        "based compared nor never rarely hardly until upon throughout across near outside inside beyond having being"
    )
)
_NOT_IN_SUBJECT = frozenset(
    words(
        "that which who whom whose where when while if because although though since as than whether how what why not "
        "no never only but he she it they we you or"
    )
)
PARTIAL = frozenset(
    words(
        "some many most several few various certain each every all both either neither numerous much one another "
        "other others part half parts two three four five six seven eight nine ten more less fewer there additional "
        "any certain different further lots plenty nearly almost about around approximately"
    )
)
"""First words of a subject about which opposite statements may both be true: some birds fly, and some do not."""


_PARTLY = frozenset(words("most some many several all every few each revealed showed suggested said found"))


class Clause(NamedTuple):
    """The parts of a sentence, which joined by spaces give it back."""

    subject: str
    verb: str
    rest: str

    @property
    def first_word(self) -> str:
        """The subject's first word in small letters."""
        return self.subject.partition(" ")[0].lower()

    @property
    def is_whole(self) -> bool:
        """Tell whether the sentence speaks of all that its subject names, so that its negation contradicts it."""
        subject = self.subject.lower().split()
        if not _PARTLY.isdisjoint(subject):
            return False
        return subject[0] not in PARTIAL and not (
            subject[0] == "a" and subject[1:2] in (["few"], ["number"], ["variety"])
        )


def main_clause(sentence: str) -> Clause | None:
    """Return the parts of a sentence that begins with a short subject, None where they are not sure."""
    tokens = sentence.split()
    if tokens[0].lower() in _OPENS_NO_SUBJECT:
        return None
    for place, word in enumerate(tokens[: _LONGEST_SUBJECT + 1]):
        if place and _is_verb(tokens, place):
            if place + 1 == len(tokens):
                return None
            return Clause(" ".join(tokens[:place]), word, " ".join(tokens[place + 1 :]))
        if re.search(r"[,()]", word) or word.lower() in _NOT_IN_SUBJECT:
            return None
    return None


def _is_verb(tokens: list[str], place: int) -> bool:
    word, before = tokens[place], tokens[place - 1].lower()
    if word in AUXILIARIES or word in PAST:
        return True
    if before in ("to", "and") or before in DETERMINERS:
        return False
    if word in SINGULAR or word in PLURAL:
        return _is_plural_noun(before) == (word in PLURAL)
    following = tokens[place + 1].lower() if place + 1 < len(tokens) else ""
    return _is_verb_before(word, before, following, is_second=place == 1)


def _is_verb_before(word: str, before: str, following: str, *, is_second: bool) -> bool:
    """Tell whether a word that may be another part of speech is a verb, by its neighbours."""
    if word in PAST_OR_PARTICIPLE:
        return following in _AFTER_PAST
    if is_second and before.endswith(_ABSTRACT) and word in SINGULAR_OR_NOUN:
        return following not in _AFTER_NOUN
    words_of_number = PLURAL_OR_NOUN if _is_plural_noun(before) else SINGULAR_OR_NOUN
    return following in DETERMINERS and word in words_of_number


def _is_plural_noun(word: str) -> bool:
    return (word.endswith("s") and not word.endswith(("ss", "us", "is", "ics"))) or word in (
        "people", "children", "men", "women", "bacteria", "data", "species", "mice", "scientists"
    )  # fmt: skip


def lowered(subject: str) -> str | None:
    """Return a subject as it reads inside a sentence, None where it may be a name."""
    first, _, others = subject.partition(" ")
    if first in ("The", "A", "An", "Some", "Many", "Most", "Several", "All"):
        return first.lower() + (" " + others if others else "")
    if is_name(subject):
        return subject
    return None


def is_name(phrase: str) -> bool:
    """Tell whether a phrase is surely a name: an acronym, or two and more parts with capitals."""
    parts = phrase.split()
    capital = [word for word in parts if word[:1].isupper()]
    if len(parts) == 1:
        return sum(character.isupper() for character in phrase) > 1
    return len(capital) == len(parts) or (len(capital) > 1 and parts[-1][:1].isupper() and parts[0][:1].isupper())
