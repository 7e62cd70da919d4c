"""An index with any history answers like a rebuild of its documents."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_samples import ENCODER, WORDS, answers, build, documents, unit_vectors

from claimhound.data.errors import InputError
from claimhound.data.records import Document, Ranking
from claimhound.indexes import Conditions, IndexSnapshot, IndexWriter, verify_index
from claimhound.indexes.analysis.terms import tokenize
from claimhound.indexes.durable import remove_folder
from claimhound.indexes.merging import first_to_merge, should_rewrite_text, vectors_to_keep
from claimhound.indexes.ties import level

IDS = "abcdefghij"
TEXTS = ("sea ice", "ice sea", "sea level rise", "solar power", "wind power", "the", "", "volcano ice ice sea")
VECTORS = np.concatenate([unit_vectors(4, seed=1), np.zeros((1, 8), dtype=np.float32)])

content = st.tuples(st.sampled_from(TEXTS), st.integers(0, len(VECTORS) - 1))
adding = st.dictionaries(st.sampled_from(IDS), content, min_size=1, max_size=6)
deleting = st.lists(st.sampled_from(IDS), max_size=4)
changes = st.one_of(st.tuples(st.just("add"), adding), st.tuples(st.just("delete"), deleting))
commits = st.tuples(st.lists(changes, max_size=4), st.booleans())
histories = st.lists(commits, min_size=1, max_size=5)
few = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def live_through(index_dir: Path, history: list, **rules: int) -> dict[str, tuple[str, int]]:  # type: ignore[type-arg]
    """Make every change of the history; return what the index should hold."""
    held: dict[str, tuple[str, int]] = {}
    start = IndexWriter.create(index_dir, ENCODER, **rules)  # type: ignore[arg-type]
    for changes_of_commit, compacted in history:
        with start or IndexWriter.open(index_dir, **rules) as writer:  # type: ignore[arg-type]
            start = None
            for kind, what in changes_of_commit:
                if kind == "add":
                    replaced = writer.add(
                        [Document(doc_id, TEXTS[0] if text is None else text) for doc_id, (text, _) in what.items()],
                        VECTORS[[vector for _, vector in what.values()]],
                    )
                    assert replaced == len(held.keys() & what.keys())
                    held |= what
                else:
                    unknown = writer.delete(what)
                    assert unknown == [doc_id for doc_id in dict.fromkeys(what) if doc_id not in held]
                    held = {doc_id: value for doc_id, value in held.items() if doc_id not in what}
                assert writer.n_docs == len(held)
            if compacted:
                writer.compact()
            writer.commit()
    return held


def same(ranking: Ranking, other: Ranking, tolerance: float) -> bool:
    return [hit.doc_id for hit in ranking] == [hit.doc_id for hit in other] and all(
        abs(a.score - b.score) <= tolerance for a, b in zip(ranking, other, strict=True)
    )


def n_tokens_of(held: dict[str, tuple[str, int]]) -> int:
    return sum(len(tokenize(text)) for text, _ in held.values())


def rebuilt(folder: Path, held: dict[str, tuple[str, int]]) -> IndexSnapshot:
    docs = [Document(doc_id, held[doc_id][0]) for doc_id in sorted(held, reverse=True)]
    vectors = VECTORS[[held[document.doc_id][1] for document in docs]] if docs else np.empty((0, 8), dtype=np.float32)
    return IndexSnapshot.open(build(folder, docs, vectors))


@few
@given(history=histories, k=st.integers(0, 12))
def test_any_history_answers_like_a_rebuild(quick_dir: Path, history: list, k: int) -> None:  # type: ignore[type-arg]
    folder = Path(tempfile.mkdtemp(dir=quick_dir))
    held = live_through(folder / "index", history)
    index, fresh = IndexSnapshot.open(folder / "index"), rebuilt(folder / "fresh", held)
    assert index.n_docs == len(held)
    assert verify_index(folder / "index").damaged == []
    assert {doc.doc_id: doc.text for doc in index.documents(sorted(held))} == {d: text for d, (text, _) in held.items()}
    for query in TEXTS:
        ranking = index.search_text(query, k)
        assert same(ranking, fresh.search_text(query, k), 2e-4)
        assert len(ranking) <= k
    near, fresh_near = (
        index.search_vectors(VECTORS, k, probe_share=1.0),
        fresh.search_vectors(VECTORS, k, probe_share=1.0),
    )
    assert all(same(a, b, 0.0) for a, b in zip(near, fresh_near, strict=True))
    assert [len(ranking) for ranking in near[:-1]] == [min(k, len(held))] * 4
    manifest = index.manifest
    assert (manifest.n_dead_text, manifest.n_dead_vectors) == (0, 0)
    assert len(manifest.vector_files) == (1 if held else 0)
    assert manifest.n_tokens == fresh.manifest.n_tokens == n_tokens_of(held)
    remove_folder(folder)


@few
@given(history=histories, k=st.integers(1, 12))
def test_any_history_of_a_large_index_finds_what_a_rebuild_finds(
    quick_dir: Path,
    history: list,  # type: ignore[type-arg]
    k: int,
) -> None:
    # BM25 scores may differ: deleted documents count in its statistics until the text is rewritten.
    folder = Path(tempfile.mkdtemp(dir=quick_dir))
    held = live_through(folder / "index", history, small_up_to=0, exact_up_to=4)
    index, fresh = IndexSnapshot.open(folder / "index"), rebuilt(folder / "fresh", held)
    for query in TEXTS:
        found, expected = index.search_text(query, 100), fresh.search_text(query, 100)
        assert {hit.doc_id for hit in found} == {hit.doc_id for hit in expected}
    near, fresh_near = (
        index.search_vectors(VECTORS, k, probe_share=1.0),
        fresh.search_vectors(VECTORS, k, probe_share=1.0),
    )
    assert all(same(a, b, 0.0) for a, b in zip(near, fresh_near, strict=True))
    sizes = [item.n_rows for item in index.manifest.vector_files]
    assert sum(sizes) - index.manifest.n_dead_vectors == len(held)
    assert index.manifest.n_tokens == n_tokens_of(held)
    stored = index.vectors_of(sorted(held))
    expected = VECTORS[[held[doc_id][1] for doc_id in sorted(held)]] if held else np.empty((0, 8), dtype=np.float32)
    assert np.array_equal(stored, expected.astype(np.float16).astype(np.float32))
    assert verify_index(folder / "index").damaged == []
    remove_folder(folder)


@given(batches=st.lists(st.integers(1, 50_000), min_size=1, max_size=40))
def test_segments_stay_few_and_each_vector_is_rewritten_few_times(batches: list[int]) -> None:
    sizes: list[int] = []
    written: list[int] = []  # how often the oldest vector of each segment was written
    for n_new in batches:
        keep = first_to_merge(sizes, n_new)
        times = max([0, *written[keep:]]) + 1
        sizes, written = [*sizes[:keep], sum(sizes[keep:]) + n_new], [*written[:keep], times]
        assert all(sizes[i] > 2 * sum(sizes[i + 1 :]) for i in range(len(sizes) - 1))
    total = sum(batches)
    assert sum(sizes) == total
    assert len(sizes) <= math.log2(total) + 1
    assert max(written) <= math.log(total) / math.log(1.5) + 1


def test_a_small_index_is_always_rewritten_and_a_large_one_only_for_large_changes() -> None:
    assert should_rewrite_text(20_000, 1)
    assert not should_rewrite_text(20_000, 0)
    assert not should_rewrite_text(1_000_000, 100_000)
    assert should_rewrite_text(1_000_000, 120_000)
    assert vectors_to_keep([15_000, 10], 0, 15_000, 10) == 0
    assert vectors_to_keep([1_000_000, 10], 3, 1_000_000, 10) == 2
    assert vectors_to_keep([1_000_000, 10], 5, 1_000_000, 10) == 1
    assert vectors_to_keep([1_000_000, 10], 0, 600_000, 400_010) == 0
    assert vectors_to_keep([1_000_000], 0, 999_000, 1_000) == 1


@given(
    found=st.lists(st.tuples(st.integers(0, 50), st.sampled_from([1.0, 1.00004, 0.5, 0.3, -1.0])), max_size=30),
    k=st.integers(0, 10),
)
def test_scores_within_the_noise_are_equal_and_a_tie_at_the_end_is_not_cut(
    found: list[tuple[int, float]], k: int
) -> None:
    levelled = level(found, k, 4)
    scores = sorted((1.0 if score > 0.9 else score for _, score in found), reverse=True)
    assert [score for _, score in levelled] == [score for score in scores if k and score >= scores[:k][-1]]


def test_equal_sums_on_either_side_of_a_rounding_boundary_stay_equal() -> None:
    assert level([(1, 7.00004999), (2, 7.00005001)], 5, 4) == [(2, 7.0001), (1, 7.0001)]


def test_very_many_ties_are_cut_to_the_lowest_positions() -> None:
    levelled = level([(9_999, 2.0), *((position, 1.0) for position in range(5_000))], 3, 4)
    assert levelled[0] == (9_999, 2.0)
    assert [position for position, _ in levelled[1:]] == list(range(258))


def test_ties_at_the_cutoff_do_not_depend_on_how_the_index_was_built(quick_dir: Path) -> None:
    docs = [Document(f"d{n:03d}", "sea ice") for n in np.random.default_rng(1).permutation(200)]
    vectors = np.repeat(unit_vectors(1), 200, axis=0)
    at_once = IndexSnapshot.open(build(quick_dir / "at once", docs, vectors))
    for start in range(0, 200, 50):
        with (
            IndexWriter.open(quick_dir / "parts", small_up_to=0)
            if start
            else IndexWriter.create(quick_dir / "parts", ENCODER, small_up_to=0)
        ) as writer:
            writer.add(docs[start : start + 50], vectors[start : start + 50])
            writer.commit()
    parts = IndexSnapshot.open(quick_dir / "parts")
    assert parts.search_text("ice", 3) == at_once.search_text("ice", 3)
    assert parts.search_vectors(vectors[:1], 3, probe_share=1.0) == at_once.search_vectors(
        vectors[:1], 3, probe_share=1.0
    )


def test_a_small_index_scores_exactly_like_a_rebuild_after_a_deletion(quick_dir: Path) -> None:
    index_dir = build(quick_dir / "index", documents(50), unit_vectors(50))
    with IndexWriter.open(index_dir) as writer:
        writer.delete(["d0007"])
        writer.commit()
    left = [document for document in documents(50) if document.doc_id != "d0007"]
    fresh = IndexSnapshot.open(build(quick_dir / "fresh", left, unit_vectors(49)))
    for query in ("sea ice", "volcano", "solar power and wind power"):
        assert IndexSnapshot.open(index_dir).search_text(query, 50) == fresh.search_text(query, 50)


def test_documents_deleted_from_a_large_index_stay_deleted(quick_dir: Path) -> None:
    index_dir = build(quick_dir / "index", documents(60), unit_vectors(60), exact_up_to=40)
    for n in range(5):
        with IndexWriter.open(index_dir, small_up_to=0) as writer:
            writer.delete([f"d{n:04d}"])
            assert writer.commit().n_dead_vectors == n + 1
        index = IndexSnapshot.open(index_dir)
        assert len(index.manifest.vector_files) == 1
        found = {hit.doc_id for hit in index.search_vectors(unit_vectors(1), 100, probe_share=1.0)[0]}
        assert found == {f"d{number:04d}" for number in range(n + 1, 60)}


def test_an_index_with_everything_deleted_opens_finds_nothing_and_takes_documents(quick_dir: Path) -> None:
    index_dir = build(quick_dir / "index", documents(30), unit_vectors(30))
    with IndexWriter.open(index_dir) as writer:
        writer.delete([f"d{n:04d}" for n in range(30)])
        writer.commit()
    index = IndexSnapshot.open(index_dir)
    assert index.n_docs == 0
    assert index.search_text("sea ice", 5) == []
    assert index.search_vectors(unit_vectors(2), 5, probe_share=1.0) == [[], []]
    assert index.search_text("sea", 5, Conditions(before="2020")) == []
    assert verify_index(index_dir).damaged == []
    with IndexWriter.open(index_dir) as writer:
        writer.add(documents(2), unit_vectors(2))
        writer.commit()
    assert IndexSnapshot.open(index_dir).n_docs == 2


def test_an_empty_commit_makes_a_generation_with_the_same_answers(base: Path) -> None:
    before = answers(base)
    with IndexWriter.open(base, small_up_to=0) as writer:
        assert writer.commit().generation == 3
    assert answers(base) == before
    with IndexWriter.create(base.parent / "empty", ENCODER) as writer:
        writer.commit()
    assert answers(base.parent / "empty")[0] == 0


ODD_IDS = [
    "",
    " ",
    "a b",
    "a\0b",
    "é\u200b\n\t",
    "🌍",
    "x" * 65_530,
    "doc_id=1",
    '"quoted"',
    "AND",
    "*",
    "D0001",
    "d0001",
]


def test_documents_with_odd_ids_are_found_replaced_and_deleted(quick_dir: Path) -> None:
    docs = [Document(doc_id, "sea ice") for doc_id in ODD_IDS]
    index_dir = build(quick_dir / "index", docs, unit_vectors(len(docs)))
    assert IndexSnapshot.open(index_dir).documents(ODD_IDS) == docs
    assert [hit.doc_id for hit in IndexSnapshot.open(index_dir).search_text("ice", 100)] == sorted(ODD_IDS)
    with IndexWriter.open(index_dir) as writer:
        assert writer.add(docs[:6], unit_vectors(6)) == 6
        assert writer.delete(ODD_IDS[6:]) == []
        assert writer.commit().n_docs == 6


@pytest.mark.parametrize(
    ("doc_id", "reason"),
    [("x" * 65_531, "65,531 bytes, at most 65,530"), ("a\ud800", "surrogate")],
    ids=["long", "half"],
)
def test_an_id_that_cannot_be_stored_is_refused_and_nothing_is_added(quick_dir: Path, doc_id: str, reason: str) -> None:
    with IndexWriter.create(quick_dir / "index", ENCODER) as writer:
        with pytest.raises(InputError, match=reason):
            writer.add([Document("good", "sea"), Document(doc_id, "ice")], unit_vectors(2))
        assert writer.delete([doc_id]) == [doc_id]
        assert writer.commit().n_docs == 0
    assert IndexSnapshot.open(quick_dir / "index").positions_of([doc_id]) == {}


def test_a_batch_with_a_repeated_id_or_an_invalid_date_is_refused(quick_dir: Path) -> None:
    with IndexWriter.create(quick_dir / "index", ENCODER) as writer:
        with pytest.raises(ValueError, match="occurs twice"):
            writer.add([Document("a", "sea"), Document("a", "ice")], unit_vectors(2))
        with pytest.raises(ValueError, match="got 'last year'"):
            writer.add([Document("a", "sea", date="last year")], unit_vectors(1))
        assert writer.commit().n_docs == 0


def test_every_field_of_a_document_is_stored(quick_dir: Path) -> None:
    docs = [
        Document(
            "a",
            "One. Two.",
            "T",
            "S",
            "https://x",
            "2020-05",
            {"n": 1, "l": ["x", None], "d": {"k": True}},
            "p",
            (3, 9),
        ),
        Document("b", "\ud800 half of a pair, a \0 and\nlines"),
        Document("c", "", title="half \udc00"),
        Document("d", "word " * 70_000, fields={"long": "v" * 70_000}),
    ]
    index = IndexSnapshot.open(build(quick_dir / "index", docs, unit_vectors(4)))
    assert index.documents(["d", "a", "c", "b"]) == [docs[3], docs[0], docs[2], docs[1]]
    with pytest.raises(KeyError):
        index.documents(["a", "unknown"])
    assert [h.doc_id for h in index.search_text("x", 5, Conditions(where=(("long", "v" * 70_000),)))] == []
    assert [h.doc_id for h in index.search_text("word", 5, Conditions(where=(("long", "v" * 70_000),)))] == ["d"]


@pytest.mark.parametrize("query", ["", "the", "\ud800", "\0", "a\0b", "?" * 5000, " ".join(WORDS * 300), "x" * 100_000])
@pytest.mark.parametrize("k", [-1, 0, 3, 10**30])
def test_any_query_and_any_k_get_an_answer(base: Path, query: str, k: int) -> None:
    index = IndexSnapshot.open(base)
    assert len(index.search_text(query, k)) <= max(0, k)
    assert len(index.search_vectors(unit_vectors(1), k, probe_share=1.0)[0]) == min(max(0, k), index.n_docs)


DATED = [
    Document("undated", "sea ice", title="Ice", source="A"),
    Document(
        "y2019", "sea ice", title="Ice", source="B", date="2019", fields={"lang": ["en", "de"], "n": 3, "ok": True}
    ),
    Document("may2020", "sea ice", title="Sea", source="A", date="2020-05", url="u"),
    Document("day", "sea", title="Sea", source="B", date="2020-05-17", fields={"lang": "en"}, parent_id="p"),
]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (Conditions(), ["day", "may2020", "undated", "y2019"]),
        (Conditions(before="2020"), ["y2019"]),
        (Conditions(before="2019"), []),
        # May 2020 can mean the 31st, so it is before June only.
        (Conditions(before="2020-05-17"), ["y2019"]),
        (Conditions(before="2020-05-18"), ["day", "y2019"]),
        (Conditions(before="2020-06"), ["day", "may2020", "y2019"]),
        (Conditions(where=(("title", "Ice"),)), ["undated", "y2019"]),
        (Conditions(where=(("title", "ice"),)), []),
        (Conditions(where=(("title", "Sea"), ("source", "A"))), ["may2020"]),
        (Conditions(where=(("lang", "en"),)), ["day", "y2019"]),
        (Conditions(where=(("lang", "de"),)), ["y2019"]),
        (Conditions(where=(("n", "3"), ("ok", "true"))), ["y2019"]),
        (Conditions(where=(("url", "u"),)), ["may2020"]),
        (Conditions(where=(("parent_id", "p"),)), ["day"]),
        (Conditions(before="2020-05-18", where=(("source", "B"),)), ["day", "y2019"]),
        (Conditions(where=(("title", "half \udc00"),)), []),
    ],
    ids=str,
)
def test_conditions_limit_both_searches_alike(quick_dir: Path, conditions: Conditions, expected: list[str]) -> None:
    index = IndexSnapshot.open(build(quick_dir / "index", DATED, unit_vectors(4), exact_up_to=2))
    by_text = index.search_text("sea", 10, conditions)
    by_vector = index.search_vectors(unit_vectors(1, seed=3), 10, conditions, probe_share=1.0)[0]
    assert sorted(hit.doc_id for hit in by_text) == sorted(hit.doc_id for hit in by_vector) == expected
    # Conditions select, they do not score.
    unlimited = dict(index.search_text("sea", 10))
    assert all(hit.score == pytest.approx(unlimited[hit.doc_id], abs=2e-4) for hit in by_text)


def test_conditions_skip_deleted_documents_and_narrow_conditions_are_searched_exactly(quick_dir: Path) -> None:
    docs = [Document(f"d{n}", "sea", source="rare" if n % 100 == 0 else "common") for n in range(1000)]
    index_dir = build(quick_dir / "index", docs, unit_vectors(1000), exact_up_to=50, small_up_to=0)
    with IndexWriter.open(index_dir, exact_up_to=50, small_up_to=0) as writer:
        writer.delete(["d100"])
        writer.commit()
    found = IndexSnapshot.open(index_dir).search_vectors(
        unit_vectors(1, seed=3), 20, Conditions(where=(("source", "rare"),)), probe_share=0.1
    )
    assert sorted(hit.doc_id for hit in found[0]) == [f"d{n}" for n in range(0, 1000, 100) if n != 100]


def test_an_invalid_date_is_refused(base: Path) -> None:
    index = IndexSnapshot.open(base)
    for search in (
        lambda c: index.search_text("sea", 3, c),
        lambda c: index.search_vectors(unit_vectors(1), 3, c, probe_share=1.0),
    ):
        with pytest.raises(ValueError, match="expected a date as YYYY, YYYY-MM or YYYY-MM-DD, got '05/2020'"):
            search(Conditions(before="05/2020"))


def test_neighbours_come_in_order_from_the_same_text(quick_dir: Path) -> None:
    docs = [
        *(Document(f"p{n}", f"sentence {n}", parent_id="p") for n in range(4)),
        *(Document(f"q{n}", f"sentence {n}", parent_id="q") for n in range(2)),
        *(Document(f"t{n}", f"sentence {n}", title="T", source="S") for n in range(2)),
        Document("t2", "sentence", title="T", source="other"),
        *(Document(f"lone{n}", "sentence") for n in range(2)),
    ]
    index = IndexSnapshot.open(build(quick_dir / "index", docs, unit_vectors(len(docs))))

    def ids(doc_id: str, n: int) -> tuple[list[str], list[str]]:
        before, after = index.neighbours(doc_id, n)
        return [document.doc_id for document in before], [document.doc_id for document in after]

    assert ids("p1", 1) == (["p0"], ["p2"])
    assert ids("p1", 10**6) == (["p0"], ["p2", "p3"])
    assert ids("p3", 2) == (["p1", "p2"], [])
    assert ids("q0", 2) == ([], ["q1"])
    assert ids("t0", 5) == ([], ["t1"])
    assert ids("t2", 5) == ids("lone0", 5) == ids("p0", 0) == ([], [])
    with pytest.raises(KeyError):
        index.neighbours("unknown", 1)


def test_vectors_are_returned_by_id_from_any_segment(base: Path) -> None:
    index = IndexSnapshot.open(base)
    assert len(index.segments) == 2
    # `make_base` builds d0000 to d0059, then adds d0055 to d0069 with vectors of another seed.
    first, second = unit_vectors(60), unit_vectors(15, seed=1)
    expected = np.stack([second[14], first[3], second[0], first[54], first[3]])
    found = index.vectors_of(["d0069", "d0003", "d0055", "d0054", "d0003"])
    assert np.array_equal(found, expected.astype(np.float16).astype(np.float32))
    assert index.vectors_of([]).shape == (0, 8)
    with pytest.raises(KeyError):
        index.vectors_of(["d0003", "unknown"])


def test_a_sample_has_no_deleted_documents_even_if_most_were_deleted(quick_dir: Path) -> None:
    index_dir = build(quick_dir / "index", documents(200), unit_vectors(200))
    whole = IndexSnapshot.open(index_dir)
    assert len(whole.sample(20, 0)) == 20
    assert whole.sample(20, 0) == whole.sample(20, 0) != whole.sample(20, 1)
    assert whole.sample(500, 0) == documents(200)
    with IndexWriter.open(index_dir) as writer:
        writer.delete([f"d{n:04d}" for n in range(200) if n % 10])
        writer.commit()
    left = IndexSnapshot.open(index_dir)
    drawn = [document.doc_id for document in left.sample(10, 0)]
    assert drawn == sorted(set(drawn))
    assert len(drawn) == 10
    assert left.sample(20, 0) == documents(200)[::10]
