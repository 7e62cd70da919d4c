"""Pairs to learn from: files of several public shapes, read as training pairs.

A source is named `KIND:PATH`, with `+LABEL` behind it for each label that counts as relevant, and `@N` to draw N of its
claims:

mined:FILE        what `claimhound mine` writes: claims, their judged evidence (label 1) and hard negatives (label 0)
pairs:FILE        JSONL with `query` or `claim`, `text` or `evidence`, and `label` in [0, 1]; with +LABEL any file of
                  pairs that `evaluate-pairs` reads, where those labels are 1 and all others 0
squad:FILE        SQuAD 1.1 JSON: a question and the sentence that holds its answer (1)
rationales:DIR    SciFact's shape: `claims_train.jsonl` with rationale sentences (1, whether they support the claim or
                  contradict it), `corpus.jsonl` with abstracts
evidence:FILE     JSONL or TSV of claims, each with the evidence that bears on it: 1, whether it supports or refutes;
                  with +LABEL, 1 where `label` is one of those and 0 elsewhere

The last three carry no negatives of their own: those are drawn from the other sentences of the same source, choosing
ones that share words with the claim, so that sharing words is not all there is to learn.
"""

from __future__ import annotations

import csv
import json
import lzma
import math
import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from claimhound.data.errors import InputError, RecordError
from claimhound.data.labelled_sets.pairs import read_pairs
from claimhound.data.text.normal_text import normalize_text
from claimhound.data.text.sentences import split_sentences
from claimhound.pipeline.training.negatives.mined_claims import read_mined_claims
from claimhound.pipeline.training.negatives.mining import TrainingPair, training_pairs

KINDS = ("mined", "pairs", "squad", "rationales", "evidence")
_LABELLED_KINDS = ("pairs", "evidence")
_PENN_BRACKETS = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]"}
_POOL_SIZE = 200  # how many random sentences a word-sharing negative is chosen from
_MIN_WORDS = 5  # shorter sentences are headings and fragments: no negatives to learn from


@dataclass(frozen=True)
class PairSource:
    """Where pairs come from: `labels` count as relevant, and `limit` is how many claims to draw, None for all."""

    kind: str
    path: Path
    labels: tuple[str, ...] = ()
    limit: int | None = None

    @classmethod
    def parse(cls, text: str) -> PairSource:
        """Read `KIND:PATH[+LABEL...][@N]`.

        A name that is there as a whole is taken as a whole. Raises InputError for an unknown kind, a missing file, a
        number that is none, and labels for a kind that has its own.
        """
        kind, _, rest = text.partition(":")
        if not rest or kind not in KINDS:
            kinds = ", ".join(f"{kind}:{'DIR' if kind == 'rationales' else 'FILE'}" for kind in KINDS)
            raise InputError(f"{text!r} names no source of pairs; write one of {kinds}")
        limit = None
        if not Path(rest).exists() and "@" in rest and "/" not in rest.rpartition("@")[2]:
            rest, _, number = rest.rpartition("@")
            if not number.isdecimal() or int(number) < 1:
                raise InputError(f"{text!r}: what follows @ must be a number of claims, not {number!r}")
            limit = int(number)
        name = rest
        labels: tuple[str, ...] = ()
        if not Path(rest).exists():
            name, *named = rest.split("+")
            labels = tuple(named)
        if not Path(name).exists():
            raise InputError(f"{rest}: no such file or folder")
        if labels and (kind not in _LABELLED_KINDS or not all(labels)):
            raise InputError(
                f"{text!r}: only {' and '.join(_LABELLED_KINDS)} take labels, as +LABEL for each that is relevant"
            )
        return cls(kind, Path(name), labels, limit)

    def __str__(self) -> str:
        labels = "".join(f"+{label}" for label in self.labels)
        return f"{self.kind}:{self.path}{labels}" + ("" if self.limit is None else f"@{self.limit}")


class _Positive(NamedTuple):
    """A query with one relevant sentence, the group its sentence stands in, and all sentences known to be relevant."""

    query: str
    text: str
    group: int
    relevant: frozenset[str]


