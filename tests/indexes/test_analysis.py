"""Text to terms: what is one word, and what counts as the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from index_samples import build, unit_vectors

from data.records import Document
from indexes import IndexSnapshot
from indexes.analysis import matching_spans, split_words, tokenize


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Sea-level rise: 3.4 mm/yr", ["sea", "level", "rise", "3", "4", "mm", "yr"]),
        ("NASA's data, and NASA’s", ["nasa", "data", "and", "nasa"]),
        ("it's the '90s", ["it", "the", "90s"]),
        ("don't", ["don", "t"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("ﬁne ２０２０ ㎞", ["fine", "2020", "km"]),
        ("cafe\u0301 café", ["café", "café"]),
        ("cli\u00admate", ["climate"]),
        ("जलवायु परिवर्तन", ["जलवायु", "परिवर्तन"]),
        ("สภาพ", ["สภ", "ภา", "าพ"]),
        ("気候変動", ["気候", "候変", "変動"]),
        ("水", ["水"]),
        ("COVID19ワクチン", ["covid19", "ワク", "クチ", "チン"]),
        ("2020年に", ["2020", "年に"]),
        ("الاحتباس الحراري", ["الاحتباس", "الحراري"]),
        ("snake_case", ["snake", "case"]),
        ("\ud800 \0 … —", []),
        ("", []),
    ],
)
def test_words_are_split_folded_and_normalised(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The glaciers are melting", ["glacier", "melt"]),
        ("the of and to", []),
        ("warming warms warmed", ["warm", "warm", "warm"]),
        ("x" * 101, []),
        ("x" * 99, ["x" * 99]),
    ],
)
def test_terms_are_stems_without_stop_words(text: str, terms: list[str]) -> None:
    assert tokenize(text) == terms


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Vaccines cause…", "VACCINE causing"),
        ("NASA’s", "nasa"),
        ("ＣＯ２", "co2"),
        ("ﬂoods", "flood"),
        ("Straße", "STRASSE"),
    ],
)
def test_spellings_of_the_same_words_have_the_same_terms(text: str, other: str) -> None:
    assert tokenize(text) == tokenize(other)


@given(st.text())
def test_any_text_has_terms_without_spaces_that_are_their_own_words(text: str) -> None:
    words = split_words(text)
    assert all(word and not any(character.isspace() for character in word) for word in words)
    assert len(tokenize(text)) <= len(words)


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("The glaciers melt. Melting ice!", "a glacier melts", ["glaciers", "melt", "Melting"]),
        ("NASA's data", "nasa", ["NASA"]),
        ("cli\u00admate change", "climate", ["cli\u00admate"]),
        ("地球温暖化と気候変動の影響", "気候変動", ["気候変動"]),
        ("2020年に気候は", "2020 気候", ["2020", "気候"]),
        ("ﬁnal", "final", ["ﬁnal"]),
        ("nothing here", "volcano", []),
        ("the of", "the of", []),
        ("", "sea", []),
    ],
)
def test_the_words_that_match_are_marked(text: str, query: str, marked: list[str]) -> None:
    spans = matching_spans(text, frozenset(tokenize(query)))
    assert [text[start:end] for start, end in spans] == marked


@given(st.text(max_size=60), st.text(max_size=20))
def test_marks_lie_within_the_text_in_order_and_apart(text: str, query: str) -> None:
    spans = matching_spans(text, frozenset(tokenize(query)) | frozenset(tokenize(text)[:2]))
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert all(0 <= start < end <= len(text) for start, end in spans)


def test_a_part_of_an_unspaced_run_is_found_on_disk(tmp_path_factory: pytest.TempPathFactory) -> None:
    docs = [
        Document("ja", "地球温暖化と気候変動の影響"),
        Document("hi", "जलवायु परिवर्तन"),
        Document("en", "climate change"),
    ]
    index = IndexSnapshot.open(build(tmp_path_factory.mktemp("scripts") / "index", docs, unit_vectors(3)))
    assert [hit.doc_id for hit in index.search_text("気候", 5)] == ["ja"]
    assert [hit.doc_id for hit in index.search_text("परिवर्तन", 5)] == ["hi"]
    assert index.search_text("परि", 5) == []
    assert [hit.doc_id for hit in index.search_text("ＣＬＩＭＡＴＥ’s changes", 5)] == ["en"]
