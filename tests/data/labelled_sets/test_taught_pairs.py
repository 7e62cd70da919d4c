"""Pairs with a teacher's logits: what is written is read, and a bad line is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claimhound.data.errors import InputError, RecordError
from claimhound.data.labelled_sets.stances import STANCES, StancePair
from claimhound.data.labelled_sets.taught_pairs import (
    HEADS,
    TaughtPair,
    joined,
    of_relevance,
    of_stance,
    read_taught_pairs,
    write_taught_pairs,
)
from claimhound.data.labelled_sets.training_pairs import TrainingPair

LOGITS = (1.9, -2.1, 3.0, -0.4)
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(str.strip)
PAIRS = st.builds(
    TaughtPair,
    claim=TEXTS,
    text=TEXTS,
    relevance=st.none() | st.floats(0, 1),
    stance=st.none() | st.sampled_from(STANCES),
    teacher=st.tuples(*[st.integers(-(10**6), 10**6).map(lambda number: number / 10**4)] * len(HEADS)),
    group=st.just("") | TEXTS,
)


@settings(deadline=None)  # a file is synced to disk
@given(pairs=st.lists(PAIRS, min_size=1, max_size=5))
def test_what_is_written_is_read_again(pairs, tmp_path_factory):
    path = tmp_path_factory.mktemp("taught") / "taught.jsonl"
    write_taught_pairs(pairs, path)
    assert read_taught_pairs(path) == pairs


def test_a_line_holds_what_is_known_with_logits_of_four_digits(tmp_path):
    path = tmp_path / "taught.jsonl"
    pair = TaughtPair("Eis schmilzt wärmer.", "Ice.", teacher=(1.23456, -2.0, 0.00001, 3.0))
    write_taught_pairs([pair, pair._replace(relevance=0.0, stance="REFUTES", group="g")], path)
    first, second = path.read_text(encoding="utf-8").splitlines()
    assert first == '{"claim": "Eis schmilzt wärmer.", "evidence": "Ice.", "teacher": [1.2346, -2.0, 0.0, 3.0]}'
    assert json.loads(second) == json.loads(first) | {"relevance": 0.0, "stance": "REFUTES", "group": "g"}


def test_a_number_that_is_not_finite_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_taught_pairs([TaughtPair("c", "t", teacher=(float("nan"), 0.0, 0.0, 0.0))], tmp_path / "taught.jsonl")
    assert list(tmp_path.iterdir()) == []


GOOD = {"claim": "Ice melts.", "evidence": "Ice is warm.", "teacher": list(LOGITS)}
NO_LOGITS = (
    "has no list of 4 logits (RELEVANT, SUPPORTS, REFUTES, NOT_ENOUGH_INFO) in field 'teacher'; 'claimhound teach'"
)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"teacher": None}, NO_LOGITS),
        ({"teacher": "1.9"}, NO_LOGITS),
        ({"teacher": [1.9, -2.1, 3.0]}, NO_LOGITS),
        ({"teacher": [*LOGITS, 0.0]}, NO_LOGITS),
        ({"teacher": [*LOGITS[:3], float("nan")]}, NO_LOGITS),
        ({"teacher": [*LOGITS[:3], float("inf")]}, NO_LOGITS),
        ({"teacher": [*LOGITS[:3], True]}, NO_LOGITS),
        ({"teacher": [*LOGITS[:3], "1"]}, NO_LOGITS),
        ({"teacher": [*LOGITS, True]}, NO_LOGITS),
        ({"relevance": 1.01}, "'relevance' must be a number in [0, 1], not 1.01"),
        ({"relevance": -1}, "'relevance' must be a number in [0, 1], not -1"),
        ({"relevance": True}, "'relevance' must be a number in [0, 1], not True"),
        ({"relevance": "high"}, "'relevance' must be a number in [0, 1], not 'high'"),
        ({"stance": "DISPUTED"}, "has the label 'DISPUTED'; expected one of SUPPORTS, REFUTES, NOT_ENOUGH_INFO"),
        ({"stance": 1}, "has the label 1, a number"),
        ({"claim": " "}, "has no text in field 'claim'"),
        ({"evidence": None}, "has no text in field 'evidence'"),
        ({"group": ["a"]}, "has a list, not a text or a whole number, in field 'group'"),
        ({"group": True}, "has true or false, not a text or a whole number, in field 'group'"),
    ],
)
def test_a_bad_line_is_named(tmp_path, fields, message):
    path = tmp_path / "taught.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n{json.dumps(GOOD | fields)}\n")
    with pytest.raises(RecordError) as caught:
        read_taught_pairs(path)
    assert str(caught.value).startswith(f"{path}:2: {message}")


@pytest.mark.parametrize("relevance", [None, float("nan")])
def test_null_means_unknown_and_a_group_may_be_a_number(tmp_path, relevance):
    path = tmp_path / "taught.jsonl"
    path.write_text(json.dumps(GOOD | {"relevance": relevance, "stance": None, "group": 7, "teacher": [1, 2, 3, 4]}))
    assert read_taught_pairs(path) == [
        TaughtPair("Ice melts.", "Ice is warm.", teacher=(1.0, 2.0, 3.0, 4.0), group="7")
    ]


def test_an_empty_and_a_missing_file_are_refused(tmp_path):
    path = tmp_path / "taught.jsonl"
    with pytest.raises(InputError, match=r"taught\.jsonl: no such file"):
        read_taught_pairs(path)
    path.touch()
    with pytest.raises(InputError, match=r"taught\.jsonl: contains no pair; 'claimhound teach' writes such files"):
        read_taught_pairs(path)


def test_labelled_pairs_keep_their_label_and_group():
    assert of_relevance(TrainingPair("q", "c", "t", 0.25)) == TaughtPair("c", "t", relevance=0.25)
    assert of_stance(StancePair("1", "c", "t", "REFUTES", "g")) == TaughtPair("c", "t", stance="REFUTES", group="g")


def test_pairs_of_the_same_texts_become_one_unless_they_disagree():
    relevant, other = TaughtPair("c", "t", relevance=1.0), TaughtPair("c", "u", relevance=0.0)
    refuting = TaughtPair("c", "t", stance="REFUTES", group="g")
    assert joined([relevant, other, refuting, TaughtPair("c", "t"), relevant]) == [
        TaughtPair("c", "t", 1.0, "REFUTES", group="g"),
        other,
    ]
    # Not relevant is known, too: it is not overwritten, and it contradicts relevant.
    not_relevant = relevant._replace(relevance=0.0)
    assert joined([relevant, not_relevant, refuting]) == [
        TaughtPair("c", "t", 1.0, "REFUTES", group="g"),
        not_relevant,
    ]
    # The third pair disagrees with the first, but not with the second.
    supporting, elsewhere = TaughtPair("c", "t", stance="SUPPORTS"), TaughtPair("c", "t", group="h")
    assert joined([refuting, supporting, elsewhere]) == [refuting, TaughtPair("c", "t", stance="SUPPORTS", group="h")]


LIKE_PAIRS = st.builds(
    TaughtPair,
    claim=st.sampled_from("ab"),
    text=st.sampled_from("xy"),
    relevance=st.sampled_from([None, 0.0, 1.0]),
    stance=st.sampled_from([None, *STANCES]),
)


@given(pairs=st.lists(LIKE_PAIRS, max_size=12))
def test_joining_loses_nothing_and_invents_nothing(pairs):
    found = joined(pairs)
    for field in ("relevance", "stance"):
        said = [{(pair.claim, pair.text, getattr(pair, field)) for pair in some} for some in (pairs, found)]
        # Only "unknown" may be gone.
        assert {triple for triple in said[0] if triple[2] is not None} == {
            triple for triple in said[1] if triple[2] is not None
        }
    assert len(set(found)) == len(found)
    assert {pair[:2] for pair in found} == {pair[:2] for pair in pairs}
    assert joined(found) == found


def test_the_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "taught.jsonl"
    path.write_text("before")

    def broken():
        yield TaughtPair("c", "t", teacher=LOGITS)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_taught_pairs(broken(), path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("taught.jsonl", "before")]