def read_pair_source(source: PairSource, *, n_negatives: int = 2, seed: int = 42) -> list[TrainingPair]:
    """Return the training pairs of a source; a limit keeps that many of its claims, drawn by seed.

    Where a source has no negatives of its own, every positive gets `n_negatives`: the first from its own paragraph or
    abstract where that has another sentence, the others from elsewhere in the source. Raises RecordError for a bad
    record and InputError for a source without a relevant pair.
    """
    if source.kind == "mined":
        return _limited(training_pairs(read_mined_claims(source.path)), source.limit, seed)
    if source.kind == "pairs":
        return _limited(list(_read_pairs(source.path, source.labels)), source.limit, seed)
    judged: list[TrainingPair] = []
    if source.kind == "squad":
        positives, groups = _read_squad(source.path)
    elif source.kind == "rationales":
        positives, groups = _read_rationales(source.path)
    else:
        positives, groups, judged = _read_evidence(source.path, source.labels)
    if not positives:
        raise InputError(f"{source.path}: holds no relevant pair")
    random.Random(seed).shuffle(positives)
    kept = positives[: source.limit]
    asked = {positive.query for positive in kept}
    judged = [pair for pair in judged if source.limit is None or pair.query in asked]
    return [*_with_negatives(kept, groups, n_negatives, seed), *judged]


def _with_negatives(
    positives: Sequence[_Positive], groups: Sequence[Sequence[str]], n_negatives: int, seed: int
) -> list[TrainingPair]:
    sentences = [sentence for group in groups for sentence in group if len(sentence.split()) >= _MIN_WORDS]
    words = {sentence: set(normalize_text(sentence).split()) for sentence in sentences}
    document_frequency = Counter(word for tokens in words.values() for word in tokens)

    def overlap(query_words: set[str], sentence: str) -> float:
        shared = sorted(query_words & words[sentence])
        weight = math.fsum(math.log(1 + len(words) / document_frequency[word]) for word in shared)
        return weight / math.sqrt(len(words[sentence]) + 5)

    known: defaultdict[str, set[str]] = defaultdict(set)
    for positive in positives:
        known[positive.query] |= positive.relevant
    pairs = []
    for number, positive in enumerate(positives):
        relevant = known[positive.query]
        generator = random.Random(f"{seed}:{number}:{positive.query}")
        query_id = f"pair-{number}"
        pairs.append(TrainingPair(query_id, positive.query, positive.text, 1.0))
        query_words = set(normalize_text(positive.query).split())
        own = [s for s in groups[positive.group] if s in words and s not in relevant]
        pool = [s for s in generator.sample(sentences, min(_POOL_SIZE, len(sentences))) if s not in relevant]
        pool = [s for s in dict.fromkeys(pool) if s not in own]
        pool.sort(key=lambda s: (-overlap(query_words, s), s))
        negatives = [generator.choice(own)] if own else []
        negatives += pool[: n_negatives - len(negatives)]
        pairs += [TrainingPair(query_id, positive.query, text, 0.0) for text in negatives]
    return pairs


def _read_squad(path: Path) -> tuple[list[_Positive], list[list[str]]]:
    try:
        articles = json.loads(_read_text(path))["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is no SQuAD JSON file ({type(error).__name__}: {error})") from error
    positives: list[_Positive] = []
    groups: list[list[str]] = []
    for article in articles:
        for paragraph in article["paragraphs"]:
            context = paragraph["context"]
            sentences = [context[start:end] for start, end in split_sentences(context)]
            groups.append(sentences)
            for question in paragraph["qas"]:
                asked = question["question"].strip()
                texts = [answer if isinstance(answer, str) else answer["text"] for answer in question["answers"]]
                holding = [sentence for sentence in sentences if any(text in sentence for text in texts)]
                if holding:
                    positives.append(_Positive(asked, _closest(asked, holding), len(groups) - 1, frozenset(holding)))
    return positives, groups


def _closest(query: str, sentences: Sequence[str]) -> str:
    """The sentence that shares most words with the query: answers are short, so they stand in several sentences."""
    words = set(normalize_text(query).split())
    return max(sentences, key=lambda sentence: len(words & set(normalize_text(sentence).split())))


def _read_rationales(directory: Path) -> tuple[list[_Positive], list[list[str]]]:
    groups: list[list[str]] = []
    group_of: dict[str, int] = {}
    for _, record in _read_jsonl(_find(directory, "corpus.jsonl")):
        group_of[str(record["doc_id"])] = len(groups)
        groups.append([sentence.strip() for sentence in record["abstract"]])
    positives = []
    claims_path = _find(directory, "claims_train.jsonl")
    for line, record in _read_jsonl(claims_path):
        claim = record["claim"].replace("[<|multi_cit|>]", "").replace("[<|cit|>]", "").strip()
        for doc_id, rationales in sorted(record.get("evidence", {}).items()):
            if doc_id not in group_of:
                raise RecordError(str(claims_path), line, f"cites document {doc_id}, which the corpus lacks")
            group = group_of[doc_id]
            numbers = sorted({number for rationale in rationales for number in rationale["sentences"]})
            texts = [groups[group][number] for number in numbers]
            positives += [_Positive(claim, text, group, frozenset(texts)) for text in texts]
    return positives, groups


