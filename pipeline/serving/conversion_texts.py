"""Texts of the bundled sample for converting a model: some for int8 quantization, others for comparison."""

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
from claimhound.pipeline.serving.conversion_cache import Kind

Pairs: TypeAlias = list[tuple[str, str]]

_N_COMPARISON = 120
_N_FOUND = 10
_LONG_WORDS = 400
_N_LONG = 6


class SingleTexts(NamedTuple):
    """Texts for a bi-encoder; the last comparison documents are the longest."""

    quantization: list[str]
    comparison_claims: list[str]
    comparison_documents: list[str]


class PairTexts(NamedTuple):
    """Pairs of claim and evidence for a cross-encoder; the last ones of each kind are the longest."""

    quantization: Pairs
    comparison: Pairs


Texts: TypeAlias = SingleTexts | PairTexts


@cache
def conversion_texts(kind: Kind) -> Texts:
    """Return the texts for a kind of model, each for quantization or comparison."""
    return _single_texts() if kind == "encoder" else _pair_texts()


def _single_texts() -> SingleTexts:
    claims, evidence = (list(texts.values()) for texts in _sample())
    quantization = [text for texts in (claims, evidence) for row, text in enumerate(texts) if _is_for_quantization(row)]
    comparison_claims = [text for row, text in enumerate(claims) if not _is_for_quantization(row)]
    others = [text for row, text in enumerate(evidence) if not _is_for_quantization(row)]
    return SingleTexts(quantization, comparison_claims, [*_spread(others, _N_COMPARISON), *_long_texts(others)])


def _pair_texts() -> PairTexts:
    """Return pairs as in a search: each claim with the documents judged for it and those that BM25 finds."""
    claims, evidence = _sample()
    qrels = read_qrels(str(sample_dir() / "qrels.tsv"))
    index = MemoryIndex([Document(doc_id, text) for doc_id, text in evidence.items()], None)
    quantization: Pairs = []
    comparison: Pairs = []
    for claim_id, claim in claims.items():
        found = [hit.doc_id for hit in index.search_text(claim, _N_FOUND)]
        pairs = [(claim, evidence[doc_id]) for doc_id in dict.fromkeys([*qrels.get(claim_id, {}), *found])]
        quantization += pairs[::2]
        comparison += pairs[1::2]
    texts = list(evidence.values())
    quantization += zip(claims.values(), _long_texts(texts[::2]), strict=False)
    comparison += zip(claims.values(), _long_texts(texts[1::2]), strict=False)
    return PairTexts(quantization, comparison)


def _is_for_quantization(row: int) -> bool:
    """Return True for three of five texts, evenly spread; the others are for comparison."""
    return row % 5 < 3


def _sample() -> tuple[dict[str, str], dict[str, str]]:
    """Return the sample's claims and evidence by id."""
    folder = sample_dir()
    claims = {claim.query_id: claim.text for claim in read_claims(str(folder / "claims.jsonl"))}
    evidence = {document.doc_id: document.text for document in read_documents([str(folder / "evidence.jsonl")])}
    return claims, evidence


def _spread(texts: Sequence[str], n: int) -> list[str]:
    return list(texts[:: max(1, len(texts) // n)][:n])


def _long_texts(texts: Iterable[str]) -> list[str]:
    """Return a few texts of several hundred words, which fill 512 tokens and are truncated by shorter models."""
    words = " ".join(texts).split()
    return [" ".join(words[start : start + _LONG_WORDS]) for start in range(0, _N_LONG * _LONG_WORDS, _LONG_WORDS)]
