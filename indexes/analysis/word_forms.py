"""Folded forms of a word: without accents, points and other marks that writers leave out."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import regex

_KNOWN_WORDS = 1 << 16
# Vowel signs of Indian scripts and the marks of Japanese and Thai are essential: they stay.
_MARKED = regex.compile(r"(?<=[\p{Latin}\p{Greek}])\p{Mn}+|(?<=\p{Cyrillic})[\u0300\u0301]|(?<=[\u0435\u0415])\u0308")
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_SEMITIC_MARKS = regex.compile(r"[\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
# Letters without a decomposition, and letters of an Arabic keyboard for those of a Persian one.
_PLAIN_LETTERS = str.maketrans(
    {
        **{"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "ŧ": "t", "ŋ": "n", "ə": "e", "ƒ": "f"},
        **{"æ": "ae", "œ": "oe", "þ": "th", "ĸ": "k", "ɓ": "b", "ɗ": "d", "ƙ": "k"},
        **dict.fromkeys("ʻʿʾˈˌ", ""),
        **dict.fromkeys("أإآٱ", "ا"),
        **{"ى": "ي", "ی": "ي", "ې": "ي", "ے": "ي", "ئ": "ي", "ؤ": "و", "ة": "ه", "ۀ": "ه", "ە": "ه", "ک": "ك"},
    }
)
# Spellings of these letters on keyboards that lack them: Mueller, Joergensen, Aarhus.
_TWO_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})


@lru_cache(_KNOWN_WORDS)
def folded_forms(word: str) -> tuple[str, ...]:
    """Return other spellings of a word (case folded, in NFKC); empty if it has none.

    Accents, Arabic vowel marks and Hebrew points are removed, digits become ASCII; ä, ö, ü, å and ø also become two
    letters.
    """
    if word.isascii():
        return ()
    forms = [_folded(word), _folded(unicodedata.normalize("NFC", word).translate(_TWO_LETTERS))]
    return tuple(dict.fromkeys(form for form in forms if form and form != word))


def _folded(word: str) -> str:
    parted = unicodedata.normalize("NFD", _SEMITIC_MARKS.sub("", word.translate(_PLAIN_LETTERS)))
    bare = unicodedata.normalize("NFC", _MARKED.sub("", parted)).translate(_PLAIN_LETTERS)
    return with_ascii_digits(bare)


def with_ascii_digits(text: str) -> str:
    """Return the text with the decimal digits of every script replaced by ASCII ones; its length is unchanged."""
    if not _OTHER_DIGIT.search(text):
        return text
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)
