import gzip
import lzma
import math
from pathlib import Path

import ir_measures
import numpy as np
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.errors import InputError, RecordError
from claimhound.data.labelled_sets.trec import read_run, tied_queries, write_run
from claimhound.data.records import Run, ScoredDoc

FLOAT32_MAX = float(np.finfo(np.float32).max)


def test_a_run_is_written_in_six_columns(tmp_path: Path) -> None:
    run = {"q1": [ScoredDoc("d2", 2.5), ScoredDoc("d1", 0.1)], "q0": [ScoredDoc("d1", -3)], "empty": []}
    write_run(run, tmp_path / "a.run", "bm25")
    assert (tmp_path / "a.run").read_bytes() == (b"q1 Q0 d2 1 2.5 bm25\nq1 Q0 d1 2 0.1 bm25\nq0 Q0 d1 1 -3.0 bm25\n")


def test_a_score_that_does_not_decrease_in_32_bits_is_lowered_by_one_step(tmp_path: Path) -> None:
    # 1 - 1e-9 rounds to 1 in 32 bits, whose steps below 1 are 2**-24 wide.
    run = {"q": [ScoredDoc("d1", 1.0), ScoredDoc("d2", 1.0), ScoredDoc("d3", 1 - 1e-9), ScoredDoc("d4", 0.5)]}
    write_run(run, tmp_path / "a.run", "x")
    expected = [("d1", 1.0), ("d2", 1 - 2**-24), ("d3", 1 - 2 * 2**-24), ("d4", 0.5)]
    assert read_run(tmp_path / "a.run") == {"q": [ScoredDoc(*hit) for hit in expected]}


def test_hits_are_written_best_first_with_ties_by_doc_id(tmp_path: Path) -> None:
    write_run({"q": [ScoredDoc(*hit) for hit in [("b", 1.0), ("c", 2.0), ("a", 1.0)]]}, tmp_path / "a.run", "x")
    assert [hit.doc_id for hit in read_run(tmp_path / "a.run")["q"]] == ["c", "a", "b"]


def test_a_foreign_run_is_ordered_by_score_not_by_rank(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    path.write_text("q2\tQ0\td1\t9\t1e-1\tx\n\nq1 0 b 1 2 x\nq2 Q0 d2 9 .5 x\nq1 0 a 2 2 x\n")
    assert read_run(path) == {
        "q2": [ScoredDoc("d2", 0.5), ScoredDoc("d1", 0.1)],
        "q1": [ScoredDoc("b", 2.0), ScoredDoc("a", 2.0)],
    }
    assert list(read_run(path)) == ["q2", "q1"]


def test_scores_that_are_equal_in_32_bits_are_ordered_as_in_trec_eval(tmp_path: Path) -> None:
    # in 32 bits, 1 + 1e-9 is 1, and 1e39 and 2e39 are infinite; z comes before b, and b before a
    path = tmp_path / "a.run"
    path.write_text("q1 0 a 1 1.000000001 x\nq1 0 b 2 1 x\nq2 0 b 1 2e39 x\nq2 0 z 2 1e39 x\nq3 0 a 1 2 x\n")
    run = read_run(path)
    assert run["q1"] == [ScoredDoc("b", 1.0), ScoredDoc("a", 1.000000001)]
    assert run["q2"] == [ScoredDoc("z", 1e39), ScoredDoc("b", 2e39)]
    assert tied_queries(run) == ["q1", "q2"]


def test_a_run_may_contain_a_byte_order_mark_windows_line_ends_and_nul(tmp_path: Path) -> None:
    lines = "\ufeffq1 Q0 d\x001 1 2 x\r\n\r\nq1 Q0 d\u200b2 2 1 x\r\n"
    expected = {"q1": [ScoredDoc("d\x001", 2.0), ScoredDoc("d\u200b2", 1.0)]}
    for name, pack in [("a.run", bytes), ("a.run.gz", gzip.compress), ("a.run.xz", lzma.compress)]:
        (tmp_path / name).write_bytes(pack(lines.encode()))
        assert read_run(tmp_path / name) == expected


def test_predictions_are_read_as_a_run(tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    path.write_text('{"c1": {"claim_text": "t", "evidences": ["e2", 7, "e1"]}, "c2": {"evidences": []}}')
    expected = {"c1": [ScoredDoc("e2", 3.0), ScoredDoc("7", 2.0), ScoredDoc("e1", 1.0)], "c2": []}
    assert read_run(path) == expected
    assert tied_queries(expected) == []
    (tmp_path / "predictions.json.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert read_run(tmp_path / "predictions.json.gz") == expected


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("{}", None, "contains no rankings"),
        ("[]", None, "contains no rankings"),
        ('{"c1": {"evidences": ["a", "b", "a"]}}', 1, "'c1' has the document 'a' twice"),
        ('{"c1": {"evidences": [1, "1"]}}', 1, "'c1' has the document '1' twice"),
        ('{"c1": {"evidences": []}, "c2": {}}', 2, "missing field 'evidences' in claim 'c2'"),
        ('{"c1": {"evidences": "a"}}', 1, "the field 'evidences' of claim 'c1' is a text, not a list of ids"),
        (
            '{"c1": {"evidences": [{"evidence_id": "a"}]}}',
            1,
            "an id in 'evidences' of claim 'c1' is neither a text nor a whole number",
        ),
        ('{"": {"evidences": ["a"]}}', 1, "an id is blank"),
        ('{"c1": {"evidences": ["a"]}, "c1": {"evidences": ["b"]}}', 2, "duplicate id 'c1', first seen at a.json:1"),
        (
            '[{"evidences": []}]',
            1,
            "expected an object `claim id -> object with evidences`; a run in TREC form is not a .json file",
        ),
    ],
)
def test_bad_predictions_are_errors_that_name_their_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, line: int | None, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.json").write_text(content)
    with pytest.raises(InputError) as caught:
        read_run("a.json")
    assert str(caught.value) == (f"a.json: {reason}" if line is None else f"a.json:{line}: {reason}")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("q1 Q0 d2 1 2.5", "expected 6 columns (query id, Q0, document id, rank, score, tag), got 5"),
        ("q1 Q0 d 2 1 2.5 x", "expected 6 columns (query id, Q0, document id, rank, score, tag), got 7"),
        ("q1 Q0 d2 1 high x", "the score is not a finite number: 'high'"),
        ("q1 Q0 d2 1 nan x", "the score is not a finite number: 'nan'"),
        ("q1 Q0 d2 1 -inf x", "the score is not a finite number: '-inf'"),
        ("q1 Q0 d1 2 0.5 x", "'q1' has the document 'd1' twice"),
        (
            b"q1 Q0 caf\xe9 2 0.5 x",
            "not UTF-8: byte 0xe9; if the file is Windows-1252, give --encoding cp1252, or save it as UTF-8",
        ),
    ],
)
def test_a_bad_line_is_an_error_that_names_it(tmp_path: Path, line: str | bytes, reason: str) -> None:
    path = tmp_path / "a.run"
    path.write_bytes(b"q1 Q0 d1 1 3 x\n" + (line if isinstance(line, bytes) else line.encode()))
    with pytest.raises(RecordError) as caught:
        read_run(path)
    assert str(caught.value) == f"{path}:2: {reason}"


