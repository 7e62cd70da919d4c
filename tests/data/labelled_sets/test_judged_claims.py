import json
from pathlib import Path
from typing import Any

import pytest

from claimhound.data.errors import InputError, RecordError
from claimhound.data.labelled_sets.judged_claims import Level
from claimhound.data.labelled_sets.judgments import read_qrels
from claimhound.data.readers.documents import read_documents
from claimhound.data.records import Document, Qrels
from claimhound.data.text.sentences import split_document


def judge(folder: Path, *claims: dict[str, Any], level: Level = "document") -> Qrels:
    path = folder / "claims.jsonl"
    path.write_text("".join(f"{json.dumps(claim)}\n" for claim in claims))
    return read_qrels(path, level=level)


def scifact_claim(**fields: object) -> dict[str, Any]:
    evidence = {
        "31": [{"sentences": [2, 5], "label": "SUPPORT"}, {"sentences": [5, 0], "label": "SUPPORT"}],
        "7": [{"sentences": [1], "label": "CONTRADICT"}],
    }
    return {"id": 1, "claim": "Ice melts.", "evidence": evidence, "cited_doc_ids": [7, 9, 31], **fields}


def climate_fever_claim(claim_label: str, **fields: object) -> dict[str, Any]:
    labels = {"Ice:1": "SUPPORTS", "Ice:2": "REFUTES", "Sea ice:3": "NOT_ENOUGH_INFO"}
    evidences = [{"evidence_id": doc_id, "evidence_label": label} for doc_id, label in labels.items()]
    return {"claim_id": "c", "claim": "Ice melts.", "claim_label": claim_label, "evidences": evidences, **fields}


def test_abstracts_with_a_rationale_are_relevant_and_other_cited_ones_are_not(tmp_path: Path) -> None:
    assert judge(tmp_path, scifact_claim()) == {"1": {"31": 1, "7": 1, "9": 0}}


@pytest.mark.parametrize(("fields", "expected"), [({"doc_ids": [5]}, {"1": {"5": 0}}), ({}, {})])
def test_a_claim_without_evidence_has_only_its_cited_documents(
    tmp_path: Path, fields: dict[str, object], expected: Qrels
) -> None:
    without = {"id": 1, "claim": "Ice melts.", "evidence": {}, **fields}
    assert judge(tmp_path, without, scifact_claim(id=2, cited_doc_ids=[])) == expected | {"2": {"31": 1, "7": 1}}


def test_sentences_of_rationales_are_named_as_sentences_of_a_split_document(tmp_path: Path) -> None:
    expected = {"1": {"31#0": 1, "31#2": 1, "31#5": 1, "7#1": 1}}
    assert judge(tmp_path, scifact_claim(), level="sentence") == expected
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"doc_id": 7, "abstract": ["Ice melts.", "Seas rise."]}\n')
    (abstract,) = read_documents([corpus])
    assert [sentence.doc_id for sentence in split_document(abstract)] == ["7#0", "7#1"]
    assert abstract == Document("7", "Ice melts. Seas rise.")


def test_sources_without_sentences_cannot_be_read_by_sentence(tmp_path: Path) -> None:
    table = tmp_path / "a.tsv"
    table.write_text("q d 1\n")
    named = tmp_path / "a.csv"
    named.write_text("qid,docid,rel\nq,d,1\n")
    for path in (table, named):
        with pytest.raises(InputError) as caught:
            read_qrels(path, level="sentence")
        reason = "judgments of sentences can be read only from claims in the shape of SciFact or FEVER"
        assert str(caught.value) == f"{path}: {reason}"
    with pytest.raises(RecordError, match=r":1: claim 'c' names documents, not sentences$"):
        judge(tmp_path, climate_fever_claim("SUPPORTS"), level="sentence")


