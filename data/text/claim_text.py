"""The searched text of a claim as posted: its words, without links, emoji and the markup of social media."""

from __future__ import annotations

import html
import unicodedata

import regex

from claimhound.data.text.hashtags import split_hashtag
from claimhound.data.text.normal_text import ENTITY, INVISIBLE

# A claim without any of these is searched exactly as it is.
_POSTED = regex.compile(
    r"[#@&＃＠]|://|www\.|https?:|\.\p{Ll}{2,}/|https?…|\A\s*(?:RT|MT|QT)\b|\p{Emoji_Presentation}|[\ufe0f\u20e3\U0001f3fb-\U0001f3ff]"
    r"|[\U0001d400-\U0001d7ff\uff01-\uff5e]|[\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB]|\p{Extended_Pictographic}"
)
_ESCAPED_AT_MOST = 3
_REPOSTED = regex.compile(r"\A\s*(?:(?:RT|MT|QT)\b:?\s*[@＠]\w{1,50}\s*:?\s*)+")
_DOMAIN_ENDS = (
    "com|org|net|info|edu|gov|mil|int|biz|news|blog|io|co|me|tv|ly|be|gl|gd|to|us|uk|eu|de|fr|es|it|nl|pl|ru|ua|ca|au|nz|"
    "in|br|mx|ar|cl|ch|at|se|no|dk|fi|ie|pt|cz|hu|gr|tr|il|jp|cn|kr|hk|tw|sg|za|ng|ke|link|site|online|app|page|xyz"
)
_LINK = regex.compile(
    r"(?:\b(?:h(?:tt|xx)ps?|ftp):/*[^\s<>\"»”)\]]*|\bhttps?…|\bwww\.[^\s<>\"»”)\]]+"
    rf"|(?<![\w.@/-])(?:[a-z0-9-]+\.)+(?:{_DOMAIN_ENDS})/[^\s<>\"»”)\]]*)",
    regex.IGNORECASE,
)
_EMPTY_BRACKETS = regex.compile(r"[(\[<]\s*[)\]>]")
_HASHTAG = regex.compile(r"(?<![\w&])[#＃]([\p{L}\p{N}\p{M}_]*\p{L}[\p{L}\p{N}\p{M}_]*)")
_MENTION = regex.compile(r"(?<![\w.@＠])(?:\.(?=[@＠]))?[@＠](\w{1,50})")
# An emoji with its skin tone, variation and joined parts. A key cap stands for the digit on it.
_PICTURE = regex.compile(
    r"(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f|[\u2600-\u27bf\u2b00-\u2bff]\ufe0f?)[\ufe0f\u200d\U0001f3fb-\U0001f3ff]*"
)
_KEY_CAP = "\u20e3"
_OTHER_ALPHABET = regex.compile(r"[\U0001d400-\U0001d7ff\uff01-\uff5e]+")
# Joiners matter between letters of Arabic and Indian scripts, and zero width spaces in scripts without spaces.
_MEANINGFUL = regex.compile(
    r"(?<=[\p{Arabic}\p{Syriac}\p{Mongolian}\p{M}])[\u200c\u200d]|(?<=[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])\u200b"
)
_LETTER_OR_DIGIT = regex.compile(r"[\p{L}\p{N}]")


def searched_text(claim: str) -> str:
    """Return the text of a claim that models and BM25 read; plain prose is returned unchanged.

    Links, emoji, invisible characters and the `RT @user:` of a repost are removed; hashtags and user names become their
    words, entities and fancy alphabets the characters they stand for. If no letter or digit would be left, the claim is
    returned unchanged, so the result is blank only if the claim is.
    """
    if not _POSTED.search(claim):
        return claim
    text = claim
    for _ in range(_ESCAPED_AT_MOST):
        text = ENTITY.sub(lambda match: html.unescape(match.group()), text)
    text = _REPOSTED.sub("", text)
    text = _EMPTY_BRACKETS.sub(" ", _LINK.sub(" ", text))
    text = _OTHER_ALPHABET.sub(lambda match: unicodedata.normalize("NFKC", match.group()), text)
    text = _PICTURE.sub(" ", text.replace(_KEY_CAP, ""))
    text = _without_invisible(text)
    text = _HASHTAG.sub(_spoken, text)
    text = _MENTION.sub(_spoken, text)
    text = " ".join(text.split())
    return text if _LETTER_OR_DIGIT.search(text) else claim


def _spoken(match: regex.Match[str]) -> str:
    return " ".join(split_hashtag(match[1])) or match[1]


def _without_invisible(text: str) -> str:
    kept = {match.start() for match in _MEANINGFUL.finditer(text)}
    visible: str = INVISIBLE.sub(lambda match: match.group() if match.start() in kept else "", text)
    return visible
