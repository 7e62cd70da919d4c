"""Annotated claims as files: what is written is read back."""

from __future__ import annotations

import csv
import io
import json

import pytest

from data.errors import InputError
from data.notices import Notices
from data.parquet import read_parquet
from data.sources import locate
from pipeline.annotation.output import format_of, write_output

HIT = {
    "rank": 1,
    "doc_id": "d1",
    "text": 'Ice "melts",\nit says',
    "title": None,
    "source": "Notes",
    "url": None,
    "date": "2020",
    "fields": {"page": 7},
    "score": 0.75,
    "truncated": False,
    "stages": {"bm25": {"rank": 2, "score": 1.5}, "dense": None, "fused": None, "rerank": {"rank": 1, "score": 0.75}},
    "stance": {"label": "SUPPORTS", "probabilities": {"SUPPORTS": 0.9}, "truncated": False},
}
FULL = {
    "id": "c1",
    "claim": "ice melts",
    "fields": {"label": "true", "n": 3, "notes": "mine", "tags": ["a", 1]},
    "evidence": [HIT, HIT | {"rank": 2, "doc_id": "d2", "stance": None, "score": None}],
    "summary": {"label": "SUPPORTS", "supports": ["d1"], "refutes": []},
    "nothing_relevant": False,
    "notes": ["First.", "Second."],
    "index": {"path": "ix", "generation": 1, "n_docs": 2},
    "models": {"encoder": "e", "reranker": "r", "stance": None},
}
EMPTY = FULL | {"id": "c2", "fields": {"label": None}, "evidence": [], "summary": None, "notes": []}
FIELDS = {"label": "text", "n": "whole", "notes": "text", "tags": "json"}


def write(path, output_format, records=(FULL, EMPTY), fields=FIELDS):
    write_output(iter(records), path, output_format, fields, title="Title")
    return path


@pytest.mark.parametrize(
    ("name", "output_format"),
    [("a.jsonl", "jsonl"), ("a.b.CSV", "csv"), ("a.parquet", "parquet"), ("a.html", "html")],
)
def test_the_name_says_the_format(tmp_path, name, output_format):
    assert format_of(tmp_path / name) == output_format


@pytest.mark.parametrize("name", ["a", "a.json", "a.jsonl.gz"])
def test_a_name_without_a_format_is_an_error(tmp_path, name):
    with pytest.raises(InputError, match=r"end it in \.jsonl, \.csv, \.parquet, \.html, or give --format"):
        format_of(tmp_path / name)


def test_json_lines_come_back_as_they_were(tmp_path):
    odd = FULL | {"claim": "a\u2028b\u009b \ud83d"}
    text = write(tmp_path / "out", "jsonl", [FULL, EMPTY, odd]).read_text(encoding="utf-8")
    assert [json.loads(line) for line in text.splitlines()] == [FULL, EMPTY, odd]


def test_csv_has_a_row_for_each_piece_of_evidence_and_one_for_a_claim_without(tmp_path):
    content = write(tmp_path / "out", "csv").read_bytes().decode()
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    assert [(row["id"], row["evidence_rank"], row["evidence_id"]) for row in rows] == [
        ("c1", "1", "d1"),
        ("c1", "2", "d2"),
        ("c2", "", ""),
    ]
    first = rows[0]
    assert first["claim"] == "ice melts"
    # A field of the claim whose name is taken stands under another.
    assert (first["notes"], first["field_notes"]) == ("First. Second.", "mine")
    assert (first["label"], first["n"], first["tags"]) == ("true", "3", '["a", 1]')
    assert (first["evidence_text"], first["evidence_score"]) == (HIT["text"], "0.75")
    assert (first["evidence_stance"], first["verdict"], first["nothing_relevant"]) == ("SUPPORTS", "SUPPORTS", "false")
    assert rows[1]["evidence_score"] == rows[1]["evidence_stance"] == rows[2]["verdict"] == rows[2]["label"] == ""
    assert content.count("\r\n") == 4


def test_parquet_holds_the_whole_record_with_typed_fields(tmp_path):
    path = write(tmp_path / "out.parquet", "parquet")

    def fail(error):
        raise error

    first, second = [raw.value for raw in read_parquet(locate(path, folder_file=""), fail, Notices())]
    own = {"label": "true", "n": 3, "field_notes": "mine", "tags": '["a", 1]'}
    assert {name: first[name] for name in own} == own
    for name in ("id", "claim", "summary", "nothing_relevant", "notes", "index", "models"):
        assert first[name] == FULL[name]
    found = first["evidence"][0]
    assert {name: found[name] for name in HIT if name not in ("fields", "stance")} == {
        name: value for name, value in HIT.items() if name not in ("fields", "stance")
    }
    assert json.loads(found["fields"]) == HIT["fields"]
    assert json.loads(found["stance"]["probabilities"]) == HIT["stance"]["probabilities"]
    assert second["evidence"] == []
    assert "label" not in second


def test_a_page_shows_the_claims_under_the_title(tmp_path):
    page = write(tmp_path / "out", "html").read_text()
    assert "Title" in page
    assert "ice melts" in page


@pytest.mark.parametrize("output_format", ["jsonl", "csv", "parquet", "html"])
def test_the_same_records_give_the_same_bytes(tmp_path, output_format):
    write(tmp_path / "one", output_format)
    write(tmp_path / "two", output_format)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_fields_of_one_name_with_ours_and_with_each_other_stay_apart(tmp_path):
    fields = {"claim": "text", "field_claim": "text", "id": "text"}
    record = FULL | {"fields": {"claim": "a", "field_claim": "b", "id": "c"}}
    content = write(tmp_path / "out", "csv", [record], fields).read_bytes().decode()
    (row, _) = csv.DictReader(io.StringIO(content, newline=""))
    assert (row["id"], row["claim"]) == ("c1", "ice melts")
    assert (row["field_field_claim"], row["field_claim"], row["field_id"]) == ("a", "b", "c")


def test_copies_are_counted_in_csv_and_named_in_parquet(tmp_path):
    copy = {"doc_id": "w2", "title": None, "source": "Paper 2", "url": None, "date": "2020-01-02", "text": "Ice melts!"}
    found = FULL | {"evidence": [HIT | {"n_copies": 120, "copies": [copy]}]}
    rows = csv.DictReader(io.StringIO(write(tmp_path / "out", "csv", [found]).read_bytes().decode(), newline=""))
    assert [row["evidence_n_copies"] for row in rows] == ["120"]
    path = write(tmp_path / "out.parquet", "parquet", [found])
    (back,) = [raw.value for raw in read_parquet(locate(path, folder_file=""), print, Notices())]
    assert back["evidence"][0]["n_copies"] == 120
    assert back["evidence"][0]["copies"] == [copy]
