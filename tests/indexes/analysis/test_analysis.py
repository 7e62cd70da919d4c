"""Text to terms: what is one word, and what counts as the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from index_samples import build, unit_vectors

from claimhound.data.records import Document
from claimhound.indexes import IndexSnapshot, MemoryIndex
from claimhound.indexes.analysis.terms import matching_spans, query_terms, split_words, tokenize
from claimhound.indexes.analysis.visible_text import visible_text, visible_text_with_spans


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Sea-level rise: 3.4 mm/yr", ["sea", "level", "rise", "3", "4", "mm", "yr", "3.4mm/yr"]),
        ("NASA's data, and NASA’s", ["nasa", "data", "and", "nasa"]),
        ("it's the '90s", ["it", "the", "90s"]),
        ("don't", ["don", "t"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("ﬁne ２０２０, ㎞", ["fine", "2020", "km"]),
        ("cafe\u0301 café cafe", ["café", "cafe", "café", "cafe", "cafe"]),
        ("cli\u00admate", ["climate"]),
        ("जलवायु परिवर्तन", ["जलवायु", "परिवर्तन"]),
        ("สภาพ", ["สภ", "ภา", "าพ"]),
        ("気候変動", ["気候", "候変", "変動"]),
        ("水", ["水"]),
        ("COVID19ワクチン", ["covid19", "ワク", "クチ", "チン"]),
        ("2020年に", ["2020", "年に"]),
        ("الاحتباس الحراري", ["الاحتباس", "الحراري"]),
        ("vac\u200bcine", ["vac", "cine", "vaccine"]),
        ("vac\u2060\ufeffcine\ufe0f \u202avaccine\u202c", ["vaccine", "vaccine"]),
        ("کتاب\u200cها", ["کتاب", "كتاب", "ها", "کتابها", "كتابها"]),
        ("ភាសា\u200bខ្មែរ", ["ភា", "ាស", "សា", "ខ្", "្ម", "មែ", "ែរ"]),
        ("Qur’an O'Brien", ["qur", "an", "o", "brien", "quran", "obrien"]),
        ("we'll don't", ["we", "ll", "don", "t"]),
        ("infor-\n  mation", ["infor", "mation", "information"]),
        ("infor\u00ad\nmation", ["infor", "mation", "information"]),
        ("R&amp;D &eacute;t&#233;", ["r", "d", "été", "ete", "r&d"]),
        ("Tom & Jerry &co; 3 &lt; 5", ["tom", "jerry", "co", "3", "5"]),
        ("#SeaLevel #ice", ["sealevel", "ice", "sea", "level"]),
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


@pytest.mark.parametrize(
    ("exact", "other"),
    [
        ("Wałęsa", "Walesa"),
        ("café", "cafe"),
        ("Łódź", "Lodz"),
        ("Zürich", "Zurich"),
        ("Zürich", "Zuerich"),
        ("Jørgensen", "Joergensen"),
        ("Đoković", "Dokovic"),
        ("İstanbul", "istanbul"),
        ("ISTANBUL", "ıstanbul"),
        ("Cœur", "coeur"),
        ("Nguyễn", "Nguyen"),
        ("Αθήνα", "Αθηνα"),
        ("Жуё", "Жуе"),
        ("Hawaiʻi", "Hawaii"),
        ("Qurʾān", "Quran"),
        ("وَصَلَتِ", "وصلت"),
        ("المدرســة", "المدرسه"),
        ("إلى", "الي"),
        ("أحمد", "احمد"),
        ("کتاب", "كتاب"),
        ("שָׁלוֹם", "שלום"),
        ("می\u200cخواهد", "میخواهد"),
        ("٢٠٢٠", "2020"),
        ("２０２０年", "2020年"),
        ("२०२०", "2020"),
        ("vaccineʼs", "vaccine"),
        ("vaccine′s", "vaccine"),
        ("sea‑level", "sea-level"),
    ],
)
def test_spellings_without_marks_find_each_other_and_the_exact_one_is_first(exact: str, other: str) -> None:
    index = MemoryIndex([Document("a " + other, f"{other} coal"), Document("b " + exact, f"{exact} coal")])
    for query in (exact, other):
        assert len(index.search_text(query, 2)) == 2
    best = index.search_text(exact, 2)
    if set(tokenize(exact)) != set(tokenize(other)):
        assert best[0].doc_id == "b " + exact


@pytest.mark.parametrize(("text", "other"), [("й", "и"), ("जलवायु", "जलवाय"), ("が", "か"), ("สี", "สิ")])
def test_marks_that_change_the_letter_are_kept(text: str, other: str) -> None:
    assert set(tokenize(text)).isdisjoint(tokenize(other))


@given(st.text())
def test_any_text_has_terms_without_spaces_that_are_their_own_words(text: str) -> None:
    words = split_words(text)
    assert all(word and not any(character.isspace() for character in word) for word in words)
    assert len(tokenize(text)) <= len(words)
    assert set(query_terms(text)) <= set(tokenize(text))


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


PIECES = st.sampled_from(
    [
        *(
            "8,000",
            "8 000",
            " people",
            "$",
            "1.2",
            "bn",
            " billion",
            "50",
            "%",
            " per cent",
            "°C",
            "U.S.",
            " US ",
            "us",
        ),
        *("½", "é", "e\u0301", "\u200b", "\u00ad", "-\n", "&amp;", "&nbsp;", "'s", "’", "#", "Ab", "COVID-19", "気候"),
        *("ﬁ", " ", "İ", "ß", "می\u200cخ", "\ufe0f", "٨٬٠٠٠", "THE "),
    ]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=12).map("".join))


@given(TEXTS, TEXTS)
def test_marks_are_inside_the_text_in_order_without_overlap_and_on_matches(text: str, query: str) -> None:
    terms = frozenset(query_terms(query)) | frozenset(tokenize(text)[:2])
    spans = matching_spans(text, terms)
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    for start, end in spans:
        # A space parts digits only before what is counted.
        piece = text[start:end] if not text[start:end].replace(" ", "").isdigit() else f"{text[start:end]} people"
        # Among capitals alone US is the word.
        assert not terms.isdisjoint([*tokenize(piece), *tokenize(piece.lower())]), (text[start:end], terms)


@given(TEXTS)
def test_something_is_marked_exactly_if_a_term_is_shared(text: str) -> None:
    for term in tokenize(text):
        assert matching_spans(text, frozenset({term})), term


@given(TEXTS)
def test_a_text_looks_the_same_with_and_without_its_spans(text: str) -> None:
    visible, spans = visible_text_with_spans(text)
    assert len(visible) == len(spans)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert visible == visible_text(text)


def test_part_of_a_run_without_spaces_is_found_on_disk(tmp_path_factory: pytest.TempPathFactory) -> None:
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
