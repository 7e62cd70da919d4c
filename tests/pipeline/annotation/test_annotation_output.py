"""Output files of annotated claims: written and read back."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.errors import InputError
from claimhound.data.formats.parquet import read_parquet
from claimhound.data.formats.sources import locate
from claimhound.data.readers.claims import read_claims
from claimhound.pipeline.annotation.output import column_names, format_of, write_output

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


def write(path, output_format, records=(FULL, EMPTY), fields=FIELDS, **options):
    write_output(iter(records), path, output_format, fields, title="Title", **options)
    return path


@pytest.mark.parametrize(
    ("name", "output_format"),
    [("a.jsonl", "jsonl"), ("a.b.CSV", "csv"), ("a.parquet", "parquet"), ("a.html", "html")],
)
def test_the_name_determines_the_format(tmp_path, name, output_format):
    assert format_of(tmp_path / name) == output_format


@pytest.mark.parametrize("name", ["a", "a.json", "a.jsonl.gz"])
def test_a_name_without_a_format_is_an_error(tmp_path, name):
    with pytest.raises(InputError, match=r"extension; use \.jsonl, \.csv, \.parquet, \.html, or give --format"):
        format_of(tmp_path / name)


def test_json_lines_come_back_as_they_were(tmp_path):
    odd = FULL | {"claim": "a\u2028b\u009b \ud83d"}
    text = write(tmp_path / "out", "jsonl", [FULL, EMPTY, odd]).read_text(encoding="utf-8")
    assert [json.loads(line) for line in text.splitlines()] == [FULL, EMPTY, odd]


def csv_rows(path):
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def test_csv_has_a_row_for_each_piece_of_evidence_and_one_for_a_claim_without(tmp_path):
    rows = csv_rows(write(tmp_path / "out", "csv"))
    assert [(row["id"], row["evidence_rank"], row["evidence_id"]) for row in rows] == [
        ("c1", "1", "d1"),
        ("c1", "2", "d2"),
        ("c2", "", ""),
    ]
    first = rows[0]
    assert first["claim"] == "ice melts"
    # A field of the claim whose name is taken gets another name.
    assert (first["notes"], first["field_notes"]) == ("First. Second.", "mine")
    assert (first["label"], first["n"], first["tags"]) == ("true", "3", '["a", 1]')
    assert (first["evidence_text"], first["evidence_score"]) == (HIT["text"], "0.75")
    assert (first["evidence_stance"], first["verdict"], first["nothing_relevant"]) == ("SUPPORTS", "SUPPORTS", "false")
    assert rows[1]["evidence_score"] == rows[1]["evidence_stance"] == rows[2]["verdict"] == rows[2]["label"] == ""
    assert (tmp_path / "out").read_bytes().count(b"\r\n") == 4


def test_parquet_holds_the_whole_record_with_typed_fields(tmp_path):
    path = write(tmp_path / "out.parquet", "parquet")

    first, second = [raw.value for raw in read_parquet(locate(path, folder_file=""))]
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


def test_fields_with_the_same_names_as_ours_or_as_each_other_are_kept_apart(tmp_path):
    fields = {"claim": "text", "field_claim": "text", "id": "text"}
    record = FULL | {"fields": {"claim": "a", "field_claim": "b", "id": "c"}}
    (row, _) = csv_rows(write(tmp_path / "out", "csv", [record], fields))
    assert (row["id"], row["claim"]) == ("c1", "ice melts")
    assert (row["field_field_claim"], row["field_claim"], row["field_id"]) == ("a", "b", "c")
    fields = {"Claim": "text", "score": "text", "Label": "text", "label": "text", "verdict": "text"}
    assert column_names(fields, "csv") == {
        "Claim": "field_Claim", "score": "score", "Label": "Label", "label": "field_label", "verdict": "field_verdict",
    }  # fmt: skip
    assert column_names(fields, "parquet")["verdict"] == "verdict"
    assert column_names(fields, "jsonl") == {}


def test_a_csv_is_utf_8_for_a_spreadsheet_and_no_text_in_it_is_a_formula(tmp_path):
    texts = [
        "=1+2",
        "-x",
        "+x",
        "@x",
        " =1",
        "\t1",
        "\rx",
        "\u200b@x",
        "\uff1d1",
        "\uff0b1+1",
        "\ufe631-1",
        "'=1",
        "''-x",
    ]
    safe = [
        "x=1",
        "'quoted' at first",
        "2020-01-02",
        "007",
        "8E5",
        "-1",
        "-1.5",
        "+4.2e-7",
        "-1,000.5",
        "-3%",
        "",
        "\u2013 x",
    ]
    fields = {"=name": "text", "n": "number"}
    records = [FULL | {"fields": {"=name": text, "n": -1.5}, "evidence": []} for text in texts + safe]
    path = write(tmp_path / "out.csv", "csv", records, fields)
    assert path.read_bytes().startswith(b"\xef\xbb\xbfid,claim,'=name,n,")
    rows = csv_rows(path)
    assert [row["'=name"] for row in rows] == [f"'{text}" for text in texts] + safe
    assert {row["n"] for row in rows} == {"-1.5"}
    assert list(rows[0])[-1] == "a ' before = + - @ is added"
    plain = write(tmp_path / "plain.csv", "csv", records, fields, plain_csv=True)
    assert plain.read_bytes().startswith(b"id,claim,=name,n,")
    assert [row["=name"] for row in csv_rows(plain)] == texts + safe
    assert list(csv_rows(plain)[0])[-1] == "known"


# A reader strips white space around names and ids, and a lone surrogate cannot be encoded in UTF-8.
names = st.text("ab=+-@'\uff1d\r\n,;\"", min_size=1, max_size=4).filter(lambda name: name == name.strip())
texts = st.text(st.sampled_from("=+-@'\uff1d\t\r\n ,;\"1.5Ee\u200b\ufeffx") | st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.dictionaries(names, texts, max_size=3), min_size=1, max_size=3), st.booleans())
def test_our_own_reader_gives_back_the_texts_of_a_csv(tmp_path_factory, found, plain_csv):
    path = tmp_path_factory.mktemp("csv") / "out.csv"
    fields = dict.fromkeys((name for record in found for name in record), "text")
    records = [FULL | {"id": f"c{n}", "fields": own, "evidence": []} for n, own in enumerate(found)]
    write(path, "csv", records, fields, plain_csv=plain_csv)
    columns = column_names(fields, "csv")
    claims = list(read_claims(path))
    assert [claim.query_id for claim in claims] == [record["id"] for record in records]
    for claim, own in zip(claims, found, strict=True):
        assert claim.text == FULL["claim"]
        assert {name: claim.fields[columns[name]] for name in fields} == {name: own.get(name, "") for name in fields}
        assert "a ' before = + - @ is added" not in claim.fields


def test_copies_are_counted_in_csv_and_named_in_parquet(tmp_path):
    copy = {"doc_id": "w2", "title": None, "source": "Paper 2", "url": None, "date": "2020-01-02", "text": "Ice melts!"}
    found = FULL | {"evidence": [HIT | {"n_copies": 120, "copies": [copy]}]}
    rows = csv_rows(write(tmp_path / "out", "csv", [found]))
    assert [row["evidence_n_copies"] for row in rows] == ["120"]
    path = write(tmp_path / "out.parquet", "parquet", [found])
    (back,) = [raw.value for raw in read_parquet(locate(path, folder_file=""))]
    assert back["evidence"][0]["n_copies"] == 120
    assert back["evidence"][0]["copies"] == [copy]
