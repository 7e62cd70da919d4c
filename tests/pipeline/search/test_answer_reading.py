"""Answers read back from JSON: reading and writing undo each other, and what is no answer is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_answers import ANSWER, COPIES, HIT, HOSTILE, POINTED, SEA, with_document

from claimhound.data.errors import InputError
from claimhound.data.records import Document
from claimhound.pipeline.commands.answer_table import as_table
from claimhound.pipeline.search.answer_json import as_json, as_record
from claimhound.pipeline.search.answer_reading import read_answer
from claimhound.pipeline.search.answer_tsv import as_tsv_lines
from claimhound.pipeline.search.results import ClaimEvidence, Evidence, StageScore

TEXTS = st.text(max_size=8)
MAYBE = st.none() | TEXTS
NUMBERS = st.floats() | st.integers(-5, 5)
DOCUMENTS = st.builds(
    Document, TEXTS, TEXTS, MAYBE, MAYBE, MAYBE, MAYBE, st.dictionaries(TEXTS, st.none() | NUMBERS | TEXTS, max_size=2)
)
PARTS = st.builds(
    lambda document, span: replace(document, parent_id="whole", span=span), DOCUMENTS, st.tuples(NUMBERS, NUMBERS)
)
COPIES_OF_ANY = st.lists(st.builds(Document, TEXTS, TEXTS, MAYBE, MAYBE, MAYBE, MAYBE), max_size=2).map(tuple)
CONTEXT = st.lists(st.builds(Document, TEXTS, TEXTS), max_size=2).map(tuple)
HITS = st.builds(
    Evidence,
    rank=st.integers(1, 9),
    document=DOCUMENTS,
    score=NUMBERS,
    truncated=st.booleans(),
    stages=st.fixed_dictionaries(
        {name: st.none() | st.builds(StageScore, st.integers(1, 9), NUMBERS) for name in ("bm25", "rerank")}
    ),
    before=CONTEXT,
    after=CONTEXT,
    stance=st.none() | st.just(POINTED.evidence[0].stance),
    copies=COPIES_OF_ANY,
    n_copies=st.integers(0, 9),
)
ANSWERS = st.builds(
    ClaimEvidence,
    claim=TEXTS,
    evidence=st.lists(HITS, max_size=2).map(tuple),
    notes=st.lists(TEXTS, max_size=2).map(tuple),
    timings_ms=st.dictionaries(TEXTS, NUMBERS, max_size=2),
    summary=st.none() | st.just(POINTED.summary),
    nothing_relevant=st.none() | st.booleans(),
)


@given(ANSWERS)
def test_writing_what_was_read_gives_the_same_record(answer: ClaimEvidence) -> None:
    record = json.loads(as_json(answer))
    assert as_record(read_answer(record)) == record == as_record(answer)


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER,
        POINTED,
        with_document(replace(SEA, text=HOSTILE, fields={"author": HOSTILE, "deep": {"er": [1, None]}})),
        with_document(replace(SEA, parent_id="sea", span=(3, 58)), copies=COPIES, n_copies=7, truncated=True),
        replace(ANSWER, evidence=(replace(HIT, before=COPIES, after=(SEA,)),), notes=("Found by words alone.",)),
    ],
)
def test_an_answer_that_was_read_prints_as_the_one_that_was_written(answer: ClaimEvidence) -> None:
    read = read_answer(json.loads(as_json(answer)))
    for explain in (False, True):
        assert as_table(read, explain=explain) == as_table(answer, explain=explain)
        assert as_table(read, explain=explain, is_terminal=True) == as_table(answer, explain=explain, is_terminal=True)
    assert as_tsv_lines(read) == as_tsv_lines(answer)


def test_an_answer_of_another_schema_is_refused_with_both_numbers() -> None:
    with pytest.raises(InputError, match="has schema 2, and this version reads 1"):
        read_answer(as_record(ANSWER) | {"schema": 2})


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ([], "is not an answer of claimhound"),
        ({"status": "live"}, "is not an answer of claimhound"),
        ({"schema": 1}, "'summary'"),
        (as_record(ANSWER) | {"claim": 3}, "claim is not of type str"),
        (as_record(ANSWER) | {"notes": [None]}, "notes is not a list of texts"),
        (as_record(ANSWER) | {"evidence": [1]}, "is not an answer of schema 1"),
        (as_record(ANSWER) | {"timings_ms": {"bm25": "soon"}}, "'soon' is not a number"),
    ],
)
def test_what_is_not_an_answer_is_refused_with_the_reason(broken: object, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_answer(broken)
