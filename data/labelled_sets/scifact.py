"""SciFact's shape: claims that cite documents and name the sentences that are evidence, with a corpus of abstracts.

A claim is `{"claim": …, "evidence": {DOC_ID: [{"sentences": [0, 2], "label": "SUPPORT"}]}, "cited_doc_ids": […]}`.
Each object in the list is a rationale. Source: Wadden et al., Fact or Fiction, EMNLP 2020.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from claimhound.data.errors import InputError
from claimhound.data.formats.fields import usable_id
from claimhound.data.formats.sources import Source, find_in_folder, locate
from claimhound.data.labelled_sets.entries import Entry, read_entries
from claimhound.data.text.normal_text import normalize_text

CITED_FIELDS = ("cited_doc_ids", "doc_ids")
_CORPUS_FILE = "corpus.jsonl"


def cited_documents(claim: Entry) -> Iterator[tuple[str, list[Entry]]]:
    """Yield the documents that a claim cites, each with its rationales; those without one come last.

    Raises RecordError for a claim of another shape.
    """
    evidence = claim.fields.get("evidence", {})
    if not isinstance(evidence, dict):
        raise claim.error("has no object in field 'evidence'")
    found = set()
    for key, rationales in evidence.items():
        if rationales is not None:  # in a table, the documents of all other claims are columns that are null here
            doc_id = usable_id(claim.source, claim.line, key, "evidence")
            found.add(doc_id)
            yield doc_id, list(claim._replace(fields=evidence).objects(key))
    for cited in claim.list(*CITED_FIELDS):
        doc_id = usable_id(claim.source, claim.line, cited, CITED_FIELDS[0])
        if doc_id not in found:
            yield doc_id, []


def sentence_numbers(rationales: Iterable[Entry], doc_id: str) -> list[int]:
    """Return the sorted numbers, from 0, of the sentences that the rationales name; raises RecordError for others."""
    found: set[int] = set()
    for rationale in rationales:
        numbers = rationale.fields.get("sentences")
        if not isinstance(numbers, list) or not all(type(number) is int and number >= 0 for number in numbers):
            raise rationale.error(f"has a rationale in {doc_id!r} without 'sentences', a list of numbers from 0")
        found.update(number for number in numbers if isinstance(number, int))
    return sorted(found)


class Abstracts:
    """The sentences of each document in the corpus next to a file of claims, by document id."""

    def __init__(self, claims: Source) -> None:
        if claims.path is None:
            raise InputError(f"{claims.name}: must be a file with {_CORPUS_FILE} next to it")
        corpus = find_in_folder(claims.path.parent, _CORPUS_FILE)
        self.sentences: dict[str, list[str]] = {}
        for entry in read_entries(locate(corpus, folder_file=_CORPUS_FILE)):
            sentences = entry.list("abstract")
            if not all(isinstance(sentence, str) for sentence in sentences):
                raise entry.error("its abstract is not a list of texts")
            self.sentences[str(entry.fields.get("doc_id"))] = [str(text).strip() for text in sentences]
        self._weights: dict[str, float] = {}

    def of(self, claim: Entry, doc_id: str) -> list[str]:
        """Return the sentences of a document that a claim cites; raises RecordError if the corpus lacks it."""
        if doc_id not in self.sentences:
            raise claim.error(f"cites document {doc_id}, which is not in {_CORPUS_FILE}")
        return self.sentences[doc_id]

    def named(self, rationales: Sequence[Entry], doc_id: str) -> list[str]:
        """Return the sentences that the rationales name; raises RecordError for none, or one the document lacks."""
        sentences = self.of(rationales[0], doc_id)
        numbers = sentence_numbers(rationales, doc_id)
        if not numbers or numbers[-1] >= len(sentences):
            raise rationales[0].error(f"names sentences that document {doc_id} does not have")
        return [sentences[number] for number in numbers]

    def closest(self, claim: Entry, doc_id: str, text: str, n: int) -> list[str]:
        """Return the n sentences that share the rarest words with a text, in the order of the abstract."""
        sentences = self.of(claim, doc_id)
        if not self._weights:
            every = [sentence for abstract in self.sentences.values() for sentence in abstract]
            found = Counter(word for sentence in every for word in _words(sentence))
            self._weights = {word: math.log(1 + len(every) / n_with) for word, n_with in found.items()}
        wanted = _words(text)

        def closeness(number: int) -> float:
            words = _words(sentences[number])
            return math.fsum(self._weights[word] for word in sorted(words & wanted)) / math.sqrt(len(words) + 1)

        best = sorted(range(len(sentences)), key=lambda number: (-closeness(number), number))[:n]
        return [sentences[number] for number in sorted(best) if sentences[number]]


def _words(text: str) -> set[str]:
    return set(normalize_text(text).split())
