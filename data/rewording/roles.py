"""A sentence with the two sides of a relation exchanged, which then says the opposite or nonsense."""

from __future__ import annotations

import re
from collections.abc import Iterator

from claimhound.data.rewording.clauses import is_name, lowered, main_clause

_PAST = (
    "defeated|beat|conquered|invaded|acquired|bought|killed|succeeded|replaced|preceded|overthrew|absorbed|colonized|"
    "annexed|outnumbered|captured|assassinated|was defeated by|was acquired by|was bought by|was conquered by|"
    "was invaded by|was killed by|was succeeded by|was replaced by|was preceded by|was named after|"
    "was derived from|was founded by|was built by|was designed by|was influenced by|was invented by|"
    "was discovered by|was written by|was taught by|was caused by|descended from|led to|resulted in|caused"
)
_PRESENT = (
    "causes|is caused by|leads to|results in|is part of|is a part of|is a type of|is a form of|is a kind of|"
    "is derived from|orbits|encodes|is encoded by|produces|is produced by|depends on|precedes|inhibits|activates|"
    "is named after|belongs to|feeds on|inhabits|surrounds|is surrounded by|originates from|"
    "is a subset of|is a branch of|is a member of|is a product of|is owned by|owns"
)
_PRESENT_PLURAL = (
    "cause|are caused by|lead to|result in|are part of|are a type of|are derived from|produce|feed on|"
    "are produced by|depend on|inhabit|are a form of"
)
_COMPARED = r"(?:is|was) (?:much |slightly |far |about |significantly )?(?:[a-z]+er|more [a-z]+|less [a-z]+) than"
_COMPARED_PLURAL = _COMPARED.replace("is|was", "are|were")
_SINGULAR_RELATION = re.compile(rf"^(.+?) ({_PAST}|{_PRESENT}|{_COMPARED}) (.+?)\.$")
_PLURAL_RELATION = re.compile(
    rf"^(.+?) ({_PRESENT_PLURAL}|{_COMPARED_PLURAL}|defeated|conquered|caused|led to) (.+?)\.$"
)
_TAIL = re.compile(r" (?:in|on|at|during)\b.*$")
_NOT_SIMPLE = re.compile(
    r"[,()]|\b(?:and|or|often|thus|[a-z]+ly|that|which|who|when|if|where|not|no|than|is|are|was|were|be|has|have|had|to|it|them|him|its|"
    r"their|his|her|this|these|those|those|other|others|another|one|each|all|any|itself|many|some|several|most|more|"
    r"both|but|by|about|over|only|also|may|can|could|might|will|would|does|do|did)\b"
)
_LONGEST = 5


def exchanged(sentence: str) -> Iterator[str]:
    """Yield the sentence with both sides of its one relation exchanged; nothing for relations that hold both ways."""
    clause = main_clause(sentence)
    if clause is not None and not clause.is_whole:
        return
    for pattern, is_plural in ((_SINGULAR_RELATION, False), (_PLURAL_RELATION, True)):
        found = pattern.match(sentence)
        if found is None:
            continue
        left, relation, right = found.groups()
        tail = _TAIL.search(right)
        if tail is not None:
            right, after = right[: tail.start()], tail[0]
        else:
            after = ""
        inner = lowered(left)
        if inner is None and not is_plural and right[:1].isupper() and is_name(right):
            inner = left if " " not in left else None
        if inner is None and left.split()[0].endswith(("ing", "tion", "ism", "ness", "ity", "ment")):
            inner = left[:1].lower() + left[1:]
        if inner is None and is_plural and left.endswith("s") and " " not in left:
            inner = left[:1].lower() + left[1:]
        if inner is None or not (_is_simple(left, is_plural) and _is_simple(right, is_plural)):
            continue
        if inner.split()[-1].lower() != right.split()[-1].lower():
            yield f"{right[:1].upper()}{right[1:]} {relation} {inner}{after}."


def _is_simple(phrase: str, is_plural: bool) -> bool:
    words = phrase.split()
    if not words or len(words) > _LONGEST or _NOT_SIMPLE.search(phrase[:1].lower() + phrase[1:]):
        return False
    head = re.split(r" of ", phrase)[0].split()[-1]
    ends_plural = head.endswith("s") and not head.endswith(("ss", "us", "is", "ics")) and not head[:1].isupper()
    if ends_plural != is_plural:
        return False
    # a singular noun that can be counted needs its article, which the other side may lack
    return is_plural or words[0] in ("The", "the", "A", "a", "An", "an") or is_name(phrase) or len(words) <= 2
