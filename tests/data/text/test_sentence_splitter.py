import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.records import Document
from claimhound.data.text.sentences import split_document, split_sentences

CASES = [
    "Ice melts.|Seas rise.",
    "No stop at the end",
    "Really?!|What??|Yes!|Of course.",
    "Dr. Smith met Prof. J. R. Doe and Mrs. Lee.|They spoke.",
    "The gen. pop. is fine.",
    "It rose by 3.5 per cent, i.e. more than in 1998.|2005 was hotter.",
    "Gases, e.g. CO2, and vs. Nitrogen.|Fig. 3 and Figs. 4, No. 5 and pp. 6 show it.",
    "No.|He did not.|There were 5 of no. 6.",
    "As shown by Smith et al. [2004] and Doe et al. (2005), it melts.|So it does.",
    "Smith et al. Nature 2004.|As found by Smith et al.|The ice melts.",
    "The U.S. Government of the U.S.|The rest is in the U.K. and D.C. Circuit.",
    "She has a Ph.D. from MIT.|He has a Ph.D.|They met at 5 p.m. on Jan. 5 and Dec. 6.",
    "George W. Bush won.|Vitamin C.|The rest.",
    "Plants take up CO.|Carbon is bound.|The earth circles the sun.|Mars follows.",
    "Acme Inc. said so.|It is Acme Inc.|It said so.",
    "Yes...|No… maybe.|And…|Then he left.",
    "He said “It melts.”|She left.|\"What?\" he asked.|'Go!'|(It did.)|[So it did.]",
    "Warming is real.[12]|The rest.[3][4]|So [5] it is [6].|Ice. [7]|Sea.[citation needed]|End.[ 8 ]",
    "1. Introduction here.|2. Results there.|It was 42.|Then it was not.",
    "See www.example.org/a.b?c=d. for it.|Node.js runs.",
    "今日は。|元気ですか？|「はい！」|そう。",
    "It cost $5.|“Then” it rose.|(But why?)",
    "One line\nand the next.|Another.",
]


@pytest.mark.parametrize("marked", CASES)
def test_a_text_is_split_where_a_reader_would(marked: str) -> None:
    parts = marked.split("|")
    for text in (" ".join(parts), f"\n {'  '.join(parts)}\t"):
        assert [text[start:end] for start, end in split_sentences(text)] == parts


def test_cjk_stops_need_no_space() -> None:
    text = "今日は。元気ですか？「はい！」そう"
    assert [text[s:e] for s, e in split_sentences(text)] == ["今日は。", "元気ですか？", "「はい！」", "そう"]


@pytest.mark.parametrize("blank", ["\n\n", "\r\n\r\n", "\n \t\n", "\n\n\n"])
def test_a_blank_line_always_splits(blank: str) -> None:
    assert split_sentences(f"A heading{blank}small letters") == [(0, 9), (9 + len(blank), 9 + len(blank) + 13)]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u2003"])
def test_white_space_has_no_sentences(text: str) -> None:
    assert split_sentences(text) == []


@given(text=st.text(st.sampled_from(list('aB1.!?…。"”)]([ \n\u00a0é’')) | st.characters(), max_size=60))
def test_nothing_but_white_space_is_lost(text: str) -> None:
    spans = split_sentences(text)
    edges = [0, *(edge for span in spans for edge in span), len(text)]
    assert edges == sorted(edges)
    assert not any(text[end:start].strip() for end, start in zip(edges[::2], edges[1::2], strict=True))
    for start, end in spans:
        assert start < end
        assert text[start:end] == text[start:end].strip()


@pytest.mark.parametrize(
    "text", ["." * 100_000 + "x", ". " * 20_000, ".)" * 50_000, ". [1" * 20_000, "a." * 50_000 + " B"]
)
def test_odd_texts_take_linear_time(text: str) -> None:
    start = time.perf_counter()
    split_sentences(text)
    assert time.perf_counter() - start < 5


def test_a_document_gives_its_sentences_with_their_places() -> None:
    document = Document("d", "Ice melts. Seas rise.", "T", "S", "U", "2020", {"n": 1})
    assert list(split_document(document)) == [
        Document("d#0", "Ice melts.", "T", "S", "U", "2020", {"n": 1}, parent_id="d", span=(0, 10)),
        Document("d#1", "Seas rise.", "T", "S", "U", "2020", {"n": 1}, parent_id="d", span=(11, 21)),
    ]
    assert [sentence.doc_id for sentence in split_document(Document("d", "one"))] == ["d#0"]


def test_list_items_and_table_rows_are_separate_sentences() -> None:
    text = "It cost $40 million\n• It holds 3 km3\n  - It failed\nonce\n\nCosts\n1998\t40\n1999\t50"
    assert [text[start:end] for start, end in split_sentences(text)] == [
        "It cost $40 million",
        "• It holds 3 km3",
        "- It failed\nonce",
        "Costs",
        "1998\t40",
        "1999\t50",
    ]
    hyphen = "The well-\nknown bridge -\nit was old - fell"
    assert split_sentences(hyphen) == [(0, len(hyphen))]
