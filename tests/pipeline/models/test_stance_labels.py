"""The meaning of a model's labels: every order and usual spelling, and errors instead of guesses."""

from __future__ import annotations

from itertools import permutations

import pytest

from claimhound.data.labelled_sets.stances import STANCES
from claimhound.pipeline.models.stance_labels import OURS, label_names, parse_labels, read_labels, stance_labels

INFERENCE = [
    ("entailment", "contradiction", "neutral"),
    ("ENTAILMENT", "CONTRADICTION", "NEUTRAL"),
    ("Entailment", "Contradiction", "Neutral"),
    ("entail", "contradict", "neutral"),
    ("entails", "contradicts", " neutral"),
]
FACT_CHECKING = [
    STANCES,
    ("SUPPORTS", "REFUTES", "NOT ENOUGH INFO"),
    ("supports", "refutes", "not_enough_info"),
    ("Supported", "Refuted", "Not-Enough-Info"),
    ("SUPPORT", "REFUTE", "NEI"),
    ("supported", "refuted", "Not Enough Evidence"),
    ("Supports", "Refutes", "NotEnoughInfo"),
]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
@pytest.mark.parametrize(
    ("spelled", "evidence_first"),
    [*((names, True) for names in INFERENCE), *((names, False) for names in FACT_CHECKING)],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_labels_are_read_in_any_order_and_spelling_and_their_words_decide_the_pair(spelled, evidence_first, order):
    names = [spelled[number] for number in order]
    found = read_labels(names)
    # With the names themselves as outputs, the columns give them in the order of STANCES.
    assert [names[column] for column in found.columns] == list(spelled)
    assert found.evidence_first == evidence_first
    assert found.pair("a claim", "a sentence") == (
        ("a sentence", "a claim") if evidence_first else ("a claim", "a sentence")
    )
    assert found.are_ours == (spelled == STANCES)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("LABEL_0", "LABEL_1", "LABEL_2"), r"LABEL_2, which say nothing; name them in .*--stance-labels contra"),
        (("label_2", "label_0", "label_1"), r"nothing; .*: --stance-labels contradiction,entailment,neutral$"),
        (("entailment", "not_entailment"), r"only entailment from the rest \(entailment, not_entailment\)"),
        (("NOT-ENTAILMENT", "ENTAILMENT"), r"distinguishes only entailment from the rest"),
        (("negative", "neutral", "positive"), r"are negative, neutral, positive; a stance model has .*--stance-labels"),
        # Words of both kinds: the order of the pair is unknown.
        (("SUPPORT", "CONTRADICT", "NEI"), r"are SUPPORT, CONTRADICT, NEI; a stance model has .*--stance-labels"),
        (("entailment", "entails", "neutral"), r"are entailment, entails, neutral; a"),
        (("SUPPORTS", "REFUTES"), r"are SUPPORTS, REFUTES; a stance model has SUPPORTS, REFUTES, NOT_ENOUGH_INFO or"),
        (("agree", "disagree", "discuss", "unrelated"), r"train stance\)$"),
        (("LABEL_0",), r"are LABEL_0; a stance model has .*train stance\)$"),
    ],
)  # fmt: skip
def test_unclear_labels_are_rejected_in_one_line_that_names_them(names, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_labels(names)
    assert "\n" not in str(caught.value)


def test_labels_are_ordered_by_their_numbers():
    assert label_names({"id2label": {"2": "c", "0": "a", "1": "b"}}) == ("a", "b", "c")
    assert label_names({"num_labels": 3}) == ("LABEL_0", "LABEL_1", "LABEL_2")
    assert label_names({}) == ("LABEL_0", "LABEL_1")
    for keys in ("123", "x12", ["0", "00", "1"]):
        with pytest.raises(ValueError, match="not numbered from 0"):
            label_names({"id2label": dict.fromkeys(keys, "a")})


def test_given_names_replace_those_of_the_model():
    config = {"id2label": {"0": "entailment", "1": "neutral", "2": "contradiction"}}
    assert stance_labels(config).columns == (0, 2, 1)
    found = stance_labels(config, ("SUPPORTS", "REFUTES", "NEI"))
    assert (found.columns, found.evidence_first) == ((0, 1, 2), False)
    with pytest.raises(ValueError, match=r"has 2 outputs \(a, b\), not the 3 of --stance-labels"):
        stance_labels({"id2label": {"0": "a", "1": "b"}}, ("SUPPORTS", "REFUTES", "NEI"))


def test_the_option_takes_three_names_separated_by_commas():
    assert parse_labels("Contradiction, entailment,neutral") == ("Contradiction", "entailment", "neutral")
    for text in ("", "a,b,c", "entailment,neutral", "LABEL_0,LABEL_1,LABEL_2", "entailment,not_entailment"):
        with pytest.raises(ValueError, match="does not name three outputs in order, such as contradiction,"):
            parse_labels(text)


def test_relevant_may_be_anywhere_among_the_stances():
    found = stance_labels({"id2label": {"0": "SUPPORTS", "1": "RELEVANT", "2": "NOT_ENOUGH_INFO", "3": "REFUTES"}})
    assert (found.columns, found.relevance, found.evidence_first, found.are_ours) == ((0, 3, 2), 1, False, True)
    assert found.outputs_text.startswith("SUPPORTS is SUPPORTS, RELEVANT is the relevance, NOT_ENOUGH_INFO is")
    assert found.record["labels"] == ["SUPPORTS", "RELEVANT", "NOT_ENOUGH_INFO", "REFUTES"]
    assert stance_labels({"num_labels": 4}, parse_labels("neutral,entailment,contradiction,RELEVANT")).evidence_first
    assert OURS.relevance is None
    # A stance training must replace this head, which has one output too many.
    with pytest.raises(ValueError, match="its labels are RELEVANT, "):
        read_labels(("RELEVANT", *STANCES))


def test_a_record_distinguishes_readings_of_the_same_weights_and_is_empty_for_our_own():
    assert OURS.record == read_labels(STANCES).record == {}
    assert read_labels(STANCES[::-1]).record == {"labels": list(STANCES[::-1]), "pair": ["claim", "evidence"]}
    inference = read_labels(("contradiction", "entailment", "neutral"))
    assert inference.record == {"labels": ["contradiction", "entailment", "neutral"], "pair": ["evidence", "claim"]}
    assert inference.text == (
        "contradiction is REFUTES, entailment is SUPPORTS, neutral is NOT_ENOUGH_INFO; "
        "reads the evidence, then the claim"
    )
