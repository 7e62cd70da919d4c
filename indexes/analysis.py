"""Text to the terms that BM25 counts, the same for documents and queries, on disk and in memory."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache

import regex
import tantivy

ANALYSIS_VERSION = 1
"""Counts up with every change of the terms that a text gives: an index of other terms cannot be searched by these."""
ANALYZER_NAME = "claimhound_english"
_LONGEST_TERM = 100
_PAIR = 2

# A word is letters, digits and the marks that belong to them: without \p{M} Hindi and Thai words fall apart.
_WORD = regex.compile(r"[\p{L}\p{N}\p{M}]+")
_WORD_AS_WRITTEN = regex.compile(r"[\p{L}\p{N}\p{M}\u00ad]+")
_POSSESSIVE = regex.compile(r"['’]s(?![\p{L}\p{N}\p{M}])")
_SOFT_HYPHEN = "\u00ad"
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]+")


@cache
def analyzer() -> tantivy.TextAnalyzer:
    """The stop word and stemming chain that follows `split_words`; it expects words parted by one space."""
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace())
        .filter(tantivy.Filter.remove_long(_LONGEST_TERM))
        .filter(tantivy.Filter.stopword("english"))
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


def split_words(text: str) -> list[str]:
    """Return the words of `text` in order: NFKC, case folded, without soft hyphens and English possessives.

    Scripts that are written without spaces come out as overlapping pairs of characters, so that a query finds a part of
    a longer run.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace(_SOFT_HYPHEN, "")
    text = _POSSESSIVE.sub("", text.casefold())
    words: list[str] = _WORD.findall(text)
    if text.isascii():
        return words
    return [word[start:end] for word in words for start, end in _parts(word)]


def _parts(word: str) -> Iterator[tuple[int, int]]:
    """Yield the span of each pair of characters where the script has no spaces, and of what is between such runs."""
    done = 0
    for run in _UNSPACED.finditer(word):
        first, end = run.span()
        if first > done:
            yield done, first
        for start in range(first, max(first + 1, end - _PAIR + 1)):
            yield start, min(start + _PAIR, end)
        done = end
    if done < len(word):
        yield done, len(word)


def tokenize(text: str) -> list[str]:
    """Return the terms of `text` in order, repeated ones included; empty if it holds only stop words or no word."""
    return analyzer().analyze(" ".join(split_words(text)))


def matching_spans(text: str, terms: frozenset[str]) -> list[tuple[int, int]]:
    """Return the half-open character spans of the words of `text` whose term is one of `terms`, for highlighting.

    In scripts without spaces these are runs of the characters that match.
    """
    spans: list[tuple[int, int]] = []
    for word in _WORD_AS_WRITTEN.finditer(text):
        for part_start, part_end in _parts(word.group()):
            if terms.isdisjoint(tokenize(word.group()[part_start:part_end])):
                continue
            start, end = word.start() + part_start, word.start() + part_end
            if spans and start < spans[-1][1]:
                start = spans.pop()[0]
            spans.append((start, end))
    return spans
