"""Known claims: scores by hand, agreement with a plain loop over all pairs, and what a job relies on."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline_fakes import IDENTITY, FakeEncoder

from claimhound.data.errors import InputError, RecordError
from claimhound.data.notices import Notices
from claimhound.data.records import Query
from claimhound.indexes.analysis.terms import tokenize
from claimhound.pipeline.annotation.known import KnownClaim, KnownClaims

KNOWN = [
    Query("k1", "Ice melts", {"verdict": "true", "url": "https://example.org/ice"}),
    Query("k2", "The sea rises", {}),
    Query("k3", "Bread rises", {}),
]
# The new claim points 60 degrees from k1, along k2 and opposite k3.
VECTORS = {"Ice melts": (0.5, math.sqrt(0.75)), "The sea rises": (1, 0), "Bread rises": (-1, 0), "oceans grow": (1, 0)}


def ids(found):
    return [hit.claim_id for hit in found]


def test_without_a_shared_word_the_score_is_half_the_cosine_of_the_vectors():
    found = KnownClaims(KNOWN, FakeEncoder(VECTORS)).nearest(["oceans grow"], 3)
    assert found == [
        [KnownClaim("k2", "The sea rises", 0.5, {}), KnownClaim("k1", "Ice melts", 0.25, KNOWN[0].fields)]
    ]  # k3 lies on the other side: a score of -0.5 does not count


def test_inner_products_count_as_cosines():
    longer = {text: (30 * x, 30 * y) for text, (x, y) in VECTORS.items()}
    found = KnownClaims(KNOWN, FakeEncoder(longer, replace(IDENTITY, similarity="dot"))).nearest(["oceans grow"], 3)
    assert found == KnownClaims(KNOWN, FakeEncoder(VECTORS)).nearest(["oceans grow"], 3)


def test_words_are_weighted_by_rarity():
    # Three known claims; sea is in one (idf log(1 + 2.5 / 1.5) = 0.981), rise in two (log(1 + 1.5 / 2.5) = 0.470).
    # The new claim is rise alone: cosine with k2 0.470 / sqrt(0.981^2 + 0.470^2) = 0.432, the same with k3.
    words = KnownClaims(KNOWN, FakeEncoder(VECTORS), words_share=1.0)
    assert words.nearest(["rising"], 3) == [
        [KnownClaim("k2", "The sea rises", 0.432137, {}), KnownClaim("k3", "Bread rises", 0.432137, {})]
    ]
    assert math.log(1.6) / math.hypot(math.log(1.6), math.log(1 + 2.5 / 1.5)) == pytest.approx(0.432137, abs=1e-6)


def test_a_claim_that_is_known_word_for_word_scores_one():
    found = KnownClaims(KNOWN, FakeEncoder(VECTORS)).nearest([claim.text for claim in KNOWN], 1)
    assert [(hits[0].claim_id, hits[0].score) for hits in found] == [("k1", 1.0), ("k2", 1.0), ("k3", 1.0)]


def test_equal_scores_are_ordered_by_id():
    same = [Query(f"k{n:02d}", "Ice melts", {}) for n in reversed(range(40))]
    assert ids(KnownClaims(same, FakeEncoder()).nearest(["Ice melts"], 3)[0]) == ["k00", "k01", "k02"]


def test_a_blank_claim_has_no_neighbours_and_no_claims_give_no_results():
    known = KnownClaims(KNOWN, FakeEncoder(VECTORS))
    assert known.nearest(["", " \n"], 2) == [[], []]
    assert known.nearest([], 2) == []
    assert known.nearest(["Ice melts"], 0) == [[]]
    assert len(known) == 3
    assert len(known.nearest(["Ice melts"], 100)[0]) == 2


def test_known_claims_of_stop_words_alone_are_found_by_their_vectors():
    known = KnownClaims([Query("a", "It is not", {}), Query("b", "...", {})], FakeEncoder())
    assert known.nearest(["what is it"], 2) == [
        [KnownClaim("a", "It is not", 0.5, {}), KnownClaim("b", "...", 0.5, {})]
    ]


def test_both_sides_are_claims_to_the_encoder():
    encoder = FakeEncoder(VECTORS)
    KnownClaims(KNOWN, encoder).nearest(["oceans grow"], 1)
    assert encoder.calls == []
    assert encoder.query_calls == [["Ice melts", "The sea rises", "Bread rises"], ["oceans grow"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"words_share": 1.5}, r"words_share must be in \[0, 1\], got 1.5"), ({"words_share": -0.1}, "got -0.1")],
)
def test_a_share_outside_0_and_1_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        KnownClaims(KNOWN, FakeEncoder(), **arguments)


def test_a_negative_k_and_an_empty_set_are_refused():
    with pytest.raises(ValueError, match="k must be at least 0, got -1"):
        KnownClaims(KNOWN, FakeEncoder()).nearest(["a"], -1)
    with pytest.raises(InputError, match="there are no known claims"):
        KnownClaims([], FakeEncoder())


def test_every_format_of_claims_is_read_with_its_other_fields(tmp_path: Path):
    path = tmp_path / "checked.csv"
    path.write_text("id,claim,verdict,url\n7,Ice melts,true,https://example.org/ice\n")
    (found,) = KnownClaims.read(path, FakeEncoder()).nearest(["Ice melts"], 1)
    assert found[0].as_record() == {
        "id": "7", "text": "Ice melts", "score": 1.0, "fields": {"verdict": "true", "url": "https://example.org/ice"},
    }  # fmt: skip
    odd = tmp_path / "odd.jsonl"
    odd.write_text('{"name": "a", "said": "Ice melts"}\n')
    with pytest.raises(RecordError, match=r"odd.jsonl:1: missing field 'claim'"):
        KnownClaims.read(odd, FakeEncoder())


def test_the_fingerprint_changes_with_everything_that_an_answer_depends_on():
    base = KnownClaims(KNOWN, FakeEncoder()).fingerprint
    others = [
        KnownClaims(KNOWN[:2], FakeEncoder()),
        KnownClaims(KNOWN[::-1], FakeEncoder()),
        KnownClaims([replace(KNOWN[0], fields={"verdict": "false"}), *KNOWN[1:]], FakeEncoder()),
        KnownClaims([replace(KNOWN[0], text="Ice melt"), *KNOWN[1:]], FakeEncoder()),
        KnownClaims(KNOWN, FakeEncoder(identity=replace(IDENTITY, weights_sha256="a" * 64))),
        KnownClaims(KNOWN, FakeEncoder(), words_share=0.4),
    ]
    assert KnownClaims(KNOWN, FakeEncoder(identity=replace(IDENTITY, name="moved"))).fingerprint == base
    assert len({base, *(known.fingerprint for known in others)}) == 7
    assert len(base) == 64


WORDS = ("ice", "sea", "rises", "melts", "bread", "yeast", "1990", "Greenland", "the", "of")
SENTENCES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)


def random_encoder(texts, dim=24, seed=3):
    rng = np.random.default_rng(seed)
    return FakeEncoder({text: rng.normal(size=dim) for text in texts}, replace(IDENTITY, dim=dim))


@given(
    known=st.lists(SENTENCES, min_size=1, max_size=30),
    new=st.lists(SENTENCES, min_size=1, max_size=5),
    k=st.integers(1, 8),
)
def test_the_nearest_are_those_of_a_plain_loop_over_all_pairs(known, new, k):
    claims = [Query(f"k{n}", text, {}) for n, text in enumerate(known)]
    encoder = random_encoder([*known, *new])
    vectors = {text: encoder.encode([text])[0].astype(np.float64) for text in {*known, *new}}
    df = Counter(term for text in known for term in set(tokenize(text)))

    def weights(text):
        return {
            term: tf * math.log(1 + (len(known) - df[term] + 0.5) / (df[term] + 0.5))
            for term, tf in Counter(tokenize(text)).items()
        }

    def cosine(a, b):
        lengths = math.hypot(*a.values()) * math.hypot(*b.values())
        return sum(value * b.get(term, 0.0) for term, value in a.items()) / lengths if lengths else 0.0

    for text, hits in zip(new, KnownClaims(claims, encoder).nearest(new, k), strict=True):
        scores = {
            claim.query_id: (float(vectors[text] @ vectors[claim.text]) + cosine(weights(text), weights(claim.text)))
            / 2
            for claim in claims
        }
        best = sorted((score for score in scores.values() if score > 1e-6), reverse=True)[:k]
        assert [hit.score for hit in hits] == pytest.approx(best, abs=2e-6)
        assert [scores[hit.claim_id] for hit in hits] == pytest.approx(best, abs=2e-6)
        assert hits == sorted(hits, key=lambda hit: (-hit.score, hit.claim_id))
        assert len(set(ids(hits))) == len(hits)


def test_a_claim_gets_the_same_result_alone_and_among_others_to_the_last_bit():
    rng = np.random.default_rng(5)
    known = [Query(f"k{n}", " ".join(rng.choice(WORDS, 6)) + f" {n % 900}", {}) for n in range(3_000)]
    new = [" ".join(rng.choice(WORDS, 4)) + f" new {n}" for n in range(70)]
    checked = KnownClaims(known, random_encoder([*(claim.text for claim in known), *new], dim=384))
    together = checked.nearest(new, 5)
    assert [checked.nearest([claim], 5)[0] for claim in new] == together
    assert checked.nearest(new[::-1], 5) == together[::-1]
    assert [hit for start in range(0, 70, 9) for hit in checked.nearest(new[start : start + 9], 5)] == together


def test_memory_does_not_grow_with_the_number_of_new_claims():
    known = KnownClaims([Query(f"k{n}", f"claim {n}", {}) for n in range(2_000)], FakeEncoder())
    peaks = []
    for n_claims in (1_100, 3_300):
        claims = ["1999"] * n_claims
        tracemalloc.start()
        known.nearest(claims, 1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2_200 * 1_000  # the result takes about 300 bytes a claim, its cosines 8,000


def test_neither_importing_nor_comparing_loads_torch():
    code = "import sys, claimhound.pipeline.annotation.known; print('torch' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "False"


def test_a_feed_of_fact_checks_is_known_with_its_verdicts_and_links(tmp_path: Path):
    review = {
        "@type": "ClaimReview",
        "claimReviewed": "Ice melts",
        "url": "https://check.example/ice",
        "datePublished": "2020-05-01",
        "publisher": {"@type": "Organization", "name": "Check"},
        "reviewRating": {"alternateName": "True"},
    }
    path = tmp_path / "feed.json"
    path.write_text(json.dumps({"@type": "DataFeed", "dataFeedElement": [{"item": [review]}]}))
    notices = Notices()
    ((found,),) = KnownClaims.read(path, FakeEncoder(), notices=notices).nearest(["Ice melts"], 1)
    assert (found.claim_id, found.text, found.score) == ("https://check.example/ice", "Ice melts", 1.0)
    expected = {"verdict": "True", "url": "https://check.example/ice", "date": "2020-05-01", "publisher": "Check"}
    assert expected.items() <= found.fields.items()
    assert f"{path}: read as fact checks (ClaimReview)" in notices.lines()
