"""Sentences that can be reworded: plain statements that are understood on their own."""

from __future__ import annotations

import re

from claimhound.data.rewording.verbs import FINITE
from claimhound.data.rewording.word_lists import words

_FEWEST, _MOST = 6, 45
_REFERENCE = re.compile(r"\s*\[(?:\d[\d ,;–-]*|citation needed|[a-z]|note \d+)\]")
_CITATION = re.compile(
    r"\s*\((?:[^()]*?[A-Z][^()]*?,? (?:1[89]|20)\d\d[a-z]?(?:[;,][^()]*)?|(?:see )?[Ff]ig(?:ure|s|\.)[^()]*)\)"
)
_CONNECTIVE = re.compile(
    r"(?:However|Therefore|Moreover|Furthermore|In addition|Additionally|Thus|Hence|Consequently|As a result|Also|"
    r"For example|For instance|Indeed|In fact|Nevertheless|Nonetheless|Similarly|Likewise|Finally|Meanwhile|"
    r"In contrast|On the other hand|Conversely|Accordingly|Besides|Instead|Overall|In particular|Notably|"
    r"In conclusion|Of course|Unfortunately|Interestingly|Importantly|Conclusions?:?),? (?=[A-Za-z])"
)
_HEADING = re.compile(r"^[A-Z]{5,}(?:(?:,? AND|,)? [A-Z]{5,})* (?=[A-Z][a-z])")  # of a part of an abstract
_ODD = re.compile(
    r"[\"“”«»?!;:=<>|{}\\/*_~^\[\]#@…•$&±×→]|\.\.|--| [,.)]|\( |['’]s? [a-z]+ing [A-Z]|n't|\(\)|[a-z]\.[A-Z]|n’t|https?"
)
_NOT_ALONE = frozenset(
    words(
        "it they he she this these that those we i you here there such his her their its our my your and but or so "
        "yet then nor one another other others both neither either instead figure table what who whom whose which how "
        "why where when let see note as than because although though while whereas if unless until not only now later "
        "soon rather even solution example below above first second third next last"
    )
)
_PERSONAL = frozenset(words("i we you me us my our your mine ours yours himself herself"))


def plain_sentence(text: str) -> str | None:
    """Return a statement without references and opening connective, or None for what is not one.

    Fragments, questions, quotations, sentences that lean on the one before ("They …") or speak of the reader or the
    author, and those under 6 or over 45 words are not plain.
    """
    sentence = _CITATION.sub("", _REFERENCE.sub("", " ".join(text.split())))
    sentence = _HEADING.sub("", sentence)
    opened = _CONNECTIVE.match(sentence)
    if opened:
        sentence = sentence[opened.end() :]
        sentence = sentence[:1].upper() + sentence[1:]
    words = sentence.split()
    if not _FEWEST <= len(words) <= _MOST or not sentence[0].isupper() or not sentence.endswith("."):
        return None
    lower = [word.strip(",.()").lower() for word in words]
    if lower[0] in _NOT_ALONE or not _PERSONAL.isdisjoint(lower) or FINITE.isdisjoint(lower):
        return None
    n_capitals = sum(word[:1].isupper() for word in words)
    if n_capitals > 0.6 * len(words) or _ODD.search(sentence) or sentence.count("(") != sentence.count(")"):
        return None
    return sentence
