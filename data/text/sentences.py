"""Sentence splitting, by rules for English-like writing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from claimhound.data.records import Document


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Return the half-open spans of the sentences, in order; together they cover all but white space.

    A sentence ends at `.`, `!`, `?` or an ellipsis before white space, at a CJK full stop, at a blank line, and before
    a line that begins with a bullet (•, -, * and others) or is a table row of tab-separated cells. Closing quotes,
    brackets and references such as `[12]` after the stop belong to the sentence. A stop after an abbreviation or an
    initial, or before a small letter, does not end a sentence; after an abbreviation that can end one ("in the U.S.
    The ...") the next word decides. Any other line end is white space.
    """
    cuts = sorted({0, len(text), *_cuts(text)})
    spans = (_stripped(text, start, end) for start, end in pairwise(cuts))
    return [(start, end) for start, end in spans if start < end]


def split_document(document: Document) -> Iterator[Document]:
    """Yield the document's sentences, each with the document's other fields.

    A sentence's doc_id is `<doc_id>#<n>`, n from 0; `parent_id` is the document's id and `span` the sentence's place in
    its text. A text of one sentence gives `<doc_id>#0`. `fields` is shared, not copied. A document that already is a
    sentence of another one is yielded unchanged.
    """
    if document.parent_id is not None:
        yield document
        return
    for number, (start, end) in enumerate(split_sentences(document.text)):
        yield Document(
            doc_id=sentence_id(document.doc_id, number),
            text=document.text[start:end],
            title=document.title,
            source=document.source,
            url=document.url,
            date=document.date,
            fields=document.fields,
            parent_id=document.doc_id,
            span=(start, end),
        )


def sentence_id(doc_id: str, number: int) -> str:
    """Return the id of a document's sentence, numbered from 0."""
    return f"{doc_id}#{number}"


_CLOSERS = "\"'”’»)\\]}"
_REFERENCE = r"(?:[ \t]?\[ ?(?:[0-9][0-9 ,;–-]{0,30}|citation needed|note [0-9]{1,3}|[a-z]) ?\])"

# Possessive quantifiers and the look-behind keep long runs of stops linear.
_STOP = re.compile(
    rf"(?P<paragraph>\n[^\S\n]*\n)"
    rf"|(?P<item>\n(?=[^\S\n]*[•‣◦▪●*–-][^\S\n]|[^\S\n]*\S[^\n\t]*\t[^\S\n]*\S))"
    rf"|(?P<cjk>[。｡！？]++[」』”’）〉》】]*+)"
    rf"|(?<![.!?…])(?P<stops>[.!?…]++)(?P<closers>[{_CLOSERS}]*+){_REFERENCE}*+(?=\s|$)"
)
_NEXT_WORD = re.compile(r"\s+[^\w\s]*(?P<word>\w*)")
_LAST_WORD = re.compile(r"[^\s(\[{\"“”‘«—/]*$")
_LONGEST_WORD = 40

_INITIALS = re.compile(r"(?:[^\W\d_]\.-?)*[^\W\d_]")
"""An initial or dotted abbreviation without its last stop: `J`, `J.R`, `U.S`, `a.m`."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Lower case, without the last stop. Units of measure and weekdays are left out: many are words ("sun").
_TITLES = _words(
    "mr mrs ms mx dr prof st ste mt messrs mme mlle rev fr hon gen col lt capt cpt maj sgt cmdr adm sen rep gov pres"
)
"""Written with a capital and followed by a name."""

_NEVER_LAST = _words("e.g i.e eg ie viz cf vs resp incl ca approx")
"""Never at the end of a sentence."""

_BEFORE_NUMBER = _words(
    "no nos nr fig figs eq eqs eqn sec sect secs ch chap vol vols pp pg par para art arts ref refs tab suppl app ed"
)
"""Abbreviations if a number follows, otherwise words ("No.")."""

_MAY_BE_LAST = _words(
    "al etc inc ltd co corp plc bros assn dept univ ave blvd rd jr sr esq ph.d m.d fig figs eq eqs vol pp "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
)
"""Can end a sentence, and do if a word of _STARTERS follows."""

_STARTERS = _words(
    "a about according after all also although among an and another any are as at because before both but by can "
    "compared despite did do does during each even every few finally first for from further furthermore given has have "
    "he hence her here his how however if in indeed instead is it its last later many more moreover most much my "
    "neither nevertheless no nor not now of on once one only or other others our over perhaps recent recently several "
    "she similarly since so some soon still such than that the their then there therefore these they this those though "
    "through thus to today two under unlike until was we were what when where whether which while who why will with "
    "within without yes yet you your"
)


def _cuts(text: str) -> Iterator[int]:
    sentence_start = 0
    for match in _STOP.finditer(text):
        if match["stops"] is None or _ends_sentence(text, sentence_start, match):
            sentence_start = match.end()
            yield sentence_start


def _ends_sentence(text: str, sentence_start: int, match: re.Match[str]) -> bool:
    following = _NEXT_WORD.match(text, match.end())
    if following is None:
        return True
    if following["word"][:1].islower():
        return False
    if match["stops"] != ".":
        return True
    start = max(sentence_start, match.start() - _LONGEST_WORD)
    last = _LAST_WORD.search(text, start, match.start())
    before = text[last.start() if last else start : match.start()]
    if before.isdigit() and not text[sentence_start : match.start() - len(before)].strip():
        return False  # "1. Introduction" numbers what follows
    return not _continues(before, following["word"])


def _continues(before: str, word: str) -> bool:
    """Return whether the word before the stop is an abbreviation and the sentence continues with `word`."""
    short = before.lower()
    if short in _BEFORE_NUMBER and word[:1].isdigit():
        return True
    if before.isupper() and len(before) > 1 and "." not in before:
        return False  # an acronym that looks like an abbreviation: CO, MS, CA
    if short in _NEVER_LAST or (short in _TITLES and before[0].isupper()):
        return True
    if short in _MAY_BE_LAST or _INITIALS.fullmatch(before):
        return word.lower() not in _STARTERS
    return False


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))
