"""Answers as TSV, from hand-made evidence."""

from __future__ import annotations

from dataclasses import replace

from sample_answers import ANSWER, COPIES, HIT, POINTED, SEA, with_document

from claimhound.pipeline.search.answer_tsv import TSV_COLUMNS, as_tsv_lines


def test_a_tsv_line_has_a_cell_for_each_column_whatever_the_text_holds() -> None:
    answer = with_document(replace(SEA, text="a\tb\nc\x1b[31m  d"))
    (line,) = as_tsv_lines(answer)
    cells = dict(zip(TSV_COLUMNS, line.split("\t"), strict=True))
    assert cells["text"] == "a b c [31m  d"
    assert cells["score"] == "0.934"
    assert cells["url"] == ""
    # It is pasted into spreadsheets, too.
    (line,) = as_tsv_lines(with_document(replace(SEA, text="\t=1+1", source="@sea", title="-5")))
    cells = dict(zip(TSV_COLUMNS, line.split("\t"), strict=True))
    assert (cells["text"], cells["source"], cells["title"]) == ("' =1+1", "'@sea", "-5")


def test_stance_and_copies_have_columns() -> None:
    assert [line.split("\t")[-2] for line in as_tsv_lines(POINTED)] == ["REFUTES", "NOT_ENOUGH_INFO"]
    assert [line.split("\t")[-2] for line in as_tsv_lines(ANSWER)] == [""]
    (line,) = as_tsv_lines(replace(ANSWER, evidence=(replace(HIT, copies=COPIES, n_copies=2),)))
    assert line.split("\t")[-1] == "2"
