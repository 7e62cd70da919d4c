"""Near-copies among documents: the same words in the same order, except for a news agency's additions.

Precision comes first: folding away a contradiction is worse than showing one copy too many. So two texts are copies
only if their words, numbers, signs, units and inner punctuation are the same, in the same order. They may differ in the
style of quotation marks and dashes, in spacing, in capitals that carry no meaning, in the final full stop, and in an
agency's name or a status at either end, which are closed lists here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from claimhound.data.records import Document, Ranking, ScoredDoc
from claimhound.indexes.analysis.terms import tokenize
from claimhound.pipeline.search.fusion import by_score

_REMEMBERED = 100_000  # the candidates of a hundred claims, about 10 MB
_FEWEST_WORDS_LEFT = 4
_MOST_MARKS = 4
_HEADLINE_WORDS = 5
_SENTENCE_WORDS = 8
_SHARED_WORDS = 2
_LONGEST_UNIT = 3


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Soft hyphens, zero-width spaces, direction marks. Not joiners, which are part of the letters in some scripts.
_UNSEEN = "\u00ad\u200b\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_STYLES = str.maketrans(
    dict.fromkeys("“”„‟«»″", '"')
    | dict.fromkeys("‘’‚‛", "'")
    | dict.fromkeys("‐‑", "-")
    | {"…": "..."}
    | dict.fromkeys(_UNSEEN, None)
)
_INVISIBLE = re.compile(f"[{_UNSEEN}]")
# Before a digit a dash may be a sign.
_DASH = re.compile(r" ?[—―] ?(?![\d ])| [–−-]+ (?!\d)")
_LOOSE_STOP = re.compile(r" +([.,;:!?)\]]+)(?= |$)")
_SINGLE_QUOTE = re.compile(r"(?<![\w'])'(?=\w)|(?<=[^\W\d])'(?!\w)|(?<=[.,!?])'(?!\w)")
_LOOSE_PERCENT = re.compile(r"(?<=\d) %")
_UNIT_IN_CAPITALS = re.compile(rf"\d\s?[A-Z]{{1,{_LONGEST_UNIT}}}\b")
# Words that mean something else with a capital, and in capitals throughout.
_NAMES_TOO = _words(
    "may march august will bill mark rose china turkey polish bush gates jobs trump ford reading nice bath rob "
    "frank jack grant chase wade brown white black green young long short rich hope faith grace joy earth mobile"
)
_ACRONYMS_TOO = _words("us it who aids ice nice start")

_AGENCY = (
    r"(?:the )?(?:associated press|ap|thomson reuters|reuters|agence france-presse|afp|upi|dpa|pti|ani|ians|xinhua|"
    r"tass|interfax|efe|ansa|kyodo(?: news)?|yonhap|bloomberg|press association|pa media|canadian press|"
    r"anadolu(?: agency)?|(?:news |press |wire )agenc(?:y|ies)|agenc(?:y|ies)|(?:news)?wires?(?: services?| reports?)?|"
    r"news wires?)"
)
_AGENCIES = rf"{_AGENCY}(?:(?:, | and | & | ?/ ?){_AGENCY})*"
_STATUS = r"updated?|with agencies|with wires|staff and agencies|read more|more|continued|developing"
_WIRES = (
    r"(?:the |an? |some )?(?:(?:news |press |wire )agenc(?:y|ies)|agenc(?:y|ies)|(?:news)?wires?(?: services?)?)"
    r"(?: reports?)?"
)
# Each match begins after the words that are kept. A quotation's speaker is not such a mark, see `_without_marks`.
_TAG = re.compile(
    rf"\s*[(\[](?:via |by |source: ?|with (?:inputs|files|reporting) from )?(?:{_AGENCIES}|{_STATUS})\.?[)\]]$"
    rf"|\s+[-–|/]+\s*(?:{_AGENCIES})$"
    r"|(?<=[.!?…\])|»>–-])\s*(?:\.\.\.)?\s*(?:\[?read more\]?|continue reading|more to (?:follow|come))$"
    rf"|(?<=[.!?…])\s*(?:source|via):? (?:{_AGENCIES})$",
    re.IGNORECASE,
)  # fmt: skip
_REPORTED = re.compile(
    rf",? according to (?:{_WIRES}|{_AGENCIES}|(?:an? |the )?(?:wire|agency) reports?)$"
    rf"|, (?:{_WIRES}|{_AGENCIES}) (?:has |have )?report(?:ed|s)?$"
    r"|, it (?:was|is|has been) reported$",
    re.IGNORECASE,
)
_MAY_END_IN_A_MARK = re.compile(
    r"[)\]]$|\b(?:press|ap|reuters|presse|afp|upi|dpa|pti|ani|ians|xinhua|tass|interfax|efe|ansa|kyodo|news|yonhap|"
    r"bloomberg|association|media|anadolu|agency|agencies|wires?|newswires?|services?|reports?|reported|more|reading|"
    r"follow|come)$",
    re.IGNORECASE,
)
_HEAD = re.compile(
    r"(?:breaking(?: news)?|just in|urgent|news ?flash|flash|news alert|updated?|developing)\s*(?::|\s-|!)+\s*"
    rf"|[(\[](?:{_AGENCIES}|updated?|breaking)[)\]]\s*(?:[-–:]+\s*)?|(?:{_AGENCIES})\s+[-–]+\s+",
    re.IGNORECASE,
)
# The place stays, because it may tell who "the ministry" is. A date stays too: it stands between place and agency.
_AGENCY_OF_DATELINE = re.compile(rf"^([^()\"?!]{{2,60}}?) \((?:{_AGENCIES})\)\s*[-–:]+ ", re.IGNORECASE)

_OPENING_PRONOUN = re.compile(
    r"\W*(?:he|she|it|they|we|i|you|this|that|these|those|his|her|hers|its|their|theirs|him|them|there|here|such|"
    r"both|neither|one|another|others?|the (?:former|latter|two|same))\b",
    re.IGNORECASE,
)
_LONG_LATIN_WORD = re.compile(r"[a-z]{7,}")
_LONG_WORD = re.compile(r"\w{7,}")
_LONG_WORDS_OF_MARKS = _words(
    "according agencies association associated anadolu bloomberg breaking canadian continue continued developing "
    "france interfax newsflash newswire newswires reading reported reporting reports reuters service services "
    "thomson updated xinhua"
)
_NEGATION = re.compile(
    r"\b(?:no|not|never|none|nor|nothing|nobody|neither|without|false|fake|hoax|myth|untrue|wrong)\b|n't\b"
    r"|\b(?:den(?:y|ies|ied)|debunk\w*|refut\w*|reject\w*|retract\w*)\b",
    re.IGNORECASE,
)


def text_key(text: str) -> str:
    """Return a key shared by all copies of a text, and by no other text."""
    plain = _styled(text)
    plain = _DASH.sub(" - ", " ".join(plain.split()))
    if " " in plain:
        plain = _LOOSE_STOP.sub(r"\1", plain)
    if "'" in plain:
        plain = _SINGLE_QUOTE.sub('"', plain)
    if " %" in plain:
        plain = _LOOSE_PERCENT.sub("%", plain)
    plain = plain.replace(", and ", " and ").replace(", or ", " or ")
    return _cased(_without_marks(plain)) or text


def _long_words(text: str) -> int:
    """Return a number shared by all copies of a text and few others: it takes 3 µs, the key 20."""
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    lowered = text.lower()
    found = frozenset(_LONG_LATIN_WORD.findall(lowered)) - _LONG_WORDS_OF_MARKS
    return hash(found or frozenset(_LONG_WORD.findall(lowered)) - _LONG_WORDS_OF_MARKS)


def _styled(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text).translate(_STYLES)


def _without_marks(text: str) -> str:
    """Return a text without its final full stop, and without an agency's marks at either end."""
    kept = _without_stop(text)
    for _ in range(_MOST_MARKS):
        if not _MAY_END_IN_A_MARK.search(kept[-20:]):
            break
        found = _TAG.search(kept)
        if found is None and '"' not in kept:
            found = _REPORTED.search(kept)
        if found is None or _is_too_little(kept[: found.start()]):
            break
        kept = _without_stop(kept[: found.start()])
    for _ in range(_MOST_MARKS):
        found = _HEAD.match(kept)
        if found is None or _is_too_little(kept[found.end() :]):
            break
        kept = kept[found.end() :]
    if ") " in kept[:80]:
        kept = _AGENCY_OF_DATELINE.sub(r"\1 - ", kept)
    return kept


