"""Acronyms, distinguished from words by capitals and dots: `US` and `U.S.` are a country, `us` is not."""

from __future__ import annotations

import re

from claimhound.indexes.analysis.forms import Form

_DOTTED = re.compile(
    r"(?<![\w.])(?:(?:[A-Z][a-z]?\.){2,}(?!\w)|(?:[A-Z]\.)+[A-Z](?![\w.])|(?:[ap]\.m|u\.s\.a|u\.[ksn]|e\.u)\.?(?![\w.]))"
)
_INITIALS = re.compile(r"(?<![\w.])[A-Z]\.(?: ?[A-Z]\.)+(?!\w)")
_CAPITALS = re.compile(r"[A-Z](?<!\w[A-Z])[A-Z]{1,4}(?!\w)")
_DOT_IN_WORD = re.compile(r"\.(?:[A-Za-z]| [A-Z]\.)")
_SHOUTED = re.compile(r"(?<!\w)[A-Z]+(?: +[A-Z]+){2,}(?!\w)")
_SMALL_LETTER = re.compile(r"[a-z]")
_ALSO = {"USA": "US"}
# Words that mean something else in capitals. NASA and Nasa are the same: a second term would count it twice, which
# costs .0009 of nDCG@10 on 1,228 climate claims and .003 on 505 of SciFact, neither beyond chance.
_TWO_THINGS = """
    act add ads aid aids aim all alps am and apps arc arm arms art as ask asp at bat be best bid bits boss bus can
    cap caps car card care cares cat cats chip cop cops core cup dare date do dot dream ear east era fair far fast
    fat fed feed fee fire fit gap gas gem get go god had hall has he heal hear heat help her hero hi his hit home
    hope host how ice id idea if ill in ion ions ira is it kit lab lamp land laws lead led let lie low ma mad man
    map mars mash mask mass mat may me men met mice mom moon my net nice no now of ok on one or our out own pace
    pack pan par past pat pay pen pet pie pin pip pot ram rap rat ray red rest rice rip rise rod safe sail salt sat
    save say see set she ship sit smart snap so soft sort soul spa star start stem step stop sun swap swat tan tank
    tap tax team tie tip tips to top trap trips up us use van vat war wash was we who win wise wit you zip
"""
_WORDS = frozenset(_TWO_THINGS.split())
# In lower case these are too common to be of use.
_EMPTY_WORDS = frozenset({"us", "who", "he", "we", "me", "my", "am", "do", "so", "up", "all", "our", "you", "how"})


def acronym_forms(text: str) -> tuple[list[Form], list[tuple[int, int]]]:
    """Return the terms of the acronyms in a visible text, and the spans whose own words do not count.

    An acronym that is also a word in lower case keeps its capitals, so it equals no word; it also gives the lower-case
    word unless that is too common: `US` is never `us`. Three words in capitals in a row are not acronyms, nor is a
    text entirely in capitals.
    """
    forms: list[Form] = []
    instead: list[tuple[int, int]] = []
    if _DOT_IN_WORD.search(text):
        for match in _DOTTED.finditer(text):
            letters = match.group().replace(".", "")
            instead.append(match.span())
            forms.append(Form(*match.span(), match.group().rstrip(".").lower()))
            forms.extend(Form(*match.span(), term) for term in _terms(letters.upper()))
        for match in _INITIALS.finditer(text):
            if " " in match.group():
                letters = re.sub(r"\W", "", match.group())
                forms.extend(Form(*match.span(), term) for term in _terms(letters))
    found = [match for match in _CAPITALS.finditer(text) if match.group().lower() in _WORDS or match.group() in _ALSO]
    if not found or (len(text.split()) > 1 and not _SMALL_LETTER.search(text)):
        return forms, instead
    shouted = [match.span() for match in _SHOUTED.finditer(text)]
    for match in found:
        if not any(start <= match.start() < end for start, end in shouted):
            lower = match.group().lower()
            forms.extend(Form(*match.span(), term) for term in _terms(match.group()) if term != lower)
            if lower in _EMPTY_WORDS:
                instead.append(match.span())
    return forms, instead


def _terms(letters: str) -> list[str]:
    """Return the lower-case word, unless it is too common, and the terms that its capitals add."""
    lower = letters.lower()
    terms = [] if lower in _EMPTY_WORDS else [lower]
    if lower in _WORDS:
        terms.append(letters)
    if letters in _ALSO:
        terms.append(_ALSO[letters])
    return terms
