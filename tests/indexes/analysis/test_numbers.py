"""Numbers, quantities and acronyms: which spellings find each other, and which do not."""

from __future__ import annotations

import pytest

from claimhound.data.records import Document
from claimhound.indexes import MemoryIndex
from claimhound.indexes.analysis.terms import matching_spans, query_terms, split_words, tokenize

SAME = [
    ("8000 workers", "8,000 workers"),
    ("8000 workers", "8 000 workers"),
    ("8000 workers", "8 000 factory workers"),
    ("8000", "$8 000 in all"),
    ("8000", "8 000 €"),
    ("8000000 people", "8 000 000 people"),
    ("8000", "8,000.00"),
    ("8000 workers", "8\u202f000 workers"),
    ("8000 workers", "8\u00a0000 workers"),
    ("8000 workers", "8'000 workers"),
    ("8000 workers", "8’000 workers"),
    ("8000 workers", "8 thousand workers"),
    ("8000 workers", "8k workers"),
    ("1200000 votes", "1,200,000 votes"),
    ("1234567 votes", "12,34,567 votes"),
    ("8000", "٨٬٠٠٠"),
    ("8000", "８，０００"),
    ("$1.2bn", "$1.2 billion"),
    ("$1.2bn", "1.2 billion dollars"),
    ("$1.2bn", "1.2-billion-dollar"),
    ("$1.2bn", "$1,200,000,000"),
    ("$1.2b", "US$1.2 Billion"),
    ("1.2B dollars", "1.2 billion"),
    ("£5m", "5 million pounds"),
    ("€5m", "5 mln euros"),
    ("3 lakh", "3,00,000"),
    ("$5", "5 dollars"),
    ("€ 5", "5 euros"),
    ("50%", "50 percent"),
    ("50%", "50 per cent"),
    ("50 %", "50 pct"),
    ("٥٠٪", "50 percent"),
    ("2.50%", "2.5 percent"),
    ("1.5°C", "1.5 degrees Celsius"),
    ("1.5C", "1.5 °C"),
    ("1.5℃", "1.5 degrees C"),
    ("1.5ºC", "1.5-degree Celsius"),
    ("100°F", "100 degrees Fahrenheit"),
    ("5km", "5 kilometres"),
    ("5 km²", "5 square kilometers"),
    ("300MW", "300 megawatts"),
    ("420 ppm", "420 parts per million"),
    ("½", "0.5"),
    ("1½", "1.5"),
    ("1 ½", "1.5"),
    ("the 1990's", "the 1990s"),
    ("COVID-19", "COVID19"),
    ("Covid‑19", "covid 19"),
    ("the U.S.", "the US"),
    ("the U.S", "the US"),
    ("the u.s.", "the US"),
    ("the USA", "the U.S."),
    ("U.K.", "UK"),
    ("the C.I.A.", "the CIA"),
    ("J.K. Rowling", "J. K. Rowling"),
    ("5 p.m.", "5 PM"),
    ("CO₂", "CO2"),
    ("SARS-CoV-2", "SARS-CoV2"),
    ("a Ph.D.", "a PhD"),
]
OTHER = [
    ("8000", "800"),
    ("8000", "80,000"),
    ("8000", "18,000"),
    ("8000", "8.000"),
    ("8,000", "8000000"),
    ("$1.2bn", "$1.2 million"),
    ("the US left", "he told us"),
    ("WHO", "who"),
    ("IT", "it"),
    ("the U.S.", "he told us"),
]


@pytest.mark.parametrize(("text", "other"), SAME)
def test_spellings_of_one_quantity_find_each_other(text: str, other: str) -> None:
    for query, document in ((text, other), (other, text)):
        assert shared_beyond_words(query, document), (split_words(query), split_words(document))


def shared_beyond_words(query: str, document: str) -> set[str]:
    """Return the terms that they share because of more than a digit or a word that stands in both."""
    shared = set(query_terms(query)) & set(tokenize(document))
    return {term for term in shared if len(term) > 1} - {
        "worker",
        "vote",
        "peopl",
        "000",
        "19",
        "dollar",
        "million",
        "rowl",
        "sar",
    }


