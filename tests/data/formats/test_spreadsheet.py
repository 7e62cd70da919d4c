"""Texts that a spreadsheet would take for formulas are guarded and restored."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimhound.data.formats.spreadsheet import GUARDED_COLUMN, for_spreadsheets, guarded, guarded_table, unguarded
from claimhound.data.readers.claims import read_claims
from claimhound.pipeline.evaluation.reporting.tables import Table, as_csv, exact_columns


@pytest.mark.parametrize(
    "text",
    ["=1", "+x", "-x", "@x", "-", "\t1", "\r1", "\nx", " \u00a0=x", "\u200b=x", "＝x", "＠x", "'=1", "-1+1", "+1 x"],
)
def test_formulas_get_an_apostrophe(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize(
    "text",
    ["", "x", "1", "-1", "+1", "-1.5", "-.5", "-1,5", "-1,000.25", "-8E5", "+1e-3", "-3%", " -1 ", "'x", "–x", "(=x)"],
)
def test_numbers_and_other_texts_are_unchanged(text: str) -> None:
    assert guarded(text) == text


@given(st.text(st.sampled_from("'=+-@＝ \t\r\n1.x") | st.characters()))
def test_any_text_is_restored_and_none_is_guarded_twice(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert len(guarded(text)) - len(text) in (0, 1)


def test_only_a_table_with_guarded_texts_gets_the_extra_column(tmp_path: Path) -> None:
    assert guarded_table([("claim_id", "n"), ("a", -1), ("b", "-1")]) == [["claim_id", "n"], ["a", -1], ["b", "-1"]]
    text = as_csv(Table(exact_columns("claim_id", "claim", "n"), [("1", "=1+2 dams", -1), ("2", "'=x", 2)]))
    assert text.splitlines() == [
        f"claim_id,claim,n,{GUARDED_COLUMN}", "1,'=1+2 dams,-1,", "2,''=x,2,",
    ]  # fmt: skip
    path = tmp_path / "claims.csv"
    path.write_text(for_spreadsheets(text))
    assert [(claim.text, claim.fields) for claim in read_claims(path)] == [
        ("=1+2 dams", {"n": "-1"}), ("'=x", {"n": "2"}),
    ]  # fmt: skip


def test_only_a_text_that_is_not_ascii_gets_a_byte_order_mark() -> None:
    assert for_spreadsheets("id\n") == "id\n"
    assert for_spreadsheets("é\n") == "\ufeffé\n"


def test_an_apostrophe_in_any_other_table_is_text(tmp_path: Path) -> None:
    path = tmp_path / "claims.tsv"
    path.write_text("id\tclaim\n1\t'=x\n")
    assert [claim.text for claim in read_claims(path)] == ["'=x"]
