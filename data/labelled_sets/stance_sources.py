"""Published sets of claims with evidence that supports or refutes them, each read with its own label map.

A source is named `KIND:PATH` or `KIND:PATH@N`, which draws N of its claims. The kinds, and what becomes of their labels
(S is SUPPORTS, R is REFUTES, N is NOT_ENOUGH_INFO):

climate_fever       JSONL, five sentences a claim; each sentence's own `evidence_label`, S, R or N
scifact             SciFact's shape, `corpus.jsonl` beside the file: SUPPORT is S, CONTRADICT and REFUTE are R, with a
                    rationale's sentences together as the evidence; a cited abstract without a rationale is N, with the
                    two of its sentences that are closest to the claim, each alone
citation_integrity  the same shape and labels, but the whole passage is the evidence: its rationales name sentence 0
                    whatever the claim. R holds citations that are inaccurate in any way, not refuted claims alone
healthver           CSV: Supports is S, Refutes is R, Neutral is N
covidfact           TSV: entailment is S, not_entailment is R (claims of which a machine changed a word)
fool_me_twice       JSONL: SUPPORTS and REFUTES, with the gold sentences together as the evidence
fever_symmetric     JSONL: SUPPORTS and REFUTES
sufficient_facts    JSONL: NOT ENOUGH is N; ENOUGH, whatever follows, is the label from before a part was removed
rte                 TSV: entailment is S, not_entailment is N, though some of these pairs contradict

A label may also be a number. Its name is that of the Hugging Face features of a Parquet file, a data set of the Hub or
a saved one, or stands in the `label_names` that the reader is given, counted from 0.

sufficient_facts has one file: a claim is on its dev side or its train side by the hash of its words, one in five on the
former, and the part that is asked for is read. All other files are read whole.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from claimhound.data.errors import InputError, RecordError
from claimhound.data.formats.label_names import how_to_name, label_number, named_label
from claimhound.data.formats.raw_record import json_kind
from claimhound.data.formats.sources import HUB_PREFIX, Source, find_in_folder, locate, locate_text
from claimhound.data.labelled_sets.stances import Stance, StancePair, StanceSet
from claimhound.data.readers.texts import read_raw
from claimhound.data.records import Json
from claimhound.data.rejects import rejecter
from claimhound.data.text.normal_text import normalize_text
from claimhound.data.text.penn_text import as_written

Part: TypeAlias = Literal["train", "dev"]
Labels: TypeAlias = Mapping[str, Stance]

_S: Stance = "SUPPORTS"
_R: Stance = "REFUTES"
_N: Stance = "NOT_ENOUGH_INFO"
_CORPUS_FILE = "corpus.jsonl"
_CITED_FIELDS = ("cited_doc_ids", "doc_ids")
_SENTENCES_WITHOUT_STANCE = 2
_ONE_IN = 5
_CITATION = re.compile(r"\s*\[?<\|\w*cit\|>(?:[,\d\s]*\])?")
_NOT_TO_TRAIN_ON = re.compile(r"(?<![a-z])(dev|test|valid|validation)(?![a-z])")


@dataclass(frozen=True)
class StanceSource:
    """What `KIND:PATH` or `KIND:PATH@N` names; `limit` is a number of claims, None is all of them.

    PATH is a file, a folder that `save_to_disk` wrote, or `hf:NAME[@CONFIG][:SPLIT]`. `label_names` are the names of
    labels that are numbers.
    """

    kind: str
    path: Path
    limit: int | None = None
    label_names: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, label_names: Sequence[str] = ()) -> StanceSource:
        """Raise InputError for an unknown kind, and for a limit that is no number from 1 on."""
        spec, at, limit = text.rpartition("@")
        is_of_the_hub = text.partition(":")[2].startswith(HUB_PREFIX)
        if not at or "/" in limit or (is_of_the_hub and not limit.isdecimal()):
            spec, limit = text, ""
        elif not limit.isdecimal() or int(limit) < 1:
            raise InputError(f"{text!r}: what follows @ must be a number of claims, not {limit!r}")
        kind, _, path = spec.partition(":")
        if kind not in _KINDS or not path:
            raise InputError(f"{text!r} names no labelled set; write KIND:PATH with one of {', '.join(_KINDS)}")
        return cls(kind, Path(path), int(limit) if limit else None, tuple(label_names))

    def require_trainable(self) -> None:
        """Raise InputError for a file that is there to measure on."""
        if _NOT_TO_TRAIN_ON.search(self.path.name.lower()):
            raise InputError(f"{self.path}: its name says that it is to measure on; train on another file")


def is_stance_source(text: str) -> bool:
    """Tell whether the text begins with one of the kinds."""
    return text.partition(":")[0] in _KINDS


def read_stance_source(named: StanceSource, part: Part, *, seed: int = 42) -> StanceSet:
    """Return the pairs of a source in its order.

    Raises InputError for a file that is not there or holds no pair, and RecordError, naming the line, for a record of
    another shape or with a label that the kind does not know.
    """
    kind = _KINDS[named.kind]
    source = locate_text(named.path, formats=("jsonl", "json", "csv", "tsv", "parquet", "hub"))
    pairs = list(kind.read(source, named.label_names))
    if kind.has_one_file:
        pairs = [pair for pair in pairs if _part_of(pair.claim) == part]
    if named.limit is not None:
        claims = list(dict.fromkeys(normalize_text(pair.claim) for pair in pairs))
        drawn = set(random.Random(seed).sample(claims, min(named.limit, len(claims))))
        pairs = [pair for pair in pairs if normalize_text(pair.claim) in drawn]
    if not pairs:
        raise InputError(f"{named.path}: holds no pair of claim and evidence")
    folder = named.path.absolute().parent.name
    return StanceSet(f"{folder}/{source.stem}", pairs, kind.tells_refuted)


def _part_of(claim: str) -> Part:
    """Return the side that a claim is on, whatever file it stands in and whatever else that holds."""
    digest = hashlib.sha256(normalize_text(claim).encode()).digest()
    return "dev" if int.from_bytes(digest[:8]) % _ONE_IN == 0 else "train"


class _Entry(NamedTuple):
    """One record of a source; its values are checked as they are asked for."""

    source: Source
    line: int
    fields: dict[str, Json]
    label_names: Sequence[str]

    def error(self, reason: str) -> RecordError:
        return RecordError(self.source.name, self.line, reason)

    def text(self, *names: str) -> str:
        """Return the first of the fields that is there, its white space made single."""
        name = next((name for name in names if name in self.fields), None)
        value = None if name is None else self.fields[name]
        if name is None or not isinstance(value, str) or not value.strip():
            raise self.error(f"has no text in field {' or '.join(map(repr, names))}")
        return " ".join(value.split())

    def label(self, labels: Labels, *names: str) -> Stance:
        """Return the stance of the first of the fields that is there, by its name or by the name of its number."""
        field = next((name for name in names if name in self.fields), names[0])
        value = named_label(self.fields.get(field), self.label_names)
        if label_number(value) is not None:
            raise self.error(f"has the label {value!r}, {how_to_name([*labels], self.label_names)}")
        named = self._replace(fields=self.fields | {field: value}).text(field)
        if named not in labels:
            raise self.error(f"has the label {named!r}; known are {', '.join(labels)}")
        return labels[named]

    def list(self, *names: str) -> list[Json]:
        value = next((self.fields[name] for name in names if name in self.fields), [])
        if not isinstance(value, list):
            raise self.error(f"has {json_kind(value)}, not a list, in field {' or '.join(map(repr, names))}")
        return value

    def objects(self, name: str) -> Iterator[_Entry]:
        for item in self.list(name):
            if not isinstance(item, dict):
                raise self.error(f"lists {json_kind(item)} in field {name!r}, not objects")
            yield self._replace(fields=item)

    def pair(self, claim: str, text: str, stance: Stance, record_id: Json = None) -> StancePair:
        pair_id = self.fields.get("id", self.fields.get("index")) if record_id is None else record_id
        return StancePair(str(self.line if pair_id is None else pair_id), claim, text, stance)


def _entries(source: Source, label_names: Sequence[str] = ()) -> Iterator[_Entry]:
    for raw in read_raw(source, (), rejecter("stop"), part="queries"):
        if not isinstance(raw.value, dict):
            raise RecordError(source.name, raw.line, f"is {json_kind(raw.value)}, not an object")
        yield _Entry(source, raw.line, raw.value, label_names)


def _read_climate_fever(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    labels: Labels = {"SUPPORTS": _S, "REFUTES": _R, "NOT_ENOUGH_INFO": _N}
    for entry in _entries(source, label_names):
        claim = entry.text("claim")
        for sentence in entry.objects("evidences"):
            stance = sentence.label(labels, "evidence_label")
            yield sentence.pair(claim, sentence.text("evidence"), stance, sentence.text("evidence_id"))


class _Abstracts:
    """The sentences of each document beside a file of claims."""

    def __init__(self, source: Source) -> None:
        if source.path is None:
            raise InputError(f"{source.name}: must be a file with {_CORPUS_FILE} beside it")
        corpus = find_in_folder(source.path.parent, _CORPUS_FILE)
        self._sentences: dict[str, list[str]] = {}
        for entry in _entries(locate(corpus, folder_file=_CORPUS_FILE)):
            sentences = entry.list("abstract")
            if not all(isinstance(sentence, str) for sentence in sentences):
                raise entry.error("its abstract is not a list of texts")
            self._sentences[str(entry.fields.get("doc_id"))] = [" ".join(str(text).split()) for text in sentences]
        found = Counter(word for text in self._sentences.values() for one in text for word in _words(one))
        n_sentences = sum(map(len, self._sentences.values()))
        self._weights = {word: math.log(1 + n_sentences / n) for word, n in found.items()}

    def of(self, entry: _Entry, doc_id: str) -> list[str]:
        if doc_id not in self._sentences:
            raise entry.error(f"cites document {doc_id}, which {_CORPUS_FILE} lacks")
        return self._sentences[doc_id]

    def closest(self, entry: _Entry, doc_id: str, claim: str, n: int) -> list[str]:
        """Return the n sentences that share the weightiest words with the claim, in the order of the abstract."""
        sentences = self.of(entry, doc_id)
        wanted = _words(claim)

        def closeness(number: int) -> float:
            words = _words(sentences[number])
            return math.fsum(self._weights[word] for word in sorted(words & wanted)) / math.sqrt(len(words) + 1)

        best = sorted(range(len(sentences)), key=lambda number: (-closeness(number), number))[:n]
        return [sentences[number] for number in sorted(best) if sentences[number]]


def _words(text: str) -> set[str]:
    return set(normalize_text(text).split())


_RATIONALE_LABELS: Labels = {"SUPPORT": _S, "CONTRADICT": _R, "REFUTE": _R}


def _read_scifact(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    """For a cited abstract without evidence, see section 4 of Wadden et al., Fact or Fiction, EMNLP 2020."""
    abstracts = _Abstracts(source)
    for entry in _entries(source, label_names):
        claim = entry.text("claim")
        for doc_id, rationales in _cited(entry):
            sentences = abstracts.of(entry, doc_id)
            for rationale in rationales:
                numbers = [number for number in rationale.list("sentences") if type(number) is int]
                if not numbers or not all(0 <= number < len(sentences) for number in numbers):
                    raise entry.error(f"names sentences of document {doc_id} that it lacks")
                text = " ".join(sentences[number] for number in sorted(numbers))
                yield entry.pair(claim, text, rationale.label(_RATIONALE_LABELS, "label"))
            if not rationales:
                for sentence in abstracts.closest(entry, doc_id, claim, _SENTENCES_WITHOUT_STANCE):
                    yield entry.pair(claim, sentence, _N)


def _read_citation_integrity(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    abstracts = _Abstracts(source)
    for entry in _entries(source, label_names):
        claim = " ".join(_CITATION.sub("", entry.text("claim")).split())
        for doc_id, rationales in _cited(entry):
            passage = " ".join(abstracts.of(entry, doc_id)).strip()
            # Three papers have no text: nothing that could be evidence.
            if passage:
                labels = {rationale.label(_RATIONALE_LABELS, "label") for rationale in rationales} or {_N}
                if len(labels) > 1:
                    raise entry.error(f"gives document {doc_id} several labels")
                yield entry.pair(claim, passage, *labels)


def _cited(entry: _Entry) -> Iterator[tuple[str, list[_Entry]]]:
    """Yield each cited document with its rationales, those with some first."""
    evidence = entry.fields.get("evidence")
    if not isinstance(evidence, dict):
        raise entry.error("has no object in field 'evidence'")
    for doc_id in evidence:
        yield doc_id, list(entry._replace(fields=evidence).objects(doc_id))
    for number in entry.list(*_CITED_FIELDS):
        if str(number) not in evidence:
            yield str(number), []


def _read_healthver(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    labels: Labels = {"Supports": _S, "Refutes": _R, "Neutral": _N}
    for entry in _entries(source, label_names):
        yield entry.pair(entry.text("claim"), entry.text("evidence"), entry.label(labels, "label"))


def _read_covidfact(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    labels: Labels = {"entailment": _S, "not_entailment": _R}
    for entry in _entries(source, label_names):
        # The dev file's column of labels is named after one of them.
        stance = entry.label(labels, "label", "entailment")
        yield entry.pair(entry.text("Sentence2", "sentence2"), entry.text("sentence1"), stance)


def _read_fool_me_twice(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    labels: Labels = {"SUPPORTS": _S, "REFUTES": _R}
    for entry in _entries(source, label_names):
        sentences = [sentence.text("text") for sentence in entry.objects("gold_evidence")]
        if not sentences:
            raise entry.error("has no gold evidence")
        yield entry.pair(entry.text("text"), " ".join(sentences), entry.label(labels, "label"))


def _read_fever_symmetric(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    labels: Labels = {"SUPPORTS": _S, "REFUTES": _R}
    for entry in _entries(source, label_names):
        text = as_written(entry.text("evidence_sentence", "evidence"))
        yield entry.pair(as_written(entry.text("claim")), text, entry.label(labels, "label", "gold_label"))


def _read_sufficient_facts(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    before: Labels = {"SUPPORTS": _S, "SUPPORTED": _S, "REFUTES": _R}
    for entry in _entries(source, label_names):
        after = entry.text("label_after")
        if not after.startswith(("NOT ENOUGH", "ENOUGH")):
            raise entry.error(f"has the label {after!r}; known are NOT ENOUGH and ENOUGH")
        stance = _N if after.startswith("NOT ENOUGH") else entry.label(before, "label_before")
        sentences: list[str] = []
        for item in entry.list("evidence"):
            if not isinstance(item, list) or not all(isinstance(part, str) for part in item) or not item:
                raise entry.error("its evidence is not a list of [article, sentence]")
            sentences.append(str(item[-1]))
        yield entry.pair(as_written(entry.text("claim")), as_written(" ".join(sentences)), stance)


def _read_rte(source: Source, label_names: Sequence[str]) -> Iterator[StancePair]:
    labels: Labels = {"entailment": _S, "not_entailment": _N}
    for entry in _entries(source, label_names):
        yield entry.pair(entry.text("sentence2"), entry.text("sentence1"), entry.label(labels, "label"))


class _Kind(NamedTuple):
    read: Callable[[Source, Sequence[str]], Iterator[StancePair]]
    has_one_file: bool = False
    tells_refuted: bool = True


_KINDS: Mapping[str, _Kind] = {
    "climate_fever": _Kind(_read_climate_fever),
    "scifact": _Kind(_read_scifact),
    "citation_integrity": _Kind(_read_citation_integrity),
    "healthver": _Kind(_read_healthver),
    "covidfact": _Kind(_read_covidfact),
    "fool_me_twice": _Kind(_read_fool_me_twice),
    "fever_symmetric": _Kind(_read_fever_symmetric),
    "sufficient_facts": _Kind(_read_sufficient_facts, has_one_file=True),
    "rte": _Kind(_read_rte, tells_refuted=False),
}
KINDS: Sequence[str] = tuple(_KINDS)
