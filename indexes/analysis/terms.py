"""The terms of a text that BM25 counts, on disk and in memory.

A word is indexed as written, case folded, and also in its normal form if that differs: so the form in a claim finds
every other form, and its own first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import regex
import tantivy

from claimhound.indexes.analysis.acronyms import acronym_forms
from claimhound.indexes.analysis.forms import Form
from claimhound.indexes.analysis.joined_words import UNSPACED, joined_forms
from claimhound.indexes.analysis.numbers import number_forms
from claimhound.indexes.analysis.visible_text import visible_text, visible_text_with_spans
from claimhound.indexes.analysis.word_forms import folded_forms, with_ascii_digits

ANALYSIS_VERSION = 2
"""Increases with every change to the terms of a text: an index can only be searched with its own terms."""
ANALYZER_NAME = "claimhound_english"
_LONGEST_TERM = 100
_PAIR = 2

# A word is letters, digits and the marks that belong to them: without \p{M} Hindi and Thai words fall apart.
_WORD = regex.compile(r"[\p{L}\p{N}\p{M}]+")
_ASCII_WORD = re.compile("[a-z0-9]+")
_POSSESSIVE = re.compile(r"'[sS](?!\w)")
# 53 % of 100,000 sentences of Wikipedia and textbooks have no terms other than their words.
_MORE = re.compile(r"[0-9#&'\nA-Z.](?:(?<=[0-9#&'\n])|(?<=[A-Z])[A-Z]|(?<=\.)(?:[A-Za-z]| [A-Z]\.))")
_DIGIT = re.compile(r"[\d⁄]")


@cache
def analyzer() -> tantivy.TextAnalyzer:
    """Return the stop word and stemming chain for the output of `split_words`, joined by spaces."""
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace())
        .filter(tantivy.Filter.remove_long(_LONGEST_TERM))
        .filter(tantivy.Filter.stopword("english"))
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


def split_words(text: str) -> list[str]:
    """Return the words of a document in order, followed by the normal forms that differ from them.

    Words are in NFKC and case folded, without invisible characters and English possessives. Scripts without spaces give
    overlapping pairs of characters, so a query can find part of a longer run.
    """
    text = visible_text(text)
    if text.isascii() and not _MORE.search(text):
        return _ASCII_WORD.findall(text.casefold())
    forms, text = _forms(text)
    folded = text.casefold()
    if folded.isascii():
        words = _ASCII_WORD.findall(folded)
    else:
        words = []
        for word in _WORD.findall(folded):
            if word.isascii():
                words.append(word)
            else:
                words.extend(_with_folded(word[start:end] for start, end in _parts(word)))
    if forms:
        words.extend(_with_folded(form.term for form in forms))
    return words


def tokenize(text: str) -> list[str]:
    """Return the terms of a document, repeated ones included; empty if it has only stop words or none."""
    return _terms(split_words(text))


def query_terms(text: str) -> list[str]:
    """Return the terms of a query, as for a document; in a query without capitals, `us` may also mean `US`."""
    words = split_words(text)
    if "us" in words and text == text.lower():
        words.append("US")
    return _terms(words)


def _terms(words: list[str]) -> list[str]:
    return analyzer().analyze(" ".join(words))


def _forms(text: str) -> tuple[list[Form], str]:
    """Return the forms in a visible text, and the text with everything except its words blanked."""
    forms, instead = acronym_forms(text)
    if _DIGIT.search(text):
        forms.extend(number_forms(with_ascii_digits(text)))
    forms.extend(joined_forms(text))
    for start, end in instead:
        text = f"{text[:start]}{' ' * (end - start)}{text[end:]}"
    if "'" in text:
        text = _POSSESSIVE.sub("  ", text)
    return list(dict.fromkeys(forms)) if len(forms) > 1 else forms, text


def _with_folded(words: Iterator[str]) -> Iterator[str]:
    for word in words:
        yield word
        if not word.isascii():
            yield from folded_forms(word)


def _parts(word: str) -> Iterator[tuple[int, int]]:
    """Yield the span of each pair of characters in scripts without spaces, and of each run of other characters."""
    done = 0
    for run in UNSPACED.finditer(word):
        first, end = run.span()
        if first > done:
            yield done, first
        for start in range(first, max(first + 1, end - _PAIR + 1)):
            yield start, min(start + _PAIR, end)
        done = end
    if done < len(word):
        yield done, len(word)


def matching_spans(text: str, terms: frozenset[str]) -> list[tuple[int, int]]:
    """Return the half-open character spans in `text` that give one of the `terms`, for highlighting.

    They are in order, do not overlap, and refer to the text as written: `8,000` for the term `8000`. In scripts without
    spaces they are runs of matching characters.
    """
    visible, origin = visible_text_with_spans(text)
    forms, words = _forms(visible)
    found = [
        Form(word.start() + start, word.start() + end, word.group()[start:end].casefold())
        for word in _WORD.finditer(words)
        for start, end in _parts(word.group())
    ]
    marked = sorted(
        (origin[start][0], origin[end - 1][1])
        for start, end, term in [*found, *forms]
        if not terms.isdisjoint(_terms(list(_with_folded(iter([term])))))
    )
    spans: list[tuple[int, int]] = []
    for start, end in marked:
        if spans and start < spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    return spans
