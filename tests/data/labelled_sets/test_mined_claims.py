"""Mined claims: what is written is read back, and bad records are refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.errors import InputError, RecordError
from claimhound.data.labelled_sets.mined_claims import MinedClaim, MinedPassage, read_mined_claims, write_mined_claims

CLAIM = MinedClaim(
    "c1", "Ice melts.", (MinedPassage("d1", "Yes."),), (MinedPassage("d2", "No."), MinedPassage("d3", "Well.", 7))
)
RECORD = {
    "claim_id": "c1",
    "claim": "Ice melts.",
    "positives": [{"doc_id": "d1", "text": "Yes."}],
    "negatives": [{"doc_id": "d2", "text": "No.", "rank": None}, {"doc_id": "d3", "text": "Well.", "rank": 7}],
}

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
positives = st.builds(MinedPassage, texts, texts, st.none())
negatives = st.builds(MinedPassage, texts, texts, st.none() | st.integers(1, 1000))
claims = st.builds(
    MinedClaim, texts, texts, st.lists(positives, min_size=1, max_size=3).map(tuple), st.lists(negatives).map(tuple)
)


def test_a_line_is_a_claim_with_its_evidence_and_negatives(tmp_path):
    path = tmp_path / "mined.jsonl"
    write_mined_claims([CLAIM], path)
    assert json.loads(path.read_text()) == RECORD
    assert read_mined_claims(path) == [CLAIM]


@given(st.lists(claims, min_size=1, max_size=4, unique_by=lambda claim: claim.query_id))
def test_claims_that_are_written_are_read_back(tmp_path_factory, mined):
    path = tmp_path_factory.getbasetemp() / "mined.jsonl"
    write_mined_claims(mined, path)
    assert read_mined_claims(path) == mined


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"claim": " "}, "has no text in field 'claim'"),
        ({"claim_id": 7}, "has no text in field 'claim_id'"),
        ({"positives": []}, "claim 'c1' has no positives"),
        ({"positives": "Yes."}, "has a text, not a list, in field 'positives'"),
        ({"negatives": [{"doc_id": "d2"}]}, "has no text in field 'text'"),
        ({"negatives": [{"text": "No."}]}, "has no text in field 'doc_id'"),
        ({"negatives": ["No."]}, "has a text among the objects in field 'negatives'"),
        ({"negatives": [{"doc_id": "d2", "text": "No.", "rank": 0}]}, "the rank of 'd2' must be a"),
        ({}, "duplicate claim id 'c1', first seen in line 1"),
    ],
)
def test_a_bad_line_is_refused_with_file_and_line(tmp_path, change, reason):
    path = tmp_path / "mined.jsonl"
    path.write_text(f"{json.dumps(RECORD)}\n\n{json.dumps(RECORD | change)}\n")
    with pytest.raises(RecordError, match=reason) as caught:
        read_mined_claims(path)
    assert caught.value.line == 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "contains no mined claims"),
        ("[]", "not a JSON object"),
        ("{", "not valid JSON"),
        ('{"claim": "c"}', "is not a mined claim; 'claimhound mine' writes"),
    ],
)
def test_another_kind_of_file_is_refused(tmp_path, text, reason):
    path = tmp_path / "mined.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=reason):
        read_mined_claims(path)