@pytest.mark.parametrize(("query", "document"), OTHER)
def test_look_alikes_share_no_term(query: str, document: str) -> None:
    shared = set(query_terms(query)) & set(tokenize(document))
    assert not {term for term in shared if term not in {"8", "000", "1", "left"}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("AR6 100-year floods", "ar6 100 year floods"),
        ("in 2019 300 people died", "in 2019 300 people died"),
        ("on 12 May 12 300 people left", "on 12 may 12 300 people left"),
        ("Table 3 200 samples", "table 3 200 samples"),
        ("2019 2020", "2019 2020"),
        ("of the 5 100 were hurt in raids", "of the 5 100 were hurt in raids"),
        ("a 6 100-year floods", "a 6 100 year floods"),
        ("call 1 800 555 now", "call 1 800 555 now"),
        ("on 9/11/2001", "on 9 11 2001"),
        ("on 2001-09-11", "on 2001 09 11"),
        ("version 1.2.3", "version 1 2 3"),
        ("at 10:30", "at 10 30"),
        ("from 192.168.10.1", "from 192 168 10 1"),
        ("10–20 deaths", "10 20 deaths"),
        ("in the mid-1990s", "in the mid 1990s"),
        ("on pages 1,2 and 3", "on pages 1 2 and 3"),
        ("it costs 1.234,56", "it costs 1 234 56"),
    ],
)
def test_text_that_is_not_a_quantity_stays_as_written(text: str, words: str) -> None:
    assert split_words(text) == words.split()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("8,000", "8 000 8000"),
        ("8.000", "8 000 8.000"),
        ("1,234.5", "1 234 5 1234.5"),
        ("1.5", "1 5 1.5"),
        ("1.50", "1 50 1.50 1.5"),
        ("-5°C", "5 c 5°c"),
        ("1.1–1.5°C", "1 1 1 5 c 1.1 1.5°c"),
        ("1.2345678 million", "1 2345678 million 1234567.8"),
        ("8000km", "8000km 8000"),
        ("the U.S. left", "the left u.s US"),
        ("THE US LEFT", "the us left"),
        ("Is IT here", "is it here IT"),
        ("PLEASE READ THE US news", "please read the us news"),
        ("NASA", "nasa"),
        ("US", "US"),
        ("The WHO told us", "the told us WHO"),
    ],
)
def test_the_written_and_the_normal_form_are_both_words(text: str, words: str) -> None:
    assert split_words(text) == words.split()


def test_a_claim_entirely_in_capitals_has_no_acronyms() -> None:
    assert query_terms("WHO TOLD US THIS") == query_terms("Who told us this")
    assert query_terms("The WHO told US") != query_terms("the who told us")


def test_a_claim_finds_its_own_spelling_of_a_number_first() -> None:
    texts = ["8000 workers", "8,000 workers", "80,000 workers", "800 workers", "8.000 workers"]
    index = MemoryIndex([Document(text, text) for text in texts])
    for text in texts:
        assert index.search_text(text, 1)[0].doc_id == text
    assert {hit.doc_id for hit in index.search_text("8000 workers", 2)} == {"8000 workers", "8,000 workers"}


def test_a_country_is_found_before_a_pronoun() -> None:
    texts = {"dots": "The U.S. left the treaty.", "pronoun": "It left the treaty with us.", "other": "Ice melts."}
    index = MemoryIndex([Document(doc_id, text) for doc_id, text in texts.items()])
    for claim in ("The US left.", "The U.S. left.", "The USA left."):
        assert index.search_text(claim, 1)[0].doc_id == "dots"
    assert [hit.doc_id for hit in index.search_text("us", 3)] == ["pronoun", "dots"]


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("It laid off 8,000 people.", "8000 people", ["8,000", "people"]),
        ("It laid off 8 000 people.", "8,000", ["8 000"]),
        ("It cost $1.2 billion then.", "1.2bn", ["1.2 billion"]),
        ("Half, 50 per cent, left.", "50%", ["50 per cent"]),
        ("It warmed by 1.5 degrees Celsius.", "1.5°C", ["1.5 degrees Celsius"]),
        ("The US left with us.", "U.S.", ["US"]),
        ("The U.S. left with us.", "the US", ["U.S."]),
        ("On ９/11/2001.", "9/11/2001", ["９", "11", "2001"]),
        ("AT&amp;T cut jobs", "AT&T", ["AT&amp;T"]),
        ("In a caf&eacute; then", "cafe", ["caf&eacute;"]),
        ("The infor-\nmation was", "information", ["infor-\nmation"]),
        ("See #ClimateChange now", "climate", ["Climate"]),
    ],
)
def test_the_marks_are_on_the_text_as_written(text: str, query: str, marked: list[str]) -> None:
    spans = matching_spans(text, frozenset(query_terms(query)))
    assert [text[start:end] for start, end in spans] == marked
