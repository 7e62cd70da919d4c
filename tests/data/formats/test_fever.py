"""FEVER's pages and claims, and the Hub's form of the claims with one piece of evidence per row."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from claimhound.data.errors import RecordError
from claimhound.data.labelled_sets.judgments import Judgments, read_judgments
from claimhound.data.notices import Notices
from claimhound.data.readers.claims import read_claims
from claimhound.data.readers.documents import read_documents
from claimhound.data.records import Document
from claimhound.data.text.sentences import split_document

SPLIT = "Robert Reed -LRB- born 1938 -RRB- was an actor ."
PAGE = {
    "id": "Savages_-LRB-film-RRB-",
    "text": f"{SPLIT} It was shot in Malta .",
    "lines": f"0\t{SPLIT}\tactor\tActor\n1\t\n2\tIt was shot in Malta .\tMalta\tMalta\n3\t",
}
BLANK = {"id": "", "text": "", "lines": ""}


def write(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return path


def judge(folder: Path, *claims: dict[str, Any]) -> Judgments:
    return read_judgments(write(folder / "claims.jsonl", claims))


def test_a_page_becomes_its_numbered_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "wiki-001.jsonl", [PAGE])
    name = "Savages_-LRB-film-RRB-"
    start = len(SPLIT) + 1
    expected = [
        Document(
            f"{name}#0", "Robert Reed (born 1938) was an actor.", "Savages (film)", parent_id=name,
            span=(0, len(SPLIT)),
        ),
        Document(f"{name}#2", "It was shot in Malta.", "Savages (film)", parent_id=name, span=(start, start + 22)),
    ]  # fmt: skip
    documents = list(read_documents([path]))
    assert documents == expected
    assert PAGE["text"][start : start + 22] == "It was shot in Malta ."
    assert [piece for document in documents for piece in split_document(document)] == expected


def test_pages_without_a_sentence_are_left_out_and_counted(tmp_path: Path) -> None:
    empty = {"id": "Nothing", "text": "", "lines": "0\t\n1\t"}
    path = write(tmp_path / "a.jsonl", [BLANK, PAGE, empty])
    notices = Notices()
    assert [document.parent_id for document in read_documents([path], notices=notices)] == [PAGE["id"]] * 2
    assert notices.lines() == [f"{path}: pages without a sentence, left out: 2 (the first in line 1)"]


def test_a_line_without_a_number_continues_the_previous_one(tmp_path: Path) -> None:
    page = {"id": "P", "text": "One long line . Two .", "lines": "0\tOne long\nline .\tlink\n1\tTwo ."}
    documents = list(read_documents([write(tmp_path / "a.jsonl", [page])]))
    assert [(document.doc_id, document.text) for document in documents] == [("P#0", "One long line."), ("P#1", "Two.")]


def test_a_sentence_that_differs_from_its_page_has_no_span(tmp_path: Path) -> None:
    page = {"id": "P", "text": "Other words . Two .", "lines": "0\tOne .\n1\tTwo ."}
    spans = [document.span for document in read_documents([write(tmp_path / "a.jsonl", [page])])]
    assert spans == [None, (14, 19)]


def test_a_document_with_another_field_named_lines_is_not_split(tmp_path: Path) -> None:
    record = {"id": "a", "text": "One. Two.", "lines": "12"}
    assert list(read_documents([write(tmp_path / "a.jsonl", [record])])) == [
        Document("a", "One. Two.", fields={"lines": "12"})
    ]


def claim(number: int, evidence: list[Any], label: str = "SUPPORTS") -> dict[str, Any]:
    return {"id": number, "verifiable": "VERIFIABLE", "label": label, "claim": f"Claim {number}.", "evidence": evidence}


def test_each_whole_set_of_evidence_is_sufficient(tmp_path: Path) -> None:
    sets = [[[1, 2, "A", 0], [1, 2, "B", 7]], [[3, 4, "C", 1]], [[3, 5, "C", 1]]]
    nothing = claim(8, [[[6, None, None, None]]], "NOT ENOUGH INFO")
    assert judge(tmp_path, claim(7, sets), nothing) == (
        {"7": {"A#0": 1, "B#7": 1, "C#1": 1}},
        {"7": [{"A#0", "B#7"}, {"C#1"}, {"C#1"}]},
    )


def test_page_names_match_in_any_unicode_form(tmp_path: Path) -> None:
    apart = unicodedata.normalize("NFD", "Beyoncé")
    page = {"id": apart, "text": "She sings .", "lines": "0\tShe sings ."}
    (document,) = read_documents([write(tmp_path / "a.jsonl", [page])])
    judged = judge(tmp_path, claim(1, [[[1, 2, unicodedata.normalize("NFC", "Beyoncé"), 0]]]))
    assert judged.qrels == {"1": {document.doc_id: 1}}
    assert judge(tmp_path, claim(1, [[[1, 2, apart, 0]]])) == judged


def test_feverous_claims_name_sets_of_ids(tmp_path: Path) -> None:
    evidence = [
        {"content": ["Malta_sentence_1", "Malta_cell_0_1_2"], "context": {}},
        {"content": ["Gozo_sentence_0"], "context": {}},
    ]
    assert judge(tmp_path, claim(1, evidence)) == (
        {"1": {"Malta_sentence_1": 1, "Malta_cell_0_1_2": 1, "Gozo_sentence_0": 1}},
        {"1": [{"Malta_sentence_1", "Malta_cell_0_1_2"}, {"Gozo_sentence_0"}]},
    )


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (
            [["Malta", "A sentence."]],
            "claim '1' has a list as evidence with items that are not sets; each set is ",
        ),
        (["A sentence."], "claim '1' has a list as evidence with items that are not sets; each set is "),
        ([[[1, 2, "Malta", None]]], "claim '1' names line None of page 'Malta'; lines are numbers from 0"),
        ([[[1, 2, "Malta", -1]]], "claim '1' names line -1 of page 'Malta'; lines are numbers from 0"),
        ([{"content": [None]}], "the id in field 'content' is null, not a text or a whole number"),
    ],
)
def test_other_evidence_lists_are_errors_that_name_the_claim(tmp_path: Path, evidence: list[Any], reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        judge(tmp_path, claim(1, evidence))
    assert str(caught.value).startswith(f"{tmp_path / 'claims.jsonl'}:1: {reason}")


def test_rows_of_one_claim_become_its_sets_of_evidence(tmp_path: Path) -> None:
    def row(number: int, annotation: int, evidence: int, page: str, line: int) -> dict[str, Any]:
        return {
            "id": number, "label": "SUPPORTS", "claim": f"Claim {number}.", "evidence_annotation_id": annotation,
            "evidence_id": evidence, "evidence_wiki_url": page, "evidence_sentence_id": line,
        }  # fmt: skip

    rows = [row(1, 5, 6, "A", 0), row(2, 8, -1, "", -1), row(1, 5, 6, "B", 2), row(1, 5, 7, "C", 1)]
    assert judge(tmp_path, *rows) == ({"1": {"A#0": 1, "B#2": 1, "C#1": 1}}, {"1": [{"A#0", "B#2"}, {"C#1"}]})
    claims = list(read_claims(tmp_path / "claims.jsonl"))
    assert [(one.query_id, one.text, one.fields["label"]) for one in claims] == [
        ("1", "Claim 1.", "SUPPORTS"),
        ("2", "Claim 2.", "SUPPORTS"),
    ]
    assert claims[0].fields["evidence"] == [[[5, 6, "A", 0], [5, 6, "B", 2]], [[5, 7, "C", 1]]]