def _read_evidence(path: Path, labels: Collection[str]) -> tuple[list[_Positive], list[list[str]], list[TrainingPair]]:
    """Return the relevant records, all evidence as groups, and pairs of the records with another label."""
    records: list[tuple[str, str, str]] = []
    for line, record in _read_records(path):
        claim = record.get("Sentence2") or record.get("claim")
        evidence = record.get("sentence1") or record.get("evidence_sentence") or record.get("evidence")
        if not isinstance(claim, str) or not isinstance(evidence, str):
            raise RecordError(str(path), line, "missing claim or evidence")
        label = record.get("label")
        if labels and not isinstance(label, str | int):
            raise RecordError(str(path), line, f"'label' must be a text or a whole number, not {label!r}")
        records.append((_plain(claim), _plain(evidence), str(label)))
    missing = sorted(set(labels) - {label for _, _, label in records})
    if missing:
        found = ", ".join(sorted({label for _, _, label in records}))
        raise InputError(f"{path}: no record has the label {missing[0]!r}; the labels are {found}")
    groups = [[evidence] for evidence in dict.fromkeys(evidence for _, evidence, _ in records)]
    group_of = {group[0]: number for number, group in enumerate(groups)}
    positives, others = [], []
    for claim, text, label in records:
        if not labels or label in labels:
            positives.append(_Positive(claim, text, group_of[text], frozenset([text])))
        else:
            others.append(TrainingPair(normalize_text(claim), claim, text, 0.0))
    return positives, groups, others


def _read_records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if ".tsv" in path.suffixes:
        rows = csv.DictReader(_read_text(path).splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
        return enumerate(rows, start=2)
    return _read_jsonl(path)


def _read_pairs(path: Path, labels: Sequence[str]) -> Iterator[TrainingPair]:
    if labels:
        for pair in read_pairs(path, positive=labels):
            yield TrainingPair(normalize_text(pair.query), pair.query, pair.text, float(pair.relevant))
        return
    for line, record in _read_jsonl(path):
        query, text = record.get("query", record.get("claim")), record.get("text", record.get("evidence"))
        if not isinstance(query, str) or not isinstance(text, str) or not query.strip() or not text.strip():
            raise RecordError(str(path), line, "'query' and 'text' must be texts that are not empty")
        label = record.get("label")
        if isinstance(label, bool) or not isinstance(label, int | float) or not 0 <= label <= 1:
            raise RecordError(
                str(path), line, f"'label' must be a number in [0, 1], not {label!r}; name labels of your own as +LABEL"
            )
        yield TrainingPair(normalize_text(query), query, text, float(label))


def _limited(pairs: list[TrainingPair], limit: int | None, seed: int) -> list[TrainingPair]:
    if limit is None:
        return pairs
    query_ids = list(dict.fromkeys(pair.query_id for pair in pairs))
    kept = set(random.Random(seed).sample(query_ids, min(limit, len(query_ids))))
    return [pair for pair in pairs if pair.query_id in kept]


def _plain(text: str) -> str:
    for written, character in _PENN_BRACKETS.items():
        text = text.replace(written, character)
    return " ".join(text.split())


def _find(directory: Path, name: str) -> Path:
    for path in (directory / name, directory / f"{name}.xz"):
        if path.exists():
            return path
    raise InputError(f"{directory}: holds neither {name} nor {name}.xz")


def _read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in enumerate(_read_text(path).split("\n"), start=1):
        if not text.strip():
            continue
        try:
            record = json.loads(text)
        except ValueError as error:
            raise RecordError(str(path), line, f"is not JSON: {error}") from error
        if not isinstance(record, dict):
            raise RecordError(str(path), line, "is no JSON object")
        yield line, record


def _read_text(path: Path) -> str:
    data = path.read_bytes()
    if path.suffix == ".xz":
        data = lzma.decompress(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 at byte {error.start}") from error
