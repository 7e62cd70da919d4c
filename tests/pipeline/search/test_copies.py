"""Near-copies: which texts are copies, and above all which never are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.records import Document, ScoredDoc
from claimhound.pipeline.search.copies import CopyFinder, fold, n_different, text_key

DAM = "The council said on Friday that the old dam had lost 12 percent of its water"


def groups_of(documents):
    by_id = {document.doc_id: document for document in documents}
    return CopyFinder(lambda doc_ids: [by_id[doc_id] for doc_id in doc_ids]).groups(by_id)


def are_copies(first, second, titles=(None, None)):
    pair = [Document("first", first, title=titles[0]), Document("second", second, title=titles[1])]
    return groups_of(pair) == {"first": "first", "second": "first"}


@pytest.mark.parametrize(
    "copy",
    [
        DAM,
        f"{DAM}!",
        f"{DAM} .",
        f"{DAM}…",
        f"{DAM}...",
        f"{DAM} (AP)",
        f"{DAM}. (Reuters)",
        f"{DAM} (AFP/Reuters).",
        f"{DAM} (with inputs from agencies)",
        f"{DAM} — Reuters",
        f"{DAM} - AFP",
        f"{DAM} | dpa",
        f"{DAM} [wire]",
        f"{DAM} [Updated]",
        f"{DAM} (update)",
        f"{DAM}, agencies reported",
        f"{DAM}, the Associated Press reported.",
        f"{DAM}, according to a wire report",
        f"{DAM}, according to news agencies.",
        f"{DAM} according to Reuters",
        f"{DAM}, it was reported",
        f"{DAM}, agencies reported (AP)",
        f"{DAM}. Source: AP",
        f"{DAM}... Read more",
        f"{DAM}. Continue reading",
        f"BREAKING: {DAM}",
        f"Breaking news - {DAM}",
        f"JUST IN: {DAM}.",
        f"Update: {DAM}",
        f"(AP) - {DAM}",
        f"(Reuters) {DAM}",
        f"AP — {DAM}",
        f"BREAKING: (AP) — {DAM} (updated)",
        DAM.upper(),
        DAM.title(),
        DAM.replace(" ", "  "),
        DAM.replace(" ", "\u00a0"),
        f"\ufeff{DAM}\u200b",
        DAM.replace("council", "coun\u00adcil"),
    ],
)
def test_additions_of_a_news_agency_make_no_difference(copy):
    assert are_copies(f"{DAM}.", copy)
    assert are_copies(copy, f"{DAM}, according to a wire report.")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("“We’re safe,” the mayor of Ghent said.", '"We\'re safe," the mayor of Ghent said.'),
        ("The mayor called it ‘safe’ at noon.", 'The mayor called it "safe" at noon.'),
        ("The dam – an old one – was shut down.", "The dam — an old one — was shut down."),
        ("The dam—an old one—was shut down.", "The dam - an old one - was shut down."),
        ("The rate was 40 % in all of the towns.", "The rate was 40% in all of the towns."),
        ("It hit Ghent, Bruges, and Ypres.", "It hit Ghent, Bruges and Ypres."),
        ("GHENT (Reuters) - The council shut the dam.", "GHENT (AP) — The council shut the dam."),
        ("Caf\u00e9s were shut all over the town.", "Cafe\u0301s were shut all over the town."),
    ],
)
def test_style_and_spacing_make_no_difference(first, second):
    assert are_copies(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (DAM, DAM.replace("12", "1")),
        (DAM, DAM.replace("12", "1.2")),
        (DAM, DAM.replace("12", "1,2")),
        (DAM, DAM.replace("12", "-12")),
        (DAM, DAM.replace("12", "−12")),
        (DAM, DAM.replace("12", "12,000")),
        (DAM, DAM.replace("12", "twelve")),
        (DAM, DAM.replace("12 percent", "12 points")),
        (DAM, DAM.replace("12 percent", "12 permille")),
        (DAM, DAM.replace("lost", "not lost")),
        (DAM, DAM.replace("had lost", "hadn't lost")),
        (DAM, DAM.replace("lost", "gained")),
        (DAM, DAM.replace("Friday", "Monday")),
        (DAM, DAM.replace("council", "councillor")),
        (DAM, f"{DAM}?"),
        (DAM, f"{DAM} in May 2020"),
        (f"{DAM} in May 2020", f"{DAM} in June 2020"),
        (f"{DAM} in Germany", f"{DAM} in France"),
        (DAM, f"{DAM}, the mayor said"),
        (DAM, f"{DAM}, officials said"),
        (DAM, f"{DAM}, according to the mayor"),
        (DAM, f"{DAM}, the AP denied"),
        (DAM, f"{DAM}, which is false"),
        (DAM, f"{DAM}, reportedly"),
        (DAM, f"{DAM} (satire)"),
        (DAM, f"{DAM} (false)"),
        (DAM, f"{DAM} (corrected)"),
        (DAM, f"{DAM} (Belgium)"),
        (DAM, f"{DAM} — The Mayor"),
        (DAM, f"Correction: {DAM}"),
        (DAM, f"FALSE: {DAM}"),
        (DAM, f"GHENT (Reuters) - {DAM}"),
        (f"GHENT (Reuters) - {DAM}", f"YPRES (Reuters) - {DAM}"),
        (f"GHENT, March 3 (Reuters) - {DAM}", f"GHENT, March 4 (Reuters) - {DAM}"),
        ('"We stand by all of it," Reuters reported', '"We stand by all of it," AP reported'),
        ('Staff called it "safe for all", Reuters reported', 'Staff called it "safe for all", AP reported'),
        ("No, dams cause floods in spring.", "No dams cause floods in spring."),
        ("The mayor, said the council, lied to all.", "The mayor said the council lied to all."),
        ("They gave us money for the dam.", "They gave US money for the dam."),
        ("THEY GAVE US MONEY FOR THE DAM.", "They gave us money for the dam."),
        ("The turbine makes 5 mW at night.", "The turbine makes 5 MW at night."),
        ("The Polish shore was dug up again.", "The polish shore was dug up again."),
        ("The loss was about 1.5 litres.", "The loss was about 15 litres."),
        ("It stood at .5 metres that day.", "It stood at 5 metres that day."),
        ("The grid has 10² cells in each row.", "The grid has 102 cells in each row."),
        ("It fell to – 5 metres below that.", "It fell to — 5 metres below that."),
        ("The wall is 5' high on this side.", 'The wall is 5" high on this side.'),
        ("The share of it was x > 5 that day.", "The share of it was x < 5 that day."),
        ("The dam has cost $5 a head so far.", "The dam has cost €5 a head so far."),
        ("The water had fallen by 4…", "The water had fallen by 4."),
        ("In spring more children read more", "In spring more children"),
        ("The re-signed plan is off the table.", "The resigned plan is off the table."),
        ("(AP)", "(Reuters)"),
        ("…", "!"),
    ],
)
def test_texts_that_may_differ_in_meaning_are_not_copies(first, second):
    assert not are_copies(first, second)


WORDS = "the dam lost 12 1.5 -3 percent of water in May not Ghent said US us no mW, and (AP) . - 40%"
TEXTS = st.lists(st.sampled_from(WORDS.split(" ")), min_size=4, max_size=14).map(" ".join)


@given(TEXTS, st.data())
def test_a_different_digit_makes_a_different_text(text, data):
    places = [place for place, letter in enumerate(text) if letter.isdigit()]
    if places:
        place = data.draw(st.sampled_from(places))
        digit = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != text[place]]))
        assert not are_copies(text, f"{text[:place]}{digit}{text[place + 1 :]}")


@given(TEXTS, st.data())
def test_an_added_negation_makes_a_different_text(text, data):
    words = text.split()
    place = data.draw(st.integers(0, len(words)))
    negation = data.draw(st.sampled_from(["not", "never", "no"]))
    assert not are_copies(text, " ".join([*words[:place], negation, *words[place:]]))


@given(TEXTS, st.sampled_from([" (AP)", " — Reuters", ", agencies reported", "…", " [wire]"]))
def test_keys_are_computed_for_few_texts_that_are_not_copies(text, mark):
    """The long words that are compared first are the same for all copies, with any marks."""
    documents = [Document("a", text), Document("b", f"{text}{mark}"), Document("c", text.upper())]
    groups = groups_of(documents)
    for one in documents:
        for other in documents:
            if one is not other:
                together = one.doc_id in groups and groups[one.doc_id] == groups.get(other.doc_id)
                assert together == (text_key(one.text) == text_key(other.text))


@pytest.mark.parametrize(
    ("text", "titles", "is_copy"),
    [
        ("He died in 2024.", ("Phil Lesh", "Robbie Basho"), False),
        ("He died in 2024.", ("Phil Lesh", None), False),
        ("He died in 2024.", ("Phil Lesh", "PHIL LESH"), True),
        ("He died in 2024.", (None, None), True),
        ("The population was 120 at the 2010 census.", ("Springfield", "Shelbyville"), False),
        # The text contains all words of the title.
        ("Phil Lesh died in 2024.", ("Phil Lesh", None), True),
        # Headlines over a sentence that stands by itself.
        (DAM, ("Old dam has lost water, council says", "Council says dam loses 12 percent"), True),
        (DAM, ("Old dam has lost water, council says", None), True),
        (f"It {DAM[4:]}", ("Dam has lost water, it is said", "Council told of a dam that loses"), False),
        # A name, a number or a negation that the text lacks.
        (DAM, ("Old dam of Ghent has lost water", "Old dam of Ypres has lost water"), False),
        (DAM, ("Old dam has lost water in 2019", "Old dam has lost water in 2020"), False),
        (DAM, ("The old dam has not lost water", "The old dam has lost water"), False),
        (DAM, ("Paper 1", "Paper 2"), False),
    ],
)
def test_a_title_distinguishes_texts_that_depend_on_it(text, titles, is_copy):
    assert are_copies(text, text, titles) is is_copy


def hits(*scored):
    return [ScoredDoc(doc_id, score) for doc_id, score in scored]


def test_a_folded_list_counts_groups_and_its_best_member_stands_for_each():
    bm25 = hits(("b", 9.0), ("a", 8.0), ("x", 7.0), ("c", 6.0), ("y", 5.0))
    dense = hits(("x", 0.9), ("a", 0.8), ("c", 0.7))
    groups = {"a": "a", "b": "a", "c": "a"}
    assert n_different(bm25, groups) == 3
    folded = fold(bm25, dense, groups, 2)
    # b ranks first by words, and no other of its group ranks first; c, third by meaning, comes after a, second.
    assert folded.bm25 == hits(("b", 9.0), ("x", 7.0))
    assert folded.dense == hits(("x", 0.9), ("b", 0.8))
    assert folded.copies == {"b": ("a", "c")}
    assert fold(bm25, None, groups, 1) == (hits(("b", 9.0)), None, {"b": ("a", "c")})
    assert fold([], [], {}, 5) == ([], [], {})
    assert fold(bm25, dense, {}, 2) == (bm25[:2], dense[:2], {})


def test_documents_that_read_the_same_share_an_id():
    texts = {"b": "ice", "a": "ice", "c": "Ice", "d": "snow"}
    finder = CopyFinder(lambda doc_ids: [Document(doc_id, texts[doc_id]) for doc_id in doc_ids])
    assert finder.alike(texts, lambda document: document.text) == {"a": "a", "b": "a"}
    assert finder.alike(texts, lambda document: f"{document.doc_id} {document.text}") == {}


def test_remembering_texts_changes_no_answer():
    texts = {"d": DAM, "b": f"{DAM} (AP)", "c": f"{DAM}?", "a": DAM, "e": "The dam is old."}
    read = []

    def documents(doc_ids):
        read.extend(doc_ids)
        return [Document(doc_id, texts[doc_id]) for doc_id in doc_ids]

    for finder in (CopyFinder(documents), CopyFinder(documents, n_remembered=2)):
        for _ in range(2):
            assert finder.groups(texts) == {"a": "a", "b": "a", "d": "a"}
        assert finder.groups(["d", "e"]) == {}
    assert read.count("e") == 1 + 2  # the second had forgotten it once