def test_a_run_must_be_a_file_with_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    path.write_text("\n")
    for source, reason in [(path, "contains no rankings"), (tmp_path, "is a folder; give a file")]:
        with pytest.raises(InputError) as caught:
            read_run(source)
        assert str(caught.value) == f"{source}: {reason}"
    with pytest.raises(InputError, match="no such file or folder"):
        read_run(tmp_path / "none.run")


@pytest.mark.parametrize("tag", ["", "two words", " x", "x\n"])
def test_a_tag_is_one_word(tmp_path: Path, tag: str) -> None:
    with pytest.raises(ValueError) as caught:
        write_run({}, tmp_path / "a.run", tag)
    assert str(caught.value) == f"a tag must be one word, not {tag!r}"


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf, 1e39])
def test_a_score_that_cannot_be_written_leaves_the_old_file(tmp_path: Path, score: float) -> None:
    path = tmp_path / "a.run"
    path.write_text("old")
    with pytest.raises(ValueError) as caught:
        write_run({"q": [ScoredDoc("d", score)]}, path, "x")
    assert str(caught.value) == f"the score of 'd' for 'q' does not fit in 32 bits: {score!r}"
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def test_scores_that_cannot_be_lowered_are_refused(tmp_path: Path) -> None:
    ranking = [ScoredDoc("a", -FLOAT32_MAX), ScoredDoc("b", -FLOAT32_MAX)]
    with pytest.raises(ValueError, match=r"^the score of 'b' for 'q' does not fit in 32 bits: "):
        write_run({"q": ranking}, tmp_path / "a.run", "x")


def test_ids_with_white_space_are_escaped_and_read_back(tmp_path: Path) -> None:
    run = {"q 1": [ScoredDoc("Sea ice:3", 2.0), ScoredDoc("a%20b", 1.0)], "q\u2003": [ScoredDoc("%{20}", 1.0)]}
    write_run(run, tmp_path / "a.run", "x")
    assert [line.split()[::2][:2] for line in (tmp_path / "a.run").read_text().splitlines()] == [
        ["q%{20}1", "Sea%{20}ice:3"],
        ["q%{20}1", "a%20b"],
        ["q%{2003}", "%{25}{20}"],
    ]
    assert read_run(tmp_path / "a.run") == run


def test_empty_ids_and_repeated_documents_are_refused(tmp_path: Path) -> None:
    for run in ({"": [ScoredDoc("d", 1.0)]}, {"q": [ScoredDoc("", 1.0)]}):
        with pytest.raises(InputError, match=r"^an empty id cannot be written in TREC form$"):
            write_run(run, tmp_path / "a.run", "x")
    with pytest.raises(ValueError, match=r"^'q' has the document 'd' twice$"):
        write_run({"q": [ScoredDoc("d", 2.0), ScoredDoc("d", 1.0)]}, tmp_path / "a.run", "x")