def _without_stop(text: str) -> str:
    """Return a text without a final full stop, ellipsis or exclamation mark.

    A question mark stays, and so do dots after a digit, where a number may have been cut off.
    """
    kept = text.rstrip(" .!,;:-–")
    cut = text[len(kept) :]
    if kept[-1:].isdigit() and ".." in cut:
        return f"{kept}..."
    return kept


def _is_too_little(text: str) -> bool:
    return text.count(" ") < _FEWEST_WORDS_LEFT - 1


def _cased(text: str) -> str:
    """Return a text in lower case, except capitals that carry meaning: US and mW, May and Turkey."""
    words = text.split(" ")
    if text.isupper():
        lowered = text.lower()
        bare = {word.strip("\"'.,;:!?()[]") for word in lowered.split(" ")}
        if bare & _ACRONYMS_TOO or bare & _NAMES_TOO or _UNIT_IN_CAPITALS.search(text):
            return text
        return lowered
    for place, word in enumerate(words):
        if word.islower() or (not word[:1].isalpha() and not word.istitle()):
            continue
        # With a capital behind its first letter it is an acronym, a unit or a name like McDonald.
        if word[1:] != word[1:].lower() and not word.istitle():
            continue
        lowered = word.lower()
        if len(word) <= _LONGEST_UNIT and place and words[place - 1][-1:].isdigit():
            continue
        if len(word) == 1 and place:
            continue  # hepatitis A
        if lowered.strip("\"'.,;:!?()[]") not in _NAMES_TOO:
            words[place] = lowered
    return " ".join(words)


