"""A sentence without one of its parts: what is left is said by the sentence too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from claimhound.data.rewording.clauses import main_clause
from claimhound.data.rewording.verbs import FINITE

_FEWEST = 5
_REPORTED = re.compile(
    r"^(?:According to [^,]{3,60}, |(?:Studies|Researchers|Scientists|Research|Evidence|Reports|Data) (?:[a-z]+ )?"
    r"(?:show|shows|showed|found|confirmed|confirms|demonstrate|demonstrates|demonstrated) that )(?=\S)"
)
_OPENER = re.compile(r"^(?:In|On|During|Since) (?:[A-Z][a-z]+ )?(?:\d{1,2},? )?(?:[A-Z][a-z]+ )?(?:1\d|20)\d\d, (?=\S)")
_PARENTHESIS = re.compile(r" \([^()]{2,80}\)")
_TRAILING = re.compile(
    r", (?:which|who|where|whose|making|leading|causing|resulting|allowing|including|such as|although|though|whereas|"
    r"while|especially|particularly|with|thereby|because|along with|as well as|followed by|known|called|named|"
    r"and (?:is|was|are|were|has|had|have|it|they|the|later|also|thus|therefore))\b[^()]*\.$"
)
_SECOND_VERB = re.compile(r" and (?:is|was|are|were|has been|have been|had been) [^,()]*\.$")
_APPOSITIVE = re.compile(r"^([A-Z][^,()]{2,50}), (an? [^,()]{5,60}|the [^,()]{5,60}), (?=(?:is|was|has|had|are|were) )")
_CONDITION = re.compile(
    r"\b(?:if|unless|until|whether|only|either|neither|nor|not|no|never|both|between|should|would)\b"
)
_OPENS_A_CONDITION = re.compile(
    r"^(?:If|When|Whenever|Unless|Although|Though|While|As|Because|Since|Where|Even|Once)\b"
)


_NO_NAME = re.compile(r"\b(?:and|or)\b|^(?:In|On|At|As|After|With|For)\b")
_RESTRICTS = re.compile(r"\b(?:or|not|unless|except|if|see)\b")


class Shortened(NamedTuple):
    """A sentence without a part, and whether the part says something that the remaining sentence does not."""

    text: str
    tells_more: bool


def shortened(sentence: str) -> Iterator[Shortened]:
    """Yield the sentence without a parenthesis, a reporting or dated opening, or a clause at its end."""
    for pattern in (_REPORTED, _OPENER):
        if found := pattern.match(sentence):
            rest = sentence[found.end() :]
            if (
                pattern is _OPENER
                or rest[:1].isupper()
                or rest.split()[0] in ("the", "a", "an", "most", "some", "many")
            ):
                yield from _kept(rest[:1].upper() + rest[1:], tells_more=pattern is _OPENER)
    if len(found_all := _PARENTHESIS.findall(sentence)) == 1 and not _RESTRICTS.search(found_all[0]):
        yield from _kept(_PARENTHESIS.sub("", sentence), tells_more=False)
    if (found := _APPOSITIVE.match(sentence)) and not _NO_NAME.search(found[1]):
        yield from _kept(f"{found[1]} {sentence[found.end() :]}", tells_more=True)
        verb = sentence[found.end() :].split(maxsplit=1)[0]
        if verb in ("is", "was"):
            yield from _kept(f"{found[1]} {verb} {found[2]}.", tells_more=False)
    if _OPENS_A_CONDITION.match(sentence):
        return
    for pattern in (_TRAILING, _SECOND_VERB):
        if found := pattern.search(sentence):
            front = sentence[: found.start()]
            # a comma before makes it a list, or an insertion that would lose its end
            if "," not in _PARENTHESIS.sub("", front) and not _CONDITION.search(front):
                yield from _kept(front + ".", tells_more=True)


def _kept(text: str, *, tells_more: bool) -> Iterator[Shortened]:
    words = [word.strip(",.()") for word in text.split()]
    is_sentence = len(words) >= _FEWEST and not FINITE.isdisjoint(words) and text[0].isupper()
    if is_sentence and text.count("(") == text.count(")") and main_clause(text) is not None:
        yield Shortened(text, tells_more)