@pytest.mark.parametrize(
    ("claim_label", "expected"),
    [
        ("SUPPORTS", {"Ice:1": 1, "Ice:2": 1, "Sea ice:3": 0}),
        ("REFUTES", {"Ice:1": 1, "Ice:2": 1, "Sea ice:3": 0}),
        ("DISPUTED", {"Ice:1": 1, "Ice:2": 1, "Sea ice:3": 0}),
        ("NOT_ENOUGH_INFO", {"Ice:1": 1, "Ice:2": 1, "Sea ice:3": 1}),
    ],
)
def test_the_label_of_the_claim_decides_which_evidence_is_relevant(
    tmp_path: Path, claim_label: str, expected: dict[str, int]
) -> None:
    assert judge(tmp_path, climate_fever_claim(claim_label)) == {"c": expected}


def test_judged_claims_may_be_the_values_of_an_object(tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    path.write_text(json.dumps({"a": scifact_claim(), "b": climate_fever_claim("SUPPORTS"), "c": {"evidences": [4]}}))
    assert read_qrels(path) == {
        "a": {"31": 1, "7": 1, "9": 0},
        "b": {"Ice:1": 1, "Ice:2": 1, "Sea ice:3": 0},
        "c": {"4": 1},
    }


LABELS = "expected one of SUPPORTS, REFUTES, NOT_ENOUGH_INFO"


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (scifact_claim(evidence={"7": []}), "claim '1' names '7' as evidence without a sentence of it"),
        (
            scifact_claim(evidence={"7": [{"label": "SUPPORT"}]}),
            "claim '1' has a rationale in '7' without 'sentences', a list of numbers from 0",
        ),
        (
            scifact_claim(evidence={"7": [{"sentences": [-1]}]}),
            "claim '1' has a rationale in '7' without 'sentences', a list of numbers from 0",
        ),
        (scifact_claim(evidence={" ": [{"sentences": [1]}]}), "the id in field 'evidence' is blank"),
        (scifact_claim(cited_doc_ids="7"), "claim '1' has a text, not a list, in field 'cited_doc_ids' or 'doc_ids'"),
        (
            scifact_claim(cited_doc_ids=[7.5]),
            "the id in field 'cited_doc_ids' is a number, not a text or a whole number",
        ),
        (scifact_claim(id=None), "the id in field 'id' is null, not a text or a whole number"),
        (climate_fever_claim("SUPPORT"), f"claim 'c' has the claim_label 'SUPPORT'; {LABELS}, DISPUTED"),
        (
            climate_fever_claim("SUPPORTS", evidences=[{"evidence_id": "a"}]),
            f"claim 'c' has no 'evidence_label'; {LABELS}",
        ),
        (
            climate_fever_claim("SUPPORTS", evidences=[{"evidence_id": "a", "evidence_label": 0}]),
            "claim 'c' has the evidence_label 0, a number; name the labels in their order, for example --label-names "
            "SUPPORTS,REFUTES,NOT_ENOUGH_INFO,DISPUTED",
        ),
        (
            climate_fever_claim("SUPPORTS", evidences=[{"evidence_label": "REFUTES"}]),
            "claim 'c' lists an evidence without 'evidence_id'",
        ),
        (
            climate_fever_claim("SUPPORTS", evidences=[{"evidence_id": "a", "evidence_label": "REFUTES"}, "b"]),
            "claim 'c' has a text among the objects in field 'evidences'",
        ),
    ],
)
def test_a_claim_of_another_shape_is_an_error_with_its_id(tmp_path: Path, claim: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        judge(tmp_path, scifact_claim(id="good"), claim)
    assert str(caught.value) == f"{tmp_path / 'claims.jsonl'}:2: {reason}"


def test_one_evidence_with_two_labels_is_an_error(tmp_path: Path) -> None:
    evidences = [{"evidence_id": "a", "evidence_label": label} for label in ("REFUTES", "NOT_ENOUGH_INFO")]
    with pytest.raises(RecordError, match=r":1: 'c' and 'a' are judged 0 here and 1 at line 1$"):
        judge(tmp_path, climate_fever_claim("SUPPORTS", evidences=evidences))
