"""Text to the terms that BM25 counts, the same for documents and queries, on disk and in memory."""

from __future__ import annotations

import unicodedata
from functools import cache

import regex
import tantivy

ANALYZER_NAME = "claimhound_english"
_LONGEST_TERM = 100

# A word is letters, digits and the marks that belong to them: without \p{M} Hindi and Thai words fall apart.
_WORD = regex.compile(r"[\p{L}\p{N}\p{M}]+")
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
    return [part for word in words for part in _pairs_where_unspaced(word)]


def _pairs_where_unspaced(word: str) -> list[str]:
    if not _UNSPACED.search(word):
        return [word]
    parts: list[str] = []
    end = 0
    for run in _UNSPACED.finditer(word):
        if run.start() > end:
            parts.append(word[end : run.start()])
        characters = run.group()
        parts.extend(characters[i : i + 2] for i in range(max(1, len(characters) - 1)))
        end = run.end()
    if end < len(word):
        parts.append(word[end:])
    return parts


def tokenize(text: str) -> list[str]:
    """Return the terms of `text` in order, repeated ones included; empty if it holds only stop words or no word."""
    return analyzer().analyze(" ".join(split_words(text)))


def matching_spans(text: str, terms: frozenset[str]) -> list[tuple[int, int]]:
    """Return the half-open character spans of the words of `text` whose term is one of `terms`, for highlighting."""
    return [word.span() for word in _WORD.finditer(text) if not terms.isdisjoint(tokenize(word.group()))]
