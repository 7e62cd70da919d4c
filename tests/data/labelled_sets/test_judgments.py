import gzip
from pathlib import Path

import ir_measures
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from claimhound.data.errors import InputError, RecordError
from claimhound.data.labelled_sets.judgments import read_qrels, write_qrels
from claimhound.data.records import Qrels

EXPECTED = {"q1": {"d1": 1, "d2": 0}, "q2": {"d1": 2}}

LISTED = '{"claim_id": "c1", "evidences": ["e2"]}'


def duplicate(name: str, claim_id: str, line: int) -> str:
    return f"duplicate id {claim_id!r}, first seen at {name}:{line}"


SHAPES = {
    "beir.tsv": "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\nq2\td1\t2\n",
    "beir_without_header.tsv": "q1\td1\t1\nq1\td2\t0\n\nq2\td1\t2",
    "trec.txt": "q1 0 d1 1\nq1 Q0 d2 0\r\nq2  0\td1  2\n",
    "trec.qrels": "q1\t0\td1\t1\nq1\t0\td2\t0\nq2\t0\td1\t2\nq2\t0\td1\t2\n",
    "other_header.tsv": "qid doc_id relevance\nq1 d1 1\nq1 d2 0\nq2 d1 2\n",
    "with_bom.tsv": "\ufeffquery-id\tcorpus-id\tscore\r\nq1\td1\t1\r\nq1\td2\t0\r\nq2\td1\t2\r\n",
    "table.csv": "query_id,corpus_id,score,by\nq1,d1,1,A\nq1,d2,0,B\nq2,d1,2,A\n",
    "table.jsonl": """
        {"query-id": "q1", "corpus-id": "d1", "score": 1}
        {"query-id": "q1", "corpus-id": "d2", "score": 0.0}
        {"query-id": "q2", "corpus-id": "d1", "score": "2"}
    """,
    "list.json": """[
        {"qid": "q1", "docid": "d1", "rel": 1}, {"qid": "q1", "docid": "d2", "rel": 0},
        {"qid": "q2", "docid": "d1", "rel": 2}
    ]""",
    "no_suffix": "q1 d1 1\nq1 d2 0\nq2 d1 2\n",
}


@pytest.mark.parametrize("name", list(SHAPES))
def test_every_shape_gives_the_same_judgments(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(SHAPES[name])
    assert read_qrels(path) == EXPECTED
    assert list(read_qrels(path)) == ["q1", "q2"]
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(SHAPES[name].encode()))
    assert read_qrels(str(packed)) == EXPECTED