def _title_part(document: Document) -> str:
    """Return the key of a title that distinguishes a document from others with the same text, otherwise "".

    A title that only repeats the text is ignored. So is a headline over a sentence that stands alone: its small
    words may differ, but a name, a number or a negation that the text lacks counts. Under any other title, "He died in
    2024." is about somebody else.
    """
    title, text = document.title, document.text
    if title is None or not title.strip():
        return ""
    if _NEGATION.search(title) and not _NEGATION.search(text):
        return text_key(title)
    held = set(tokenize(text))
    terms = tokenize(title)
    if terms and held.issuperset(terms):
        return ""
    words = title.split()
    stands_alone = len(text.split()) >= _SENTENCE_WORDS and not _OPENING_PRONOUN.match(text)
    if not stands_alone or len(words) < _HEADLINE_WORDS or len(held.intersection(terms)) < _SHARED_WORDS:
        return text_key(title)
    telling = [word for word in words if word != word.lower() or any(letter.isdigit() for letter in word)]
    if all(held.issuperset(tokenize(word)) for word in telling):
        return ""
    return text_key(title)


class CopyFinder:
    """Finds copies among documents.

    `read` returns the documents with the given ids. Facts about texts are remembered by id, so a finder is for one
    generation of an index.
    """

    def __init__(self, read: Callable[[Sequence[str]], Sequence[Document]], *, n_remembered: int = _REMEMBERED) -> None:
        self._read = read
        self._n_remembered = n_remembered
        self._words: dict[str, int] = {}
        self._keys: dict[str, str] = {}

    def groups(self, doc_ids: Iterable[str]) -> dict[str, str]:
        """Return the smallest id of all its copies, for each document that has a copy among the others."""
        keys = self._keys
        groups: dict[str, str] = {}
        for same_words in self._with_the_same_words(doc_ids):
            documents = {document.doc_id: document for document in self._read(same_words)}
            keys |= {doc_id: text_key(documents[doc_id].text) for doc_id in same_words if doc_id not in keys}
            for same in _parted(same_words, keys):
                # Titles are only needed for documents with the same text.
                titles = {doc_id: _title_part(documents[doc_id]) for doc_id in same}
                for copies in _parted(same, titles):
                    groups |= dict.fromkeys(copies, min(copies))
        self._forget(keys)
        return groups

    def alike(self, doc_ids: Iterable[str], text_of: Callable[[Document], str]) -> dict[str, str]:
        """Return the smallest id of all with the same `text_of`, for each document that shares it with another."""
        groups: dict[str, str] = {}
        for same_words in self._with_the_same_words(doc_ids):
            # Models ignore white space.
            texts = {document.doc_id: " ".join(text_of(document).split()) for document in self._read(same_words)}
            for same in _parted(same_words, texts):
                groups |= dict.fromkeys(same, min(same))
        return groups

    def remember(self, doc_ids: Iterable[str]) -> None:
        """Read the facts that tell most documents apart now, instead of when they are first needed."""
        for document in self._read([doc_id for doc_id in doc_ids if doc_id not in self._words]):
            self._words[document.doc_id] = _long_words(document.text)

    def _with_the_same_words(self, doc_ids: Iterable[str]) -> list[list[str]]:
        """Return groups of documents that may be copies; most documents are in none, and are not read again."""
        ids = list(dict.fromkeys(doc_ids))
        self.remember(ids)
        found = _parted(ids, self._words)
        self._forget(self._words)
        return found

    def _forget(self, remembered: dict[str, Any]) -> None:
        while len(remembered) > self._n_remembered:
            del remembered[next(iter(remembered))]


