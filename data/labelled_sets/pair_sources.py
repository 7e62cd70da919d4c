"""Training pairs from files of several public shapes, named `KIND:PATH[+LABEL...][@N]`.

mined:FILE        claims with judged evidence (label 1) and hard negatives (label 0), written by `claimhound mine`
pairs:FILE        `query` or `claim`, `text` or `evidence`, and `label` in [0, 1]; with +LABEL, any file of pairs that
                  `evaluate-pairs` reads: the named labels are 1 and all others 0
squad:FILE        SQuAD 1.1 JSON: a question and the sentence that contains its answer (1)
rationales:DIR    SciFact's shape, `claims_train.jsonl` and `corpus.jsonl`: the sentences of each rationale, supporting
                  or contradicting, are 1
evidence:FILE     claims, each with a piece of evidence: 1, supporting or refuting; with +LABEL, 1 if `label` is one of
                  those and 0 otherwise

The last three have no negatives of their own; see `drawn_negatives`. `@N` draws N of the claims.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from claimhound.data.errors import InputError
from claimhound.data.formats.sources import find_in_folder
from claimhound.data.labelled_sets.drawn_negatives import Positive, with_negatives
from claimhound.data.labelled_sets.entries import locate_labelled, read_entries
from claimhound.data.labelled_sets.mined_claims import read_mined_claims, training_pairs
from claimhound.data.labelled_sets.pairs import read_pairs
from claimhound.data.labelled_sets.scifact import Abstracts, cited_documents
from claimhound.data.labelled_sets.source_names import parse_source_name
from claimhound.data.labelled_sets.squad import read_squad
from claimhound.data.labelled_sets.training_pairs import TrainingPair
from claimhound.data.text.normal_text import normalize_text
from claimhound.data.text.penn_text import with_brackets

KINDS = ("mined", "pairs", "squad", "rationales", "evidence")
_LABELLED_KINDS = ("pairs", "evidence")
_CLAIMS_FILE = "claims_train.jsonl"
_CITATION_MARKS = ("[<|multi_cit|>]", "[<|cit|>]")


@dataclass(frozen=True)
class PairSource:
    """A file or folder of pairs.

    `labels` are those of relevant pairs; `limit` is the number of claims to draw, None for all.
    """

    kind: str
    path: Path
    labels: tuple[str, ...] = ()
    limit: int | None = None

    @classmethod
    def parse(cls, text: str) -> PairSource:
        """Return the source named by `KIND:PATH[+LABEL...][@N]`; raises InputError as `parse_source_name` does."""
        return cls(*parse_source_name(text, KINDS, labelled=_LABELLED_KINDS))

    def __str__(self) -> str:
        labels = "".join(f"+{label}" for label in self.labels)
        return f"{self.kind}:{self.path}{labels}" + ("" if self.limit is None else f"@{self.limit}")


def read_pair_source(source: PairSource, *, n_negatives: int = 2, seed: int = 42) -> list[TrainingPair]:
    """Return the training pairs of a source; the seed decides which claims a limit keeps.

    If the source has no negatives, every positive gets `n_negatives`, see `with_negatives`. Raises RecordError for a
    bad record and InputError for a source without a relevant pair.
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
        raise InputError(f"{source.path}: contains no relevant pair")
    random.Random(seed).shuffle(positives)
    kept = positives[: source.limit]
    asked = {positive.query for positive in kept}
    judged = [pair for pair in judged if source.limit is None or pair.query in asked]
    return [*with_negatives(kept, groups, n_negatives, seed), *judged]


def _read_squad(path: Path) -> tuple[list[Positive], list[list[str]]]:
    positives: list[Positive] = []
    groups: list[list[str]] = []
    for sentences, questions in read_squad(locate_labelled(path)):
        for asked, answering in questions:
            if answering:
                best = _closest(asked, answering)
                positives.append(Positive(asked, best, len(groups), frozenset(answering)))
        groups.append(sentences)
    return positives, groups


def _closest(query: str, sentences: Sequence[str]) -> str:
    """Return the sentence that shares most words with the query: a short answer occurs in several sentences."""
    words = set(normalize_text(query).split())
    return max(sentences, key=lambda sentence: len(words & set(normalize_text(sentence).split())))


def _read_rationales(directory: Path) -> tuple[list[Positive], list[list[str]]]:
    claims = locate_labelled(find_in_folder(directory, _CLAIMS_FILE))
    abstracts = Abstracts(claims)
    group_of = {doc_id: number for number, doc_id in enumerate(abstracts.sentences)}
    positives = []
    for entry in read_entries(claims):
        claim = entry.text("claim")
        for mark in _CITATION_MARKS:
            claim = claim.replace(mark, "")
        for doc_id, rationales in sorted(cited_documents(entry), key=lambda cited: cited[0]):
            texts = abstracts.named(rationales, doc_id) if rationales else []
            relevant = frozenset(texts)
            positives += [Positive(claim.strip(), text, group_of[doc_id], relevant) for text in texts]
    return positives, list(abstracts.sentences.values())


def _read_evidence(path: Path, labels: Collection[str]) -> tuple[list[Positive], list[list[str]], list[TrainingPair]]:
    """Return the relevant records, all evidence as groups, and pairs of the records with another label."""
    records: list[tuple[str, str, str]] = []
    for entry in read_entries(locate_labelled(path)):
        claim = _plain(entry.text("Sentence2", "claim"))
        evidence = _plain(entry.text("sentence1", "evidence_sentence", "evidence"))
        label = entry.fields.get("label")
        if labels and not isinstance(label, str | int):
            raise entry.error(f"'label' must be a text or a whole number, not {label!r}")
        records.append((claim, evidence, str(label)))
    missing = sorted(set(labels) - {label for _, _, label in records})
    if missing:
        found = ", ".join(sorted({label for _, _, label in records}))
        raise InputError(f"{path}: no record has the label {missing[0]!r}; the labels are {found}")
    groups = [[evidence] for evidence in dict.fromkeys(evidence for _, evidence, _ in records)]
    group_of = {group[0]: number for number, group in enumerate(groups)}
    positives, others = [], []
    for claim, text, label in records:
        if not labels or label in labels:
            positives.append(Positive(claim, text, group_of[text], frozenset([text])))
        else:
            others.append(TrainingPair(normalize_text(claim), claim, text, 0.0))
    return positives, groups, others


def _plain(text: str) -> str:
    return " ".join(with_brackets(text).split())


def _read_pairs(path: Path, labels: Sequence[str]) -> Iterator[TrainingPair]:
    if labels:
        for pair in read_pairs(path, positive=labels):
            yield TrainingPair(normalize_text(pair.query), pair.query, pair.text, float(pair.relevant))
        return
    for entry in read_entries(locate_labelled(path)):
        query, text, label = entry.text("query", "claim"), entry.text("text", "evidence"), entry.fields.get("label")
        if isinstance(label, bool) or not isinstance(label, int | float) or not 0 <= label <= 1:
            raise entry.error(f"'label' must be a number in [0, 1], not {label!r}; name labels of your own as +LABEL")
        yield TrainingPair(normalize_text(query), query, text, float(label))


def _limited(pairs: list[TrainingPair], limit: int | None, seed: int) -> list[TrainingPair]:
    if limit is None:
        return pairs
    query_ids = list(dict.fromkeys(pair.query_id for pair in pairs))
    kept = set(random.Random(seed).sample(query_ids, min(limit, len(query_ids))))
    return [pair for pair in pairs if pair.query_id in kept]
