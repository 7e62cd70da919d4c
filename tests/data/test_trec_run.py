import math
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError, RecordError
from data.records import Run, ScoredDoc
from data.trec import read_run, write_run

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


def test_a_foreign_run_is_ordered_by_score_whatever_its_ranks(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    path.write_text("q2\tQ0\td1\t9\t1e-1\tx\n\nq1 0 b 1 2 x\nq2 Q0 d2 9 .5 x\nq1 0 a 2 2 x\n")
    assert read_run(path) == {
        "q2": [ScoredDoc("d2", 0.5), ScoredDoc("d1", 0.1)],
        "q1": [ScoredDoc("a", 2.0), ScoredDoc("b", 2.0)],
    }
    assert list(read_run(path)) == ["q2", "q1"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("q1 Q0 d2 1 2.5", "expected 6 columns (query id, Q0, document id, rank, score, tag), got 5"),
        ("q1 Q0 d 2 1 2.5 x", "expected 6 columns (query id, Q0, document id, rank, score, tag), got 7"),
        ("q1 Q0 d2 1 high x", "the score is not a finite number: 'high'"),
        ("q1 Q0 d2 1 nan x", "the score is not a finite number: 'nan'"),
        ("q1 Q0 d2 1 -inf x", "the score is not a finite number: '-inf'"),
        ("q1 Q0 d1 2 0.5 x", "'q1' has the document 'd1' twice"),
        (b"q1 Q0 caf\xe9 2 0.5 x", "not UTF-8: byte 0xe9"),
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
    for source, reason in [(path, "holds no rankings"), (tmp_path, "is a folder, and a file is wanted")]:
        with pytest.raises(InputError) as caught:
            read_run(source)
        assert str(caught.value) == f"{source}: {reason}"
    with pytest.raises(InputError, match="no such file or folder"):
        read_run(tmp_path / "none.run")


@pytest.mark.parametrize("tag", ["", "two words", " x", "x\n"])
def test_a_tag_is_one_word(tmp_path: Path, tag: str) -> None:
    with pytest.raises(ValueError) as caught:
        write_run({}, tmp_path / "a.run", tag)
    assert str(caught.value) == f"a tag is one word, not {tag!r}"


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf, 1e39])
def test_a_score_that_cannot_be_written_leaves_the_old_file(tmp_path: Path, score: float) -> None:
    path = tmp_path / "a.run"
    path.write_text("old")
    with pytest.raises(ValueError) as caught:
        write_run({"q": [ScoredDoc("d", score)]}, path, "x")
    assert str(caught.value) == f"the score of 'd' for 'q' is not a number that 32 bits hold: {score!r}"
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def test_scores_that_cannot_be_lowered_are_refused(tmp_path: Path) -> None:
    ranking = [ScoredDoc("a", -FLOAT32_MAX), ScoredDoc("b", -FLOAT32_MAX)]
    with pytest.raises(ValueError, match=r"^the score of 'b' for 'q' is not a number that 32 bits hold: "):
        write_run({"q": ranking}, tmp_path / "a.run", "x")


def test_ids_with_white_space_and_repeated_documents_are_refused(tmp_path: Path) -> None:
    for run in ({"q 1": [ScoredDoc("d", 1.0)]}, {"q": [ScoredDoc("d 1", 1.0)]}, {"q\u2003": []}):
        with pytest.raises(InputError, match=r"cannot be written in TREC form: it is empty or has white space$"):
            write_run(run, tmp_path / "a.run", "x")
    with pytest.raises(ValueError, match=r"^'q' has the document 'd' twice$"):
        write_run({"q": [ScoredDoc("d", 2.0), ScoredDoc("d", 1.0)]}, tmp_path / "a.run", "x")


ids = st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1).filter(lambda i: i.split() == [i])
# Few different values make many ties; the small ones round to the same 32 bits.
scores = st.sampled_from([0.0, 1.0, 1 - 1e-12, 1 + 1e-12, 1e-45, -1.0]) | st.floats(-1e38, 1e38)
rankings = st.dictionaries(ids, scores, min_size=1, max_size=20).map(
    lambda hits: sorted((ScoredDoc(*hit) for hit in hits.items()), key=lambda hit: (-hit.score, hit.doc_id))
)


@given(run=st.dictionaries(ids, rankings, min_size=1, max_size=3))
def test_every_reader_gets_the_order_that_was_written(tmp_path_factory: pytest.TempPathFactory, run: Run) -> None:
    path = tmp_path_factory.mktemp("run") / "a.run"
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
    path = tmp_path_factory.mktemp("run") / "a.run"
    write_run(ranked, path, "x")
    assert read_run(path) == ranked


def test_ir_measures_reads_and_ranks_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    write_run({"q": [ScoredDoc("a", 1.0), ScoredDoc("b", 1.0)]}, path, "x")
    read = [(row.query_id, row.doc_id, row.score) for row in ir_measures.read_trec_run(str(path))]
    assert read == [("q", "a", 1.0), ("q", "b", 1 - 2**-24)]
    qrels = [ir_measures.Qrel("q", "a", 1), ir_measures.Qrel("q", "b", 0)]
    measured = ir_measures.calc_aggregate([ir_measures.RR], qrels, ir_measures.read_trec_run(str(path)))
    assert measured[ir_measures.RR] == 1.0