ids = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("%{20} \t"), min_size=1)
# Few different values make many ties; the small ones round to the same 32 bits.
scores = st.sampled_from([0.0, 1.0, 1 - 1e-12, 1 + 1e-12, 1e-45, -1.0]) | st.floats(-1e38, 1e38)
rankings = st.dictionaries(ids, scores, min_size=1, max_size=20).map(
    lambda hits: sorted((ScoredDoc(*hit) for hit in hits.items()), key=lambda hit: (-hit.score, hit.doc_id))
)


@given(run=st.dictionaries(ids, rankings, min_size=1, max_size=3))
def test_every_reader_gets_the_written_order(tmp_path_factory: pytest.TempPathFactory, run: Run) -> None:
    path = tmp_path_factory.getbasetemp() / "a.run"
    write_run(run, path, "x")
    again = read_run(path)
    assert {q: [hit.doc_id for hit in hits] for q, hits in again.items()} == {
        q: [hit.doc_id for hit in hits] for q, hits in run.items()
    }
    for query_id, hits in again.items():
        in_32_bits = np.array([hit.score for hit in hits], dtype=np.float32)
        assert (np.diff(in_32_bits) < 0).all()
        for hit, before in zip(hits, run[query_id], strict=True):
            assert hit.score == before.score or hit.score < before.score + abs(before.score) * 1e-6 + 1e-44
    write_run(again, path, "x")
    assert read_run(path) == again


@given(run=st.dictionaries(ids, st.dictionaries(ids, st.integers(-1000, 1000), min_size=1), min_size=1, max_size=3))
def test_a_run_without_ties_is_read_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, run: dict[str, dict[str, int]]
) -> None:
    ranked: Run = {}
    for query_id, hits in run.items():
        doc_of_score = {score / 8: doc_id for doc_id, score in hits.items()}
        ranked[query_id] = [ScoredDoc(doc_of_score[score], score) for score in sorted(doc_of_score, reverse=True)]
    path = tmp_path_factory.getbasetemp() / "a.run"
    write_run(ranked, path, "x")
    assert read_run(path) == ranked


def test_ir_measures_ranks_the_written_run_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    write_run({"q": [ScoredDoc("a", 1.0), ScoredDoc("b", 1.0)]}, path, "x")
    read = [(row.query_id, row.doc_id, row.score) for row in ir_measures.read_trec_run(str(path))]
    assert read == [("q", "a", 1.0), ("q", "b", 1 - 2**-24)]
    qrels = [ir_measures.Qrel("q", "a", 1), ir_measures.Qrel("q", "b", 0)]
    measured = ir_measures.calc_aggregate([ir_measures.RR], qrels, ir_measures.read_trec_run(str(path)))
    assert measured[ir_measures.RR] == 1.0


# Halves of a step of 32 bits at 1, whole steps, and a few numbers that are far apart: most pairs are ties there.
close_scores = st.sampled_from([1.0, 1 + 2**-24, 1 + 2**-23, 1 - 2**-26, 1 + 1e-12, 0.5, 0.0, -0.0, 1e-50, -3.0, 1e39])
doc_ids = st.text("ab1é\uffff\U0001f600", min_size=1, max_size=2)


@given(
    hits=st.dictionaries(doc_ids, close_scores, min_size=1, max_size=12),
    relevant=st.dictionaries(doc_ids, st.integers(-1, 3), min_size=1, max_size=6),
)
def test_measures_of_a_run_equal_those_of_trec_eval(
    tmp_path_factory: pytest.TempPathFactory, hits: dict[str, float], relevant: dict[str, int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "a.run"
    path.write_text("".join(f"q Q0 {doc_id} 1 {score!r} x\n" for doc_id, score in hits.items()), encoding="utf-8")
    ranking = read_run(path)["q"]
    in_32_bits = {float(np.float32(min(score, 1e38))) for score in hits.values()}
    assert bool(tied_queries({"q": ranking})) == (len(in_32_bits) < len(hits))

    names = {"recip_rank", "ndcg_cut_3", "P_1", "P_2", "map"}
    raw = pytrec_eval.RelevanceEvaluator({"q": relevant}, names).evaluate({"q": hits})
    # with ranks as scores there are no ties, and only the order matters
    ranks = {"q": {hit.doc_id: float(-rank) for rank, hit in enumerate(ranking)}}
    assert pytrec_eval.RelevanceEvaluator({"q": relevant}, names).evaluate(ranks) == raw

    measures = [ir_measures.RR, ir_measures.nDCG @ 3]
    qrels = [ir_measures.Qrel("q", doc_id, grade) for doc_id, grade in relevant.items()]
    by_rank = [ir_measures.ScoredDoc("q", doc_id, score) for doc_id, score in ranks["q"].items()]
    read = list(ir_measures.read_trec_run(str(path)))
    assert ir_measures.calc_aggregate(measures, qrels, by_rank) == ir_measures.calc_aggregate(measures, qrels, read)
