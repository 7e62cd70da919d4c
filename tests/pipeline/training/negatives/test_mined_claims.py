"""Files of mined claims: what is written is read again, and other shapes are refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.errors import InputError, RecordError
from claimhound.data.records import Document, Query
from claimhound.indexes.memory import MemoryIndex
from claimhound.pipeline.search.evidence import EvidencePipeline
from claimhound.pipeline.training.negatives.job import mine_to_file
from claimhound.pipeline.training.negatives.mined_claims import read_mined_claims, write_mined_claims
from claimhound.pipeline.training.negatives.mining import MinedClaim, MinedPassage

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
def test_what_is_written_is_read_again(tmp_path_factory, mined):
    path = tmp_path_factory.mktemp("mined") / "mined.jsonl"
    write_mined_claims(mined, path)
    assert read_mined_claims(path) == mined


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"claim": " "}, "'claim' must be a text that is not empty"),
        ({"claim_id": 7}, "'claim_id' must be a text"),
        ({"positives": []}, "claim 'c1' has no positives"),
        ({"positives": "Yes."}, "'positives' must be a list of passages"),
        ({"negatives": [{"doc_id": "d2"}]}, "each of 'negatives' must have a 'doc_id' and a 'text'"),
        ({"negatives": ["No."]}, "each of 'negatives' must have"),
        ({"negatives": [{"doc_id": "d2", "text": "No.", "rank": 0}]}, "the rank of 'd2' must be a"),
        ({}, "claim 'c1' is there twice, first in line 1"),
    ],
)
def test_a_bad_line_is_refused_with_file_and_line(tmp_path, change, reason):
    path = tmp_path / "mined.jsonl"
    path.write_text(f"{json.dumps(RECORD)}\n\n{json.dumps(RECORD | change)}\n")
    with pytest.raises(RecordError, match=reason) as caught:
        read_mined_claims(path)
    assert caught.value.line == 3


@pytest.mark.parametrize(
    ("text", "reason"), [("", "holds no mined claims"), ("[]", "no JSON object"), ("{", "not JSON")]
)
def test_a_file_of_another_kind_is_refused(tmp_path, text, reason):
    path = tmp_path / "mined.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=reason):
        read_mined_claims(path)


def test_an_interrupted_job_leaves_the_file_that_was_there(tmp_path):
    documents = [Document("d1", "The ice melts."), Document("d2", "The ice grows.")]
    pipeline = EvidencePipeline(MemoryIndex(documents, None), None, None)
    path = tmp_path / "mined.jsonl"
    path.write_text("as it was")

    def interrupt(*_):
        raise KeyboardInterrupt

    arguments = (pipeline, [Query("c1", "ice")], {"c1": {"d1": 1}}, path)
    with pytest.raises(KeyboardInterrupt):
        mine_to_file(*arguments, on_progress=interrupt)
    assert [found.name for found in tmp_path.iterdir()] == ["mined.jsonl"]
    assert path.read_text() == "as it was"
    mine_to_file(*arguments)
    assert read_mined_claims(path)[0].negatives == (MinedPassage("d2", "The ice grows.", 2),)


def test_a_file_that_cannot_be_written_is_refused_before_the_search(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        mine_to_file(None, [], {}, tmp_path / "missing" / "mined.jsonl")
