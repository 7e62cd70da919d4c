import io
import sys
from pathlib import Path

import pytest

from claimhound.data.errors import InputError, RecordError
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.claims import read_claims
from claimhound.data.records import Query

SHAPES = {
    "beir.jsonl": '{"_id": "c1", "text": "Ice melts.", "label": "SUPPORTS"}\n',
    "scifact.jsonl": '{"id": "c1", "claim": "Ice melts.", "label": "SUPPORTS"}\n',
    "course.json": '{"c1": {"claim_text": "Ice melts.", "label": "SUPPORTS"}}',
    "table.csv": "query_id,statement,label\nc1,Ice melts.,SUPPORTS\n",
    "table.tsv": "claim_id\tquestion\tlabel\nc1\tIce melts.\tSUPPORTS\n",
    "other.ndjson": '{"qid": "c1", "query": "Ice melts.", "label": "SUPPORTS"}\n',
}


@pytest.mark.parametrize("name", list(SHAPES))
def test_every_shape_gives_the_same_claim(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(SHAPES[name])
    assert list(read_claims(path)) == [Query("c1", "Ice melts.", {"label": "SUPPORTS"})]


def test_plain_claims_get_ids_from_file_and_line(tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("Ice melts.\n\nSeas rise.\n")
    mapping = tmp_path / "b.json"
    mapping.write_text('{"c1": "Ice melts."}')
    assert list(read_claims(text)) == [Query("a:1", "Ice melts."), Query("a:3", "Seas rise.")]
    assert list(read_claims(mapping)) == [Query("c1", "Ice melts.")]


def test_claims_are_read_from_standard_input_one_per_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("Ice “melts”.\r\nSeas rise.".encode())))
    assert list(read_claims("-")) == [Query("stdin:1", "Ice “melts”."), Query("stdin:2", "Seas rise.")]


def test_a_beir_folder_is_read_by_its_queries(tmp_path: Path) -> None:
    (tmp_path / "queries-dev.jsonl").write_text(SHAPES["beir.jsonl"])
    with pytest.raises(InputError) as caught:
        read_claims(tmp_path)
    reason = "is a folder without queries.jsonl (plain, .gz, .xz or .zst); it contains queries-dev.jsonl"
    assert str(caught.value) == f"{tmp_path}: {reason}; name one of these files"
    (tmp_path / "queries.jsonl").write_text(SHAPES["beir.jsonl"])
    assert [claim.query_id for claim in read_claims(tmp_path)] == ["c1"]


def test_given_field_names_come_before_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "text": "t", "tweet": "u", "n": 2}')
    options = ReadOptions(id_field="n", text_field="tweet")
    assert list(read_claims(path, options)) == [Query("2", "u", {"id": 1, "text": "t"})]


def test_bad_claims_are_errors_or_are_skipped_and_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "text": "t"}\n{"id": 2}\n{"id": 1, "claim": "u"}\n{"id": 3, "claim": "v"}\n')
    names = "claim_text, claimreviewed, statement, query, question, claimtext, …"
    missing = f"missing field 'claim' (or {names}); the record has only id"
    with pytest.raises(RecordError) as caught:
        list(read_claims(path))
    assert str(caught.value) == f"{path}:2: {missing}"
    assert (caught.value.source, caught.value.line, caught.value.reason) == (str(path), 2, missing)
    skipped: list[RecordError] = []
    assert [claim.query_id for claim in read_claims(path, on_error="skip", skipped=skipped)] == ["1", "3"]
    assert [str(error) for error in skipped] == [
        f"{path}:2: {missing}",
        f"{path}:3: duplicate id '1', first seen at {path}:1",
    ]
