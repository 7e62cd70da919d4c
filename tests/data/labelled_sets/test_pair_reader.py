from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest

from claimhound.data.errors import InputError, RecordError
from claimhound.data.labelled_sets.pairs import JudgedPair, read_pairs

SHAPES = {
    "pairs.jsonl": '{"id": 7, "claim": " Ice melts.", "evidence": ["It", "thaws."], "label": 1}\n'
    '{"id": 7, "claim": "Ice melts.", "evidence": "Wind.", "label": false}\n',
    "query.ndjson": '{"pair_id": "7", "query": "Ice melts.", "text": "It thaws.", "relevant": true, "score": 3}\n'
    '{"pair_id": "7", "query": "Ice melts.", "text": "Wind.", "relevant": 0.0, "score": 4}\n',
    "glue.tsv": "id\tsentence1\tsentence2\tscore\n7\tIce melts.\tIt thaws.\t1.0\n7\tIce melts.\tWind.\t0\n",
    "nli.csv": "id,hypothesis,premise,label\n7,Ice melts.,It thaws.,TRUE\n7,Ice melts.,Wind.,false\n",
    "list.json": '[{"_id": "7", "claim": "Ice melts.", "passage": "It thaws.", "label": "1"},'
    '{"_id": "7", "claim": "Ice melts.", "passage": "Wind.", "label": "0"}]',
}
PAIRS = [JudgedPair("7", "Ice melts.", "It thaws.", True), JudgedPair("7", "Ice melts.", "Wind.", False)]


@pytest.mark.parametrize("name", list(SHAPES))
def test_every_shape_gives_the_same_pairs(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(SHAPES[name])
    assert read_pairs(path) == PAIRS


def test_compressed_files_and_parquet_are_read(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    packed, table = tmp_path / "pairs.jsonl.gz", tmp_path / "pairs.parquet"
    packed.write_bytes(gzip.compress(SHAPES["pairs.jsonl"].encode()))
    columns = {"id": [7, 7], "claim": ["Ice melts."] * 2, "evidence": ["It thaws.", "Wind."], "label": [1, 0]}
    parquet.write_table(pyarrow.table(columns), table)
    assert read_pairs(packed) == read_pairs(table) == PAIRS


def test_standard_input_is_json_lines_and_pairs_without_an_id_get_one_from_the_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = b'{"claim": "Ice melts.", "evidence": "It thaws.", "label": 1}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n" + line)))
    assert read_pairs("-") == [JudgedPair("stdin:2", "Ice melts.", "It thaws.", True)]


def test_given_fields_come_before_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "rte.jsonl"
    path.write_text('{"sentence1": "It thaws.", "sentence2": "Ice melts.", "label": 9, "gold": 1}')
    found = read_pairs(path, claim_field="sentence2", evidence_field="sentence1", label_field="gold")
    assert found == [JudgedPair("rte:1", "Ice melts.", "It thaws.", True)]


@pytest.mark.parametrize(
    ("label", "relevant"),
    [('"SUPPORTS"', True), ('"supports"', False), ("2", True), ("1", False), ("true", False), ("2.0", True)],
)
def test_exactly_the_named_labels_are_relevant(tmp_path: Path, label: str, relevant: bool) -> None:
    path = tmp_path / "a.jsonl"
    both = '{"claim": "c", "evidence": "e", "label": "SUPPORTS"}\n{"claim": "c", "evidence": "e", "label": 2}\n'
    path.write_text(f'{{"claim": "c", "evidence": "e", "label": {label}}}\n{both}')
    assert read_pairs(path, positive=["SUPPORTS", "2"])[0].relevant is relevant


def test_a_named_label_that_no_pair_has_is_an_error_that_lists_the_existing_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("claim,evidence,label\nc,e,REFUTES\nc,f,SUPPORTS\n")
    with pytest.raises(InputError) as caught:
        read_pairs(path, positive=["Supports"])
    assert str(caught.value) == f"{path}: no pair has the label 'Supports'; the labels are REFUTES, SUPPORTS"


BAD = {
    '{"evidence": "e", "label": 1}': "missing field 'claim' (or claim_text, query, question, statement, hypothesis, "
    "sentence1); the record has only evidence, label",
    '{"claim": "c", "label": 1}': "missing field 'evidence' (or text, passage, document, sentence, premise, sentence2);"
    " the record has only claim, label",
    '{"claim": "c", "evidence": "e"}': "missing field 'label' (or relevant, relevance, score); the record has only "
    "claim, evidence",
    '{"claim": " ", "evidence": "e", "label": 1}': "the text in field 'claim' is blank",
    '{"claim": "c", "evidence": "\\t", "label": 1}': "the text in field 'evidence' is blank",
    '{"claim": "c", "evidence": "e", "label": " "}': "the label in field 'label' is blank",
    '{"claim": "c", "evidence": "e", "label": null}': "the label in field 'label' is null",
    '{"claim": "c", "evidence": "e", "label": 2}': "the label is '2', not 1, 0, true or false; "
    "name the relevant labels with --positive",
    '{"claim": "c", "evidence": "e", "label": "SUPPORTS"}': "the label is 'SUPPORTS', not 1, 0, true or false; "
    "name the relevant labels with --positive",
    '{"id": "", "claim": "c", "evidence": "e", "label": 1}': "the id in field 'id' is blank",
    "{": "not valid JSON, column 2: Expecting property name enclosed in double quotes",
}


@pytest.mark.parametrize("line", list(BAD))
def test_a_bad_pair_is_an_error_with_its_line_or_is_skipped_and_listed(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"claim": "c", "evidence": "e", "label": 1}\n' + line + "\n")
    with pytest.raises(RecordError) as caught:
        read_pairs(path)
    assert str(caught.value) == f"{path}:2: {BAD[line]}"
    skipped: list[RecordError] = []
    assert read_pairs(path, on_error="skip", skipped=skipped) == [JudgedPair("a:1", "c", "e", True)]
    assert list(map(str, skipped)) == [f"{path}:2: {BAD[line]}"]


def test_sources_without_pairs_are_errors(tmp_path: Path) -> None:
    text, empty, bad = tmp_path / "a.txt", tmp_path / "b.jsonl", tmp_path / "c.jsonl"
    text.write_text("Ice melts.\n")
    empty.write_text("\n")
    bad.write_text('{"claim": "c"}\n')
    for path, options, reason in (
        (text, {}, "has no fields for claim, evidence and label; write JSONL, CSV or Parquet"),
        (empty, {}, "contains no records"),
        (bad, {"on_error": "skip"}, "contains no usable pair"),
    ):
        with pytest.raises(InputError) as caught:
            read_pairs(path, **options)
        assert str(caught.value) == f"{path}: {reason}"
