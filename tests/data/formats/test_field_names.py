"""The fields that give a record's id and text, and the notices about them."""

import json
from pathlib import Path

import pytest

from claimhound.data.formats.field_names import matches
from claimhound.data.labelled_sets.pairs import read_pairs
from claimhound.data.notices import Notices
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.claims import read_claims
from claimhound.data.readers.documents import read_documents


def claim(folder: Path, *records: dict[str, object], **options: str) -> tuple[list[tuple[str, str]], list[str]]:
    path = folder / "c.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    notices = Notices()
    claims = list(read_claims(path, ReadOptions(**options), notices=notices))  # type: ignore[arg-type]
    return [(c.query_id, c.text) for c in claims], [line.removeprefix(f"{path}: ") for line in notices.lines()]


@pytest.mark.parametrize("name", ["claim", "Claim", "CLAIM", " Claim ", "Claim Text", "claim-text", "claim_reviewed"])
def test_the_more_specific_name_wins_in_any_case(tmp_path: Path, name: str) -> None:
    found, said = claim(tmp_path, {"text": "an article", name: "Ice melts", "ID": 7})
    assert found == [("7", "Ice melts")]
    assert said == [f"claim taken from {name!r}, id from 'ID' (not from 'text')"]


def test_usual_names_give_no_notice(tmp_path: Path) -> None:
    assert claim(tmp_path, {"id": 1, "claim": "Ice"}, {"_id": 2, "text": "Sea", "verdict": "x"})[1] == []


def test_each_kind_of_record_gives_one_notice(tmp_path: Path) -> None:
    _, said = claim(tmp_path, *({"n": n, "Claim": f"Ice {n}"} for n in range(5)))
    assert said == [
        "claim taken from 'Claim'",
        "records have no id; ids are made from the file name and the line",
    ]


def test_an_exact_name_comes_before_one_in_another_case(tmp_path: Path) -> None:
    assert claim(tmp_path, {"ID": 1, "id": 2, "Claim": "Ice", "claim": "Sea"})[0] == [("2", "Sea")]
    assert claim(tmp_path, {"id": 1, "BODY": "Ice", "Body": "Sea"}, text_field="Body")[0] == [("1", "Sea")]
    assert claim(tmp_path, {"id": 1, "BODY": "Ice"}, text_field="body", id_field="Id")[0] == [("1", "Ice")]


def test_names_are_matched_in_order() -> None:
    assert matches(("_id", "id"), ("ID", "id", "_ID")) == ["_ID", "id", "ID"]
    assert matches(("claim text",), ("Claim_Text", "text")) == ["Claim_Text"]


def test_the_field_text_comes_before_the_names_of_parts(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    records = [
        {"id": 1, "sentence": "part", "text": "whole"},
        {"id": 2, "Content": "news"},
        {"id": 3, "articleBody": "more news", "abstract": "short"},
        {"id": 4, "Paragraph": "law"},
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert [d.text for d in read_documents([path])] == ["whole", "news", "more news", "law"]


@pytest.mark.parametrize(("value", "record_id"), [(1.0, "1"), (-3.0, "-3"), (7, "7"), ("1.0", "1.0")])
def test_a_decimal_id_with_a_whole_value_is_that_whole_number(tmp_path: Path, value: object, record_id: str) -> None:
    assert claim(tmp_path, {"id": value, "claim": "Ice"})[0] == [(record_id, "Ice")]


def test_names_of_pairs_match_in_any_case(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("Claim;Evidence;Label\nIce melts;It does;1\n")
    notices = Notices()
    [pair] = read_pairs(path, notices=notices)
    assert (pair.query, pair.text, pair.relevant) == ("Ice melts", "It does", True)
    assert notices.lines()[0] == f"{path}: cells are separated by ';'"
    path.write_text("Ice melts\tIt does\t1\n")
    columns = ReadOptions(columns=("claim", "evidence", "label"), delimiter="tab")
    assert [pair.text for pair in read_pairs(path, reading=columns)] == ["It does"]
