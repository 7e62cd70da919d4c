"""Claims with one piece of evidence per row, such as SciFact on the Hub and CLIMATE-FEVER in tables."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from claimhound.data.errors import RecordError
from claimhound.data.labelled_sets.judgments import read_qrels
from claimhound.data.readers.claims import read_claims
from claimhound.data.records import Query


def scifact_row(doc_id: str, sentences: list[int], label: str = "SUPPORT", **fields: Any) -> dict[str, Any]:
    row = {
        "id": 70, "claim": "Ice melts.", "evidence_doc_id": doc_id, "evidence_label": label,
        "evidence_sentences": sentences, "cited_doc_ids": [31, 7, 9],
    }  # fmt: skip
    return row | fields


def climate_row(claim_id: str, doc_id: str, label: str, **fields: Any) -> dict[str, Any]:
    return {
        "claim_id": claim_id, "claim": f"Claim {claim_id}.", "claim_label": "SUPPORTS", "evidence_id": doc_id,
        "evidence_label": label, "evidence": f"About {doc_id}.", **fields,
    }  # fmt: skip


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_the_rows_of_a_claim_are_joined_in_the_form_of_its_data_set(tmp_path: Path) -> None:
    other = scifact_row("", [], "", id=71, claim="Seas rise.", cited_doc_ids=[5])
    rows = [scifact_row("31", [5, 6]), other, scifact_row("7", [1], "CONTRADICT"), scifact_row("31", [0])]
    path = write(tmp_path / "a.jsonl", *rows)
    evidence = {
        "31": [{"sentences": [5, 6], "label": "SUPPORT"}, {"sentences": [0], "label": "SUPPORT"}],
        "7": [{"sentences": [1], "label": "CONTRADICT"}],
    }
    assert list(read_claims(path)) == [
        Query("70", "Ice melts.", {"evidence": evidence, "cited_doc_ids": [31, 7, 9]}),
        Query("71", "Seas rise.", {"evidence": {}, "cited_doc_ids": [5]}),
    ]
    assert read_qrels(path) == {"70": {"31": 1, "7": 1, "9": 0}, "71": {"5": 0}}
    assert read_qrels(path, level="sentence") == {"70": {"31#0": 1, "31#5": 1, "31#6": 1, "7#1": 1}}


def test_a_claim_without_evidence_fields_keeps_its_cited_documents(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", scifact_row("31", [1]), {"id": 2, "claim": "c", "cited_doc_ids": [8]})
    assert read_qrels(path) == {"2": {"8": 0}, "70": {"31": 1, "7": 0, "9": 0}}


def test_labelled_pairs_are_judged_like_their_joined_claims(tmp_path: Path) -> None:
    rows = [
        climate_row("0", "Ice:1", "SUPPORTS", row=1, topic="ice"),
        climate_row("1", "Sea:1", "NOT_ENOUGH_INFO", row=2, topic="sea"),
        climate_row("0", "Ice:2", "NOT_ENOUGH_INFO", row=3, topic="ice"),
    ]
    path = write(tmp_path / "a.jsonl", *rows)
    assert read_qrels(path) == {"0": {"Ice:1": 1, "Ice:2": 0}, "1": {"Sea:1": 0}}
    first, second = read_claims(path)
    assert first == Query(
        "0",
        "Claim 0.",
        {
            "claim_label": "SUPPORTS",
            "topic": "ice",
            "evidences": [
                {"evidence_id": "Ice:1", "evidence_label": "SUPPORTS", "evidence": "About Ice:1.", "row": 1},
                {"evidence_id": "Ice:2", "evidence_label": "NOT_ENOUGH_INFO", "evidence": "About Ice:2.", "row": 3},
            ],
        },
    )
    assert (second.query_id, second.fields["row"]) == ("1", 2)


def test_a_claim_without_a_label_has_not_enough_info_if_all_of_its_evidence_does(tmp_path: Path) -> None:
    rows = [climate_row("0", "a", "REFUTES"), climate_row("0", "b", "NOT_ENOUGH_INFO")]
    rows += [climate_row("1", "a", "NOT_ENOUGH_INFO"), climate_row("1", "b", "NOT_ENOUGH_INFO")]
    for row in rows:
        del row["claim_label"]
    assert read_qrels(write(tmp_path / "a.jsonl", *rows)) == {"0": {"a": 1, "b": 0}, "1": {"a": 1, "b": 1}}


def test_the_id_of_a_row_is_not_the_id_of_its_claim(tmp_path: Path) -> None:
    rows = [climate_row("0", "a", "REFUTES", id=10), climate_row("0", "b", "REFUTES", id=11)]
    rows.append(climate_row("1", "c", "REFUTES", id=12))
    assert [claim.query_id for claim in read_claims(write(tmp_path / "a.jsonl", *rows))] == ["0", "1"]
    assert list(read_qrels(tmp_path / "a.jsonl")) == ["0", "1"]


def test_lists_in_table_cells_are_json(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(scifact_row("", [])))
        writer.writeheader()
        writer.writerow(scifact_row("31", [5, 6]))
    assert read_qrels(path, level="sentence") == {"70": {"31#5": 1, "31#6": 1}}
    path.write_text(path.read_text().replace("[5, 6]", "[5 6]"))
    with pytest.raises(RecordError, match=r"a.csv:2: the field 'evidence_sentences' is not a list such as \[5, 6\]$"):
        read_qrels(path)


def test_rows_with_one_id_and_different_claims_are_rejected(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", scifact_row("31", [1]), scifact_row("7", [1], claim="Seas  rise."))
    reason = f"{path}:2: claim '70' has a different text here than at {path}:1"
    with pytest.raises(RecordError) as caught:
        read_qrels(path)
    assert str(caught.value) == reason
    skipped: list[RecordError] = []
    assert [claim.text for claim in read_claims(path, on_error="skip", skipped=skipped)] == ["Ice melts."]
    assert [str(error) for error in skipped] == [reason]


def test_a_table_of_judgments_with_labels_is_read_as_judgments(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("claim_id,evidence_id,evidence_label,score\n1,a,SUPPORTS,1\n1,b,NOT_ENOUGH_INFO,0\n")
    assert read_qrels(path) == {"1": {"a": 1, "b": 0}}


def test_a_duplicate_claim_id_in_another_file_is_still_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {"id": 1, "claim": "c"}, {"id": 1, "claim": "c"})
    with pytest.raises(RecordError, match=r":2: duplicate id '1', first seen at "):
        list(read_claims(path))
