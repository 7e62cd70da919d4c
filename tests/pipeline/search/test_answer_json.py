"""Answers as JSON, from hand-made evidence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sample_answers import ANSWER, COPIES, HIT, HOSTILE, POINTED, SEA, with_document

from claimhound.data.records import Document, Json
from claimhound.pipeline.search.answer_json import ANSWER_SCHEMA, as_json


def test_an_answer_says_first_which_schema_it_has() -> None:
    assert next(iter(json.loads(as_json(ANSWER)).items())) == ("schema", ANSWER_SCHEMA)


def test_json_has_no_number_that_json_lacks_and_no_character_that_breaks_lines() -> None:
    document = replace(SEA, text=f"{HOSTILE}\u2028end", fields={"a": [float("nan"), {"b": float("inf")}]})
    line = as_json(with_document(document), indent=None)
    assert line.splitlines() == [line]
    record = json.loads(line, parse_constant=pytest.fail)
    assert record["evidence"][0]["text"] == document.text
    assert record["evidence"][0]["fields"] == {"a": [None, {"b": None}]}
    assert not any(char in line for char in "\x1b\x07\x9b\u202e")


def test_parent_span_and_context_are_there_only_where_there_are_some() -> None:
    assert "context" not in json.loads(as_json(ANSWER))["evidence"][0]
    sentence = replace(SEA, parent_id="article", span=(0, 55))
    (hit,) = json.loads(as_json(with_document(sentence, before=(Document("x", "Before."),))))["evidence"]
    assert list(hit)[-3:] == ["parent_id", "span", "context"]
    assert hit["span"] == [0, 55]
    assert hit["context"] == {"before": [{"doc_id": "x", "text": "Before."}], "after": []}


def test_programs_get_stance_and_summary_or_null() -> None:
    record = json.loads(as_json(POINTED))
    assert record["summary"] == {"label": "REFUTES", "supports": [], "refutes": ["sea-1"]}
    assert record["evidence"][0]["stance"] == {
        "label": "REFUTES",
        "probabilities": {"SUPPORTS": 0.042, "REFUTES": 0.951, "NOT_ENOUGH_INFO": 0.007},
        "truncated": False,
    }
    plain = json.loads(as_json(ANSWER))
    assert (plain["summary"], plain["evidence"][0]["stance"]) == (None, None)


def test_copies_are_named_with_where_they_are_from_and_a_text_that_differs() -> None:
    answer = replace(ANSWER, evidence=(replace(HIT, copies=COPIES, n_copies=2),))
    (hit,) = json.loads(as_json(answer))["evidence"]
    assert hit["n_copies"] == 2
    nothing = dict.fromkeys(("title", "source", "url", "date"))
    assert hit["copies"] == [
        nothing
        | {"doc_id": "wire-1", "source": "Paper 1", "url": "https://one.example/a", "date": "2020-01-02"}
        | {"text": f"{SEA.text} (AP)"},
        nothing | {"doc_id": "wire-2", "title": "Seas rise"},
    ]


@pytest.mark.parametrize("depth", [99, 100, 101, 900, 5000])
def test_fields_however_deep_are_shown_down_to_a_bound(depth: int) -> None:
    value: Json = 1.5
    for _ in range(depth):
        value = [value]
    answer = with_document(replace(SEA, fields={"deep": value}))
    text = as_json(answer)
    assert ("nested too deeply" in text) is (depth > 99)