def _parted(doc_ids: Iterable[str], key_of: Mapping[str, Hashable]) -> list[list[str]]:
    """Return the groups of ids that share a key, without groups of one."""
    found: dict[Hashable, list[str]] = {}
    for doc_id in doc_ids:
        found.setdefault(key_of[doc_id], []).append(doc_id)
    return [same for same in found.values() if len(same) > 1]


class Folded(NamedTuple):
    """The results of both searches with copies folded: one document of each group stands for it.

    `copies` are the others that were found, best rank first, by the id of the document that stands for them.
    """

    bm25: Ranking
    dense: Ranking | None
    copies: dict[str, tuple[str, ...]]


def n_different(ranking: Ranking, groups: Mapping[str, str]) -> int:
    """Return the number of documents in a ranking after copies are folded."""
    return len({groups.get(hit.doc_id, hit.doc_id) for hit in ranking}) if groups else len(ranking)


def fold(bm25: Ranking, dense: Ranking | None, groups: Mapping[str, str], k: int) -> Folded:
    """Return the first k different documents of each list; `groups` is from `CopyFinder.groups`.

    A group has the best score of its members in each list. The member that ranks highest in either list stands for it;
    ties break by doc_id.
    """
    if not groups:
        return Folded(bm25[:k], dense and dense[:k], {})
    lists = [bm25, dense or []]
    ranks: dict[str, dict[str, int]] = {}
    for ranking in lists:
        for rank, hit in enumerate(ranking):
            if hit.doc_id in groups:
                members = ranks.setdefault(groups[hit.doc_id], {})
                members[hit.doc_id] = min(rank, members.get(hit.doc_id, rank))
    ordered = {group: sorted(members, key=lambda doc_id: (members[doc_id], doc_id)) for group, members in ranks.items()}
    folded = [_first_of_each(ranking, groups, k) for ranking in lists]
    named = [
        by_score([ScoredDoc(ordered[name][0] if name in ordered else name, score) for name, score in kept.items()])
        for kept in folded
    ]
    copies = {
        first: tuple(others)
        for group, (first, *others) in ordered.items()
        if others and any(group in kept for kept in folded)
    }
    return Folded(named[0], None if dense is None else named[1], copies)


def _first_of_each(ranking: Ranking, groups: Mapping[str, str], k: int) -> dict[str, float]:
    kept: dict[str, float] = {}
    for hit in ranking:
        name = groups.get(hit.doc_id, hit.doc_id)
        if name not in kept:
            if len(kept) == k:
                break
            kept[name] = hit.score
    return kept
