"""Search results compared with independent calculations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from index_samples import ENCODER, QUERIES, build, documents, unit_vectors
from rank_bm25 import BM25Plus

from claimhound.data.records import Document, Ranking, ScoredDoc
from claimhound.indexes import IndexSnapshot, IndexWriter, MemoryIndex
from claimhound.indexes.analysis.terms import tokenize
from claimhound.indexes.manifest import EncoderIdentity
from claimhound.indexes.vector_segments import n_lists_for
from claimhound.indexes.vectors import Vectors


def best(scores: dict[str, float], k: int) -> list[str]:
    return sorted(scores, key=lambda doc_id: (-round(scores[doc_id], 4), doc_id))[:k]


def lucene_bm25(docs: Sequence[Document], query: str, k1: float = 1.2, b: float = 0.75) -> dict[str, float]:
    """Score the documents that share a term with the query.

    The idf is Lucene's, ln(1 + (N - df + 0.5) / (df + 0.5)). Lengths up to 40 terms are exact in tantivy.
    """
    terms = {document.doc_id: Counter(tokenize(document.text)) for document in docs}
    lengths = {doc_id: sum(counts.values()) for doc_id, counts in terms.items()}
    avgdl = sum(lengths.values()) / len(docs)
    scores: dict[str, float] = {}
    for term in tokenize(query):
        df = sum(term in counts for counts in terms.values())
        idf = math.log(1 + (len(docs) - df + 0.5) / (df + 0.5))
        for doc_id, counts in terms.items():
            if tf := counts[term]:
                part = idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * lengths[doc_id] / avgdl))
                scores[doc_id] = scores.get(doc_id, 0.0) + part
    return scores


@pytest.mark.parametrize("query", [*QUERIES, "sea sea ice", "The melting of glaciers", "coal", "rise " * 30, "the of"])
@pytest.mark.parametrize("k", [1, 7, 500])
def test_bm25_on_disk_agrees_with_the_formula(tmp_path_factory: pytest.TempPathFactory, query: str, k: int) -> None:
    docs = documents(300, seed=5)
    folder = tmp_path_factory.getbasetemp() / "bm25-oracle"
    if not folder.exists():
        build(folder, docs, unit_vectors(300))
    expected = lucene_bm25(docs, query)
    ranking = IndexSnapshot.open(folder).search_text(query, k)
    assert [hit.doc_id for hit in ranking] == best(expected, k)
    for hit in ranking:
        assert hit.score == pytest.approx(expected[hit.doc_id], rel=1e-5, abs=2e-4)


def test_bm25_of_five_documents_by_hand(tmp_path: Path) -> None:
    texts = {"a": "ice ice ice", "b": "ice melts fast", "c": "sea level rises", "d": "ice", "e": ""}
    docs = [Document(doc_id, text) for doc_id, text in texts.items()]
    index = IndexSnapshot.open(build(tmp_path / "index", docs, unit_vectors(5)))
    # N = 5, df = 3, avgdl = 10 / 5 = 2; idf = ln(1 + 2.5 / 3.5) = 0.5390
    # a: 3 * 2.2 / (3 + 1.2 * (0.25 + 0.75 * 3 / 2)) = 6.6 / 4.65  -> 0.7650
    # d: 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 1 / 2)) = 2.2 / 1.75  -> 0.6776
    # b: 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 3 / 2)) = 2.2 / 2.65  -> 0.4475
    ranking = index.search_text("ice", 10)
    assert [hit.doc_id for hit in ranking] == ["a", "d", "b"]
    assert [hit.score for hit in ranking] == pytest.approx([0.7650, 0.6776, 0.4475], abs=1e-4)


def test_the_memory_index_scores_like_rank_bm25() -> None:
    docs = documents(80, seed=6)
    oracle = BM25Plus([tokenize(document.text) for document in docs])
    for query in QUERIES[:2]:
        terms = tokenize(query)
        scores = dict(zip([document.doc_id for document in docs], oracle.get_scores(terms), strict=True))
        sharing = {document.doc_id for document in docs if set(tokenize(document.text)) & set(terms)}
        expected = sorted((ScoredDoc(doc_id, scores[doc_id]) for doc_id in sharing), key=lambda hit: (-hit[1], hit[0]))
        assert MemoryIndex(docs).search_text(query, 1000) == expected
        assert MemoryIndex(docs).search_text(query, 5) == expected[:5]


@pytest.mark.parametrize("texts", [[], [""], ["the of and"], ["", "the"]])
def test_an_empty_memory_index_finds_nothing(texts: list[str]) -> None:
    index = MemoryIndex([Document(str(n), text) for n, text in enumerate(texts)])
    assert index.search_text("the sea", 5) == []
    assert index.n_docs == len(texts)


def test_a_term_in_every_document_still_matches_in_memory() -> None:
    index = MemoryIndex([Document("b", "sea ice"), Document("a", "sea ice"), Document("c", "sun")])
    assert [hit.doc_id for hit in index.search_text("sea", 5)] == ["a", "b"]
    assert index.search_text("sea", 0) == []


def products(docs: Sequence[Document], doc_vectors: Vectors, query: Vectors) -> dict[str, float]:
    """Return the inner product of each document with the query, with the documents in half precision."""
    halves = doc_vectors.astype(np.float16).astype(np.float64)
    return dict(zip([document.doc_id for document in docs], halves @ query.astype(np.float64), strict=True))


def assert_is_best(ranking: Ranking, expected: dict[str, float], k: int) -> None:
    """Check a ranking by the scores that it should have: near-equal ones may change places."""
    assert len(ranking) == min(k, len(expected))
    assert len({hit.doc_id for hit in ranking}) == len(ranking)
    assert [hit.score for hit in ranking] == pytest.approx(sorted(expected.values(), reverse=True)[:k], abs=5e-5)
    for hit in ranking:
        assert hit.score == pytest.approx(expected[hit.doc_id], abs=5e-5)


@pytest.mark.parametrize("exact_up_to", [1000, 50], ids=["one list", "many lists"])
@pytest.mark.parametrize("k", [1, 10, 400, 5000])
@pytest.mark.parametrize("length", [1.0, 3.0], ids=["unit", "longer"])
def test_vector_search_agrees_with_the_full_product(tmp_path: Path, exact_up_to: int, k: int, length: float) -> None:
    docs = documents(400)
    doc_vectors = unit_vectors(400, seed=2) * np.float32(length)
    doc_vectors[100:140] = doc_vectors[7]  # repeated
    doc_vectors[200] = 0  # an empty text
    index = IndexSnapshot.open(build(tmp_path / "index", docs, doc_vectors, exact_up_to=exact_up_to))
    assert index.manifest.vector_files[0].exact == (exact_up_to == 1000)
    queries = np.concatenate([unit_vectors(5, seed=3), doc_vectors[7:8]])
    together = index.search_vectors(queries, k, probe_share=1.0)
    for row, ranking in enumerate(together):
        assert_is_best(ranking, products(docs, doc_vectors, queries[row]), k)
        # A query alone gets the same answer as among others.
        assert index.search_vectors(queries[row : row + 1], k, probe_share=1.0) == [ranking]
    memory = MemoryIndex(docs, doc_vectors.astype(np.float16).astype(np.float32))
    for row, ranking in enumerate(memory.search_vectors(queries, k)):
        assert_is_best(ranking, products(docs, doc_vectors, queries[row]), k)


def test_repeated_vectors_are_ordered_and_cut_by_id(tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(300)
    docs = [Document(f"d{number:03d}", "sea") for number in order]
    doc_vectors = np.repeat(unit_vectors(1), 300, axis=0)
    index = IndexSnapshot.open(build(tmp_path / "index", docs, doc_vectors))
    expected = [f"d{number:03d}" for number in range(5)]
    assert [hit.doc_id for hit in index.search_vectors(unit_vectors(1), 5, probe_share=1.0)[0]] == expected
    assert [hit.doc_id for hit in index.search_text("sea", 5)] == expected


def test_a_search_scans_the_given_share_of_lists(tmp_path: Path) -> None:
    docs, doc_vectors = documents(2000), unit_vectors(2000)
    index = IndexSnapshot.open(build(tmp_path / "index", docs, doc_vectors, exact_up_to=100))
    query = unit_vectors(20, seed=4)
    exact = index.search_vectors(query, 10, probe_share=1.0)

    def agreement(share: float) -> float:
        found = index.search_vectors(query, 10, probe_share=share)
        return sum(len(set(a) & set(b)) for a, b in zip(found, exact, strict=True)) / 200

    assert agreement(0.0) < agreement(0.2) < agreement(0.9)
    assert agreement(0.2) > 0.5


def test_a_query_scans_the_same_lists_alone_and_among_many(tmp_path: Path) -> None:
    index = IndexSnapshot.open(build(tmp_path / "i", documents(400), unit_vectors(400, seed=1), exact_up_to=0))
    queries = unit_vectors(70, seed=2)
    together = index.search_vectors(queries, 10, probe_share=0.1)
    assert together == [index.search_vectors(queries[row : row + 1], 10, probe_share=0.1)[0] for row in range(70)]
    assert index.for_another_thread().search_vectors(queries, 10, probe_share=0.1) == together


def test_the_number_of_lists_is_about_four_square_roots() -> None:
    assert [n_lists_for(n) for n in (1, 60, 60_000, 925_657, 10_000_000)] == [1, 32, 1024, 4096, 16384]


def test_query_vectors_of_a_wrong_shape_or_with_nan_are_refused(tmp_path: Path) -> None:
    index = IndexSnapshot.open(build(tmp_path / "index", documents(3), unit_vectors(3)))
    with pytest.raises(ValueError, match=r"expected query vectors of shape \(n, 8\), got \(1, 9\)"):
        index.search_vectors(unit_vectors(1, dim=9), 3, probe_share=1.0)
    with pytest.raises(ValueError, match=r"got \(8,\)"):
        index.search_vectors(unit_vectors(1)[0], 3, probe_share=1.0)
    with pytest.raises(ValueError, match="NaN or infinity"):
        index.search_vectors(np.full((1, 8), np.nan, dtype=np.float32), 3, probe_share=1.0)


def test_a_query_of_zeros_finds_nothing(tmp_path: Path) -> None:
    index = IndexSnapshot.open(build(tmp_path / "index", documents(3), unit_vectors(3)))
    queries = np.concatenate([np.zeros((1, 8), dtype=np.float32), unit_vectors(1)])
    assert [len(ranking) for ranking in index.search_vectors(queries, 2, probe_share=1.0)] == [0, 2]
    memory = MemoryIndex(documents(3), unit_vectors(3))
    assert [len(ranking) for ranking in memory.search_vectors(queries, 2)] == [0, 2]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_vectors_that_cannot_be_stored_are_refused_and_nothing_is_added(tmp_path: Path, value: float) -> None:
    bad = unit_vectors(3)
    bad[1, 2] = value
    with IndexWriter.create(tmp_path / "index", ENCODER) as writer:
        with pytest.raises(ValueError, match="NaN, infinity or numbers too large"):
            writer.add(documents(3), bad)
        with pytest.raises(ValueError, match=r"expected vectors of shape \(3, 8\), got \(2, 8\)"):
            writer.add(documents(3), unit_vectors(2))
        assert writer.n_docs == 0
        writer.add(documents(3), unit_vectors(3))
        assert writer.commit().n_docs == 3


def test_half_precision_vectors_from_a_memory_map_are_stored_unchanged(tmp_path: Path) -> None:
    vectors = unit_vectors(40, dim=16).astype(np.float16)
    np.save(tmp_path / "vectors.npy", vectors)
    encoder = EncoderIdentity("wide", "c3" * 32, "mean", 64, 16)
    with IndexWriter.create(tmp_path / "index", encoder, exact_up_to=10) as writer:
        writer.add(documents(40), np.load(tmp_path / "vectors.npy", mmap_mode="r"))
        writer.commit()
    (segment,) = IndexSnapshot.open(tmp_path / "index").segments
    stored = {
        p: v for positions, part in segment.blocks().float32_blocks() for p, v in zip(positions, part, strict=True)
    }
    assert np.array_equal(np.stack([stored[n] for n in range(40)]), vectors.astype(np.float32))
