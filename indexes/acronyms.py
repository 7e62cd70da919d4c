"""Acronyms, which their capitals and dots tell from words: `US` and `U.S.` are a country, `us` is not."""

from __future__ import annotations

import re

from indexes.forms import Form

_DOTTED = re.compile(
    r"(?<![\w.])(?:(?:[A-Z]\.){2,}(?!\w)|(?:[A-Z]\.)+[A-Z](?![\w.])|(?:[ap]\.m|u\.s\.a|u\.[ksn]|e\.u)\.?(?![\w.]))"
)
_INITIALS = re.compile(r"(?<![\w.])[A-Z]\.(?: ?[A-Z]\.)+(?!\w)")
_CAPITALS = re.compile(r"[A-Z](?<!\w[A-Z])[A-Z]{1,4}(?!\w)")
_DOT_IN_WORD = re.compile(r"\.(?:[A-Za-z]| [A-Z]\.)")
_SHOUTED = re.compile(r"(?<!\w)[A-Z]+(?: +[A-Z]+){2,}(?!\w)")
_SMALL_LETTER = re.compile(r"[a-z]")
_ALSO = {"USA": "US"}
# Of these words nothing is left without capitals: what they find as words is everything.
_EMPTY_WORDS = frozenset(
    {"us", "who", "he", "we", "me", "my", "am", "do", "so", "up", "all", "any", "our", "you", "how"}
)


def acronym_forms(text: str, *, is_query: bool) -> tuple[list[Form], list[tuple[int, int]]]:
    """Return the terms of the acronyms in a visible text, and the spans whose words do not count beside them.

    An acronym keeps its capitals, so that no word is equal to it, and has the word in small letters too; in a query
    only if that word says something. Three words in capitals in a row are no acronyms, nor is a whole text of them.
    """
    forms: list[Form] = []
    instead: list[tuple[int, int]] = []
    if _DOT_IN_WORD.search(text):
        for match in _DOTTED.finditer(text):
            letters = match.group().replace(".", "")
            instead.append(match.span())
            forms.append(Form(*match.span(), match.group().rstrip(".").lower()))
            forms.extend(Form(*match.span(), term) for term in _terms(letters.upper(), is_query=is_query))
        for match in _INITIALS.finditer(text):
            if " " in match.group():
                letters = re.sub(r"\W", "", match.group())
                forms.extend(Form(*match.span(), term) for term in _terms(letters, is_query=is_query))
    found = list(_CAPITALS.finditer(text))
    if not found or (len(text.split()) > 1 and not _SMALL_LETTER.search(text)):
        return forms, instead
    shouted = [match.span() for match in _SHOUTED.finditer(text)] if len(found) > 1 else []
    for match in found:
        if not any(start <= match.start() < end for start, end in shouted):
            lower, *others = _terms(match.group(), is_query=False)
            forms.extend(Form(*match.span(), term) for term in others)
            if is_query and lower in _EMPTY_WORDS:
                instead.append(match.span())
    return forms, instead


def _terms(letters: str, *, is_query: bool) -> list[str]:
    terms = [letters.lower(), letters]
    if is_query and terms[0] in _EMPTY_WORDS:
        del terms[0]
    if letters in _ALSO:
        terms.append(_ALSO[letters])
    return terms