def test_ids_in_a_table_with_tabs_may_contain_spaces(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("q 1\tSouth Australia:269\t1\n")
    assert read_qrels(path) == {"q 1": {"South Australia:269": 1}}


def test_claims_with_listed_evidence_are_judgments_of_grade_one(tmp_path: Path) -> None:
    path = tmp_path / "train-claims.json"
    path.write_text(
        '{"c1": {"claim_text": "t", "evidences": ["e2", 1]}, "c2": {"evidences": []}, "text": {"evidences": ["e3"]}}'
    )
    assert read_qrels(path) == {"c1": {"e2": 1, "1": 1}, "text": {"e3": 1}}


def test_claims_with_listed_evidence_may_be_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "claims.jsonl"
    path.write_text('{"id": 7, "claim": "t", "evidences": ["e2", 1]}\n{"id": 8, "claim": "u", "evidences": []}\n')
    assert read_qrels(path) == {"7": {"e2": 1, "1": 1}}


def test_grades_below_zero_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.qrels"
    path.write_text("q1 0 d1 -2\nq1 0 d2 -1\nq1 0 d3 1\n")
    assert read_qrels(path) == {"q1": {"d1": -2, "d2": -1, "d3": 1}}


def test_a_parquet_table_has_named_columns(tmp_path: Path) -> None:
    columns = {"query-id": ["q1", "q1", "q2"], "corpus-id": ["d1", "d2", "d1"], "score": [1.0, 0.0, 2.0]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    assert read_qrels(tmp_path / "a.parquet") == EXPECTED


def test_judgments_of_the_hub_are_read_by_name_and_split(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"query-id": 1, "corpus-id": 4983, "score": 1}\n')
    assert read_qrels(f"hf:{tmp_path}:test") == {"1": {"4983": 1}}
    with pytest.raises(InputError, match=r": cannot be loaded: "):
        read_qrels(f"hf:{tmp_path}:dev")


def test_odd_characters_belong_to_the_ids(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("q\u2028 1\td\x001\t1\nq2\td\u00a02\t0\n", encoding="utf-8")
    assert read_qrels(path) == {"q\u2028 1": {"d\x001": 1}, "q2": {"d\u00a02": 0}}


@pytest.mark.parametrize(
    ("name", "content", "line", "reason"),
    [
        ("a.tsv", "query-id\tcorpus-id\tscore\nq1\td1\tyes\n", None, "1 grade is not a whole number: 'yes' at line 2"),
        ("a.tsv", "q1 0 d1 1.5\n", None, "1 grade is not a whole number: '1.5' at line 1"),
        ("a.tsv", "q1\td1\t1_0\n", None, "1 grade is not a whole number: '1_0' at line 1"),
        ("a.tsv", "q1\td1\t\u0661\n", None, "1 grade is not a whole number: '\u0661' at line 1"),
        (
            "a.tsv",
            "asked\tfound\tgrade\nq1\td1\t1\n",
            None,
            "1 grade is not a whole number: 'grade' at line 1; a header has names such as query-id, corpus-id "
            "and score",
        ),
        (
            "a.tsv",
            "q1 d1 a\nq1 d2 1\nq1 d3 b\nq1 d4 -\nq1 d5 0x1\n",
            None,
            "4 grades are not whole numbers: 'a' at line 1, 'b' at line 3, '-' at line 4, …",
        ),
        ("a.jsonl", '{"qid": 1, "docid": 2, "rel": 0.5}', None, "1 grade is not a whole number: 0.5 at line 1"),
        ("a.jsonl", '{"qid": 1, "docid": 2, "rel": true}', None, "1 grade is not a whole number: True at line 1"),
        ("a.tsv", "q1 d1\n", 1, "expected 3 columns (BEIR) or 4 (TREC), got 2"),
        ("a.tsv", "q1 0 d1 1 x\n", 1, "expected 3 columns (BEIR) or 4 (TREC), got 5"),
        ("a.tsv", "q1 d1 1\n\nq1 0 d1 1\n", 3, "expected 3 columns, got 4"),
        ("a.tsv", "q1\t0\td1\t1\nq1\td2\t1\n", 2, "expected 4 columns, got 3"),
        ("a.tsv", "q1\t \t1\n", 1, "an id is blank"),
        ("a.tsv", "q1 d1 1\nq2 d1 0\nq1 d1 2\n", 3, "'q1' and 'd1' are judged 2 here and 1 at line 1"),
        ("a.json", "[]", None, "contains no judgments"),
        (
            "a.json",
            '[{"evidences": []}]',
            1,
            "missing field '_id' (or id, query_id, claim_id, qid); the record has only evidences",
        ),
        ("a.json", '{"c1": "t"}', 1, "expected an object `claim id -> object with evidences`"),
        ("a.json", '{"c1": {"evidences": []}, "c2": {}}', 2, "missing field 'evidences' in claim 'c2'"),
        (
            "a.json",
            '{"c1": {"evidences": "e1"}}',
            1,
            "the field 'evidences' of claim 'c1' is a text, not a list of ids",
        ),
        (
            "a.json",
            '{"c1": {"evidences": [null]}}',
            1,
            "an id in 'evidences' of claim 'c1' is neither a text nor a whole number",
        ),
        ("a.json", '{"c1": {"evidences": []}}', None, "contains no judgments"),
        ("a.json", '{" ": {"evidences": []}}', 1, "the id is blank"),
        ("a.json", '{"c1": {"evidences": ["a"]}, "c1 ": {"evidences": ["b"]}}', 2, duplicate("a.json", "c1", 1)),
        ("a.jsonl", LISTED + "\n\n" + LISTED, 3, duplicate("a.jsonl", "c1", 1)),
        ("a.jsonl", '{"qid": "q", "docid": " ", "rel": 1}', 1, "the id in field 'docid' is blank"),
        ("a.csv", "query-id,corpus-id,score\nq1,d1,1\nq1,d1,2\n", 3, "'q1' and 'd1' are judged 2 here and 1 at line 2"),
        (
            "a.jsonl",
            '{"qid": "q", "text": "t"}',
            1,
            "missing field 'corpus-id' (or corpus_id, doc_id, docid, evidence_id); the record has only qid, text; "
            "a judgment has query-id, corpus-id and score, a claim has evidences, or evidence as in SciFact or FEVER",
        ),
        ("a.txt", "", None, "contains no judgments"),
        ("a.txt", "query-id corpus-id score\n", None, "contains no judgments"),
    ],
)
def test_bad_judgments_are_errors_that_name_their_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str, line: int | None, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_qrels(path)
    assert str(caught.value) == (f"{path}: {reason}" if line is None else f"{path}:{line}: {reason}")
    assert isinstance(caught.value, RecordError) == (line is not None)


def test_a_folder_needs_exactly_one_table(tmp_path: Path) -> None:
    with pytest.raises(InputError) as none:
        read_qrels(tmp_path)
    assert str(none.value) == f"{tmp_path}: is a folder without judgments (qrels/*.tsv or qrels*.tsv)"

    (tmp_path / "qrels-dev.tsv").write_text(SHAPES["beir.tsv"])
    assert read_qrels(tmp_path) == EXPECTED
    (tmp_path / "qrels-train.tsv").write_text(SHAPES["beir.tsv"])
    with pytest.raises(InputError) as several:
        read_qrels(tmp_path)
    names = "qrels-dev.tsv, qrels-train.tsv"
    assert str(several.value) == f"{tmp_path}: contains several tables of judgments: {names}; name one of them"

    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv.gz").write_bytes(gzip.compress(SHAPES["beir.tsv"].encode()))
    assert read_qrels(tmp_path) == EXPECTED


# Also with white space inside, and with what could be taken for an escape.
ids = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("%{20} \t"), min_size=1).filter(
    lambda i: i.strip() == i and i
)
qrels = st.dictionaries(ids, st.dictionaries(ids, st.integers(-2, 9), min_size=1, max_size=4), min_size=1, max_size=4)


@given(judged=qrels)
def test_written_values_are_read_back(tmp_path_factory: pytest.TempPathFactory, judged: Qrels) -> None:
    path = tmp_path_factory.getbasetemp() / "a.qrels"
    write_qrels(judged, path)
    assert read_qrels(path) == judged


def test_ir_measures_reads_the_written_file(tmp_path: Path) -> None:
    write_qrels(EXPECTED, tmp_path / "a.qrels")
    assert (tmp_path / "a.qrels").read_bytes() == b"q1 0 d1 1\nq1 0 d2 0\nq2 0 d1 2\n"
    read = [(row.query_id, row.doc_id, row.relevance) for row in ir_measures.read_trec_qrels(str(tmp_path / "a.qrels"))]
    assert read == [("q1", "d1", 1), ("q1", "d2", 0), ("q2", "d1", 2)]


@pytest.mark.parametrize(
    ("record_id", "word"),
    [
        ("Sea ice:3", "Sea%{20}ice:3"),
        ("a\u00a0b\tc", "a%{a0}b%{9}c"),
        (" ", "%{20}"),
        ("a%20b", "a%20b"),
        ("100%", "100%"),
        ("%{20}", "%{25}{20}"),
        ("%{25}{20}", "%{25}{25}{20}"),
    ],
)
def test_white_space_in_an_id_is_escaped_and_read_back(tmp_path: Path, record_id: str, word: str) -> None:
    path = tmp_path / "a.qrels"
    write_qrels({record_id: {"d": 1}, "q": {record_id: 0}}, path)
    assert path.read_text() == f"{word} 0 d 1\nq 0 {word} 0\n"
    assert read_qrels(path) == {record_id: {"d": 1}, "q": {record_id: 0}}


def test_an_empty_id_is_not_written(tmp_path: Path) -> None:
    for judged in ({"": {"d": 1}}, {"q": {"": 1}}):
        with pytest.raises(InputError, match=r"^an empty id cannot be written in TREC form$"):
            write_qrels(judged, tmp_path / "a.qrels")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("word", ["a%{zz}", "a%{41}", "%{110000}", "%{}", "a%20b"])
def test_similar_words_of_other_programs_are_not_escapes(tmp_path: Path, word: str) -> None:
    (tmp_path / "a.qrels").write_text(f"q 0 {word} 1\n")
    assert read_qrels(tmp_path / "a.qrels") == {"q": {word: 1}}


@pytest.mark.parametrize(
    "header",
    ["query\tdocument\trelevance", "Query-ID\tCorpus-ID\tScore", "topic iteration docno rel", "qid docid label"],
)
def test_a_header_with_other_common_names_is_skipped(tmp_path: Path, header: str) -> None:
    row = ["q1", *["0"] * (len(header.split()) - 3), "d 1", "1.0"]
    (tmp_path / "a.tsv").write_text(f"{header}\n\n{chr(9).join(row)}\n\n")
    assert read_qrels(tmp_path / "a.tsv") == {"q1": {"d 1": 1}}


def test_a_tsv_with_more_columns_than_judgments_contains_records(tmp_path: Path) -> None:
    columns = {"claim_id": "7", "claim": "Ice melts.", "evidence_id": "Ice:1", "evidence_label": "REFUTES", "by": "A"}
    (tmp_path / "a.tsv").write_text("\t".join(columns) + "\n" + "\t".join(columns.values()) + "\n")
    assert read_qrels(tmp_path / "a.tsv") == {"7": {"Ice:1": 1}}
