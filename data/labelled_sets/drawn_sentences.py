"""Plain sentences of a corpus, all of them or a number drawn by seed, without holding the corpus in memory."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable
from typing import NamedTuple

from claimhound.data.records import Document
from claimhound.data.rewording.plain_sentences import plain_sentence
from claimhound.data.text.sentences import split_sentences


class DrawnSentence(NamedTuple):
    """A plain sentence, its number among all sentences of the corpus, and a plain neighbour if its document has one."""

    number: int
    doc_id: str
    text: str
    neighbour: str | None


def draw_sentences(documents: Iterable[Document], limit: int | None, seed: int) -> list[DrawnSentence]:
    """Return `limit` plain sentences, in the order of the corpus, each text once; None is all of them.

    Every sentence gets a random number, and those with the smallest are kept. So only a sentence that would enter is
    examined: some limit · log(n / limit) of n.
    """
    draw = random.Random(seed)
    kept: list[tuple[float, DrawnSentence]] = []  # a heap with the largest key on top, negated
    seen: set[str] = set()
    number = 0
    for document in documents:
        text = document.text
        spans = split_sentences(text)
        for place, (start, end) in enumerate(spans):
            number += 1
            key = -draw.random()
            is_full = limit is not None and len(kept) >= limit
            if is_full and key <= kept[0][0]:
                continue
            plain = plain_sentence(text[start:end])
            if plain is None or plain in seen:
                continue
            seen.add(plain)
            near = (spans[other] for other in (place + 1, place - 1) if 0 <= other < len(spans))
            neighbours = (plain_sentence(text[left:right]) for left, right in near)
            neighbour = next((found for found in neighbours if found is not None and found != plain), None)
            item = (key, DrawnSentence(number, document.doc_id, plain, neighbour))
            if is_full:
                seen.discard(heapq.heapreplace(kept, item)[1].text)
            else:
                heapq.heappush(kept, item)
    return sorted((sentence for _, sentence in kept), key=lambda sentence: sentence.number)
