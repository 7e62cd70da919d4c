"""Texts of the bundled sample for converting a model: some set int8's scales, others judge what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple, TypeAlias

from claimhound.data.bundled import sample_dir
from claimhound.data.labelled_sets.judgments import read_qrels
from claimhound.data.readers.claims import read_claims
from claimhound.data.readers.documents import read_documents
from claimhound.data.records import Document
from claimhound.indexes.memory import MemoryIndex

Pairs: TypeAlias = list[tuple[str, str]]

_N_JUDGING = 120
_N_FOUND = 10
_LONG_WORDS = 400
_N_LONG = 6


class SingleTexts(NamedTuple):
    """Texts for a bi-encoder; those that judge are claims and documents, the last of these the longest."""

    setting: list[str]
    judging_claims: list[str]
    judging_documents: list[str]


class PairTexts(NamedTuple):
    """Pairs of claim and evidence for a cross-encoder; the last ones of each are the longest."""

    setting: Pairs
    judging: Pairs


@cache
def single_texts() -> SingleTexts:
    """Return texts for a bi-encoder, none of which both sets scales and judges."""
    claims, evidence = (list(texts.values()) for texts in _sample())
    setting = [text for texts in (claims, evidence) for row, text in enumerate(texts) if _sets_scales(row)]
    judging_claims = [text for row, text in enumerate(claims) if not _sets_scales(row)]
    others = [text for row, text in enumerate(evidence) if not _sets_scales(row)]
    return SingleTexts(setting, judging_claims, [*_spread(others, _N_JUDGING), *_long_texts(others)])


@cache
def pair_texts() -> PairTexts:
    """Return pairs for a cross-encoder, none of which both sets scales and judges.

    They are what a search has rescored: for each claim what is judged relevant, and what BM25 finds.
    """
    claims, evidence = _sample()
    qrels = read_qrels(str(sample_dir() / "qrels.tsv"))
    index = MemoryIndex([Document(doc_id, text) for doc_id, text in evidence.items()], None)
    setting: Pairs = []
    judging: Pairs = []
    for claim_id, claim in claims.items():
        found = [hit.doc_id for hit in index.search_text(claim, _N_FOUND)]
        pairs = [(claim, evidence[doc_id]) for doc_id in dict.fromkeys([*qrels.get(claim_id, {}), *found])]
        setting += pairs[::2]
        judging += pairs[1::2]
    texts = list(evidence.values())
    setting += zip(claims.values(), _long_texts(texts[::2]), strict=False)
    judging += zip(claims.values(), _long_texts(texts[1::2]), strict=False)
    return PairTexts(setting, judging)


def _sets_scales(row: int) -> bool:
    """Tell three of five texts, evenly spread, from those that judge."""
    return row % 5 < 3


def _sample() -> tuple[dict[str, str], dict[str, str]]:
    """Return the sample's claims and evidence, each by id."""
    folder = sample_dir()
    claims = {claim.query_id: claim.text for claim in read_claims(str(folder / "claims.jsonl"))}
    evidence = {document.doc_id: document.text for document in read_documents([str(folder / "evidence.jsonl")])}
    return claims, evidence


def _spread(texts: Sequence[str], n: int) -> list[str]:
    return list(texts[:: max(1, len(texts) // n)][:n])


def _long_texts(texts: Iterable[str]) -> list[str]:
    """Return a few texts of some hundred words, which fill models that read 512 tokens and are cut by shorter ones."""
    words = " ".join(texts).split()
    return [" ".join(words[start : start + _LONG_WORDS]) for start in range(0, _N_LONG * _LONG_WORDS, _LONG_WORDS)]
