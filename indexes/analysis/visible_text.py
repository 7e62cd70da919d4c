"""A text as it looks: entities resolved, invisible characters removed, and look-alikes unified."""

from __future__ import annotations

import html
import re
import unicodedata

import regex

from claimhound.data.text.normal_text import ENTITY, INVISIBLE

BREAK = "\u2063"
"""Marks a zero width character that may separate two words; it is invisible itself, so no visible text has its own."""

# Between digits a no-break space groups thousands; it becomes a comma, as NFKC would make it a plain space.
_GROUPING_SPACE = regex.compile(r"(?<=\d)[\u00a0\u2007\u2008\u2009\u200a\u202f](?=\d{3}(?!\d))")
# A zero width space may separate words, and a zero width non-joiner the parts of a Persian word.
_MAY_PART = regex.compile(r"(?<=[\p{L}\p{N}\p{M}])[\u200b\u200c]+(?=[\p{L}\p{N}\p{M}])")
_BROKEN_AT_LINE_END = regex.compile(r"\u00ad(?=\s*\n)")
_CLUSTER = regex.compile(r"\X")
# These alone keep three in four non-ASCII sentences of Wikipedia and textbooks from being ASCII.
_PUNCTUATION = {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u2010": "-", "\u2011": "-", "−": "-"}
_SAME_LOOK = {
    **_PUNCTUATION,
    # A modifier letter would join what an apostrophe separates.
    **dict.fromkeys("\u02bc\u201b\u2032\u02b9\u00b4\ua78c", "'"),
    # NFKC turns one of these degree signs into a letter, the other into a combining mark.
    **dict.fromkeys("\u00ba\u02da", "\u00b0"),
    # The percent sign and the separators of Arabic digits.
    **{"\u066a": "%", "\u066b": ".", "\u066c": ","},
    # 1½ is not 11⁄2.
    **{fraction: " " + unicodedata.normalize("NFKC", fraction) for fraction in "¼½¾⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"},
}
_LOOKS = re.compile("[" + "".join(_SAME_LOOK) + "]")


def visible_text(text: str) -> str:
    """Return the text in NFKC without invisible characters, with `BREAK` for those that may separate two words."""
    if "&" in text:
        text = ENTITY.sub(lambda match: html.unescape(match.group()), text)
    if text.isascii():
        return text
    simple = text
    for character, plain in _PUNCTUATION.items():
        simple = simple.replace(character, plain)
    if simple.isascii():
        return simple
    return _in_one_spelling(INVISIBLE.sub(_unless_break, _same_length(text)))


def visible_text_with_spans(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return the visible text, and for each of its characters the half-open span in `text` it stands for."""
    if text.isascii() and "&" not in text:
        return text, [(at, at + 1) for at in range(len(text))]
    characters: list[str] = []
    spans: list[tuple[int, int]] = []
    done = 0
    for match in ENTITY.finditer(text):
        characters.extend(text[done : match.start()])
        spans.extend((at, at + 1) for at in range(done, match.start()))
        meant = html.unescape(match.group())
        characters.extend(meant)
        spans.extend([match.span()] * len(meant))
        done = match.end()
    characters.extend(text[done:])
    spans.extend((at, at + 1) for at in range(done, len(text)))
    kept = [
        (character, span)
        for character, span in zip(_same_length("".join(characters)), spans, strict=True)
        if character == BREAK or not INVISIBLE.match(character)
    ]
    visible = "".join(character for character, _ in kept)
    characters, spans = [], []
    for cluster in _CLUSTER.finditer(visible):
        shown = _in_one_spelling(cluster.group())
        characters.extend(shown)
        spans.extend([(kept[cluster.start()][1][0], kept[cluster.end() - 1][1][1])] * len(shown))
    return "".join(characters), spans


def _same_length(text: str) -> str:
    """Replace characters whose meaning depends on their neighbours, one by one."""
    text = _GROUPING_SPACE.sub(",", text.replace(BREAK, "\u200d"))
    text = _BROKEN_AT_LINE_END.sub("-", text)
    marked: str = _MAY_PART.sub(lambda match: BREAK * len(match.group()), text)
    return marked


def _in_one_spelling(text: str) -> str:
    return unicodedata.normalize("NFKC", _LOOKS.sub(lambda match: _SAME_LOOK[match.group()], text))


def _unless_break(match: regex.Match[str]) -> str:
    return BREAK if match.group() == BREAK else ""
