"""Pair sets that teach relevance before the claims proper: files of several public shapes, read as training pairs.

A source is named `KIND:PATH`:

pairs:FILE        JSONL with `query`, `text` and `label` in [0, 1]
squad:FILE        SQuAD 1.1 JSON: a question and the sentence that holds its answer
rationales:DIR    SciFact's shape: `claims_train.jsonl` with rationale sentences, `corpus.jsonl` with abstracts
evidence:FILE     JSONL or TSV of claims, each with the evidence that bears on it

The last three carry no negatives of their own: those are drawn from the other sentences of the same source, choosing
ones that share words with the claim, so that sharing words is not all there is to learn.
"""

from __future__ import annotations

import csv
import json
import lzma
import math
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from data.errors import InputError, RecordError
from data.normal_text import normalize_text
from pipeline.training.mining import TrainingPair

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[\"'(\[]*[A-Z0-9])|(?<=[.!?][\"')])\s+(?=[\"'(\[]*[A-Z0-9])")
_PENN_BRACKETS = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]"}
_POOL_SIZE = 200  # how many random sentences a word-sharing negative is chosen from
_MIN_WORDS = 5  # shorter sentences are headings and fragments: no negatives to learn from


class _Positive(NamedTuple):
    """A query with one relevant sentence, the group its sentence stands in, and all sentences known to be relevant."""

    query: str
    text: str
    group: int
    relevant: frozenset[str]


def read_pair_source(
    spec: str, *, n_negatives: int = 2, limit: int | None = None, seed: int = 42
) -> list[TrainingPair]:
    """Return the training pairs of one source named `KIND:PATH`; `limit` keeps that many queries, drawn by seed.

    Every positive gets `n_negatives` negatives: the first from its own paragraph or abstract where that has another
    sentence, the others from elsewhere in the source. Raises InputError for an unknown kind and RecordError for a
    bad record.
    """
    kind, _, path_text = spec.partition(":")
    path = Path(path_text)
    if not path_text or kind not in ("pairs", "squad", "rationales", "evidence"):
        raise InputError(
            f"{spec!r} names no pair source; write pairs:FILE, squad:FILE, rationales:DIR or evidence:FILE"
        )
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if kind == "pairs":
        return _limited(list(_read_pairs(path)), limit, seed)
    if kind == "squad":
        positives, groups = _read_squad(path)
    elif kind == "rationales":
        positives, groups = _read_rationales(path)
    else:
        positives, groups = _read_evidence(path)
    if not positives:
        raise InputError(f"{path}: holds no relevant pair")
    random.Random(seed).shuffle(positives)
    return _with_negatives(positives[:limit], groups, n_negatives, seed)


def split_sentences(text: str) -> list[str]:
    """Return the sentences; one ends at `.`, `!` or `?` before white space and a capital, a digit or a quote."""
    return [sentence.strip() for sentence in _SENTENCE_END.split(text) if sentence.strip()]


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

    pairs = []
    for number, positive in enumerate(positives):
        generator = random.Random(f"{seed}:{number}:{positive.query}")
        query_id = f"pair-{number}"
        pairs.append(TrainingPair(query_id, positive.query, positive.text, 1.0))
        query_words = set(normalize_text(positive.query).split())
        own = [s for s in groups[positive.group] if s in words and s not in positive.relevant]
        pool = [s for s in generator.sample(sentences, min(_POOL_SIZE, len(sentences))) if s not in positive.relevant]
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
            sentences = split_sentences(paragraph["context"])
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


def _read_evidence(path: Path) -> tuple[list[_Positive], list[list[str]]]:
    pairs: list[tuple[str, str]] = []
    if ".tsv" in path.suffixes:
        rows = csv.DictReader(_read_text(path).splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
        for line, row in enumerate(rows, start=2):
            claim, evidence = row.get("Sentence2") or row.get("claim"), row.get("sentence1") or row.get("evidence")
            if not claim or not evidence:
                raise RecordError(str(path), line, "missing claim or evidence")
            pairs.append((claim, evidence))
    else:
        for line, record in _read_jsonl(path):
            claim, evidence = record.get("claim"), record.get("evidence_sentence") or record.get("evidence")
            if not isinstance(claim, str) or not isinstance(evidence, str):
                raise RecordError(str(path), line, "missing claim or evidence")
            pairs.append((claim, evidence))
    cleaned = [(_plain(claim), _plain(evidence)) for claim, evidence in pairs]
    groups = [[evidence] for evidence in dict.fromkeys(evidence for _, evidence in cleaned)]
    group_of = {group[0]: number for number, group in enumerate(groups)}
    return [_Positive(claim, text, group_of[text], frozenset([text])) for claim, text in cleaned], groups


def _read_pairs(path: Path) -> Iterator[TrainingPair]:
    for line, record in _read_jsonl(path):
        query, text, label = record.get("query"), record.get("text"), record.get("label")
        if not isinstance(query, str) or not isinstance(text, str) or not query.strip() or not text.strip():
            raise RecordError(str(path), line, "'query' and 'text' must be texts that are not empty")
        if isinstance(label, bool) or not isinstance(label, int | float) or not 0 <= label <= 1:
            raise RecordError(str(path), line, f"'label' must be a number in [0, 1], not {label!r}")
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
