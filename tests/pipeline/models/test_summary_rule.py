"""The rule of a claim's summary as a file: round trip and damage."""

from __future__ import annotations

import json
import math

import pytest

from claimhound.data.errors import ModelError
from claimhound.pipeline.models.summary_rule import (
    SideMeasures,
    SummaryRule,
    load_summary_rule,
    save_summary_rule,
)

MEASURED = SideMeasures("SUPPORTS", 400, 120, 50, 42, 0.84, 0.71, 0.92, 0.35, 0.27, 0.44)
RULE = SummaryRule("noisy-or", 0.4375, None, 0.5, "a" * 64, 0.8, (MEASURED,))


def test_a_rule_survives_a_round_trip_and_there_is_none_by_default(tmp_path):
    assert load_summary_rule(tmp_path) is None
    save_summary_rule(RULE, tmp_path)
    assert load_summary_rule(tmp_path) == RULE


def test_a_figure_without_a_number_is_null_in_the_file_and_nan_again(tmp_path):
    nothing = SideMeasures("REFUTES", 400, 80, 0, 0, math.nan, math.nan, math.nan, 0.0, 0.0, 0.05)
    save_summary_rule(SummaryRule("sum", None, None, measured=(nothing,)), tmp_path)
    record = json.loads((tmp_path / "summary.json").read_text())["measured"][0]
    assert (record["precision"], record["share"]) == (None, 0.0)
    (found,) = load_summary_rule(tmp_path).measured
    assert math.isnan(found.precision_high)
    assert found.n_labelled == 80


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 9}, "has format 9, this version reads 1"),
        ({"combination": "mean"}, "combination must be one of maximum, noisy-or, sum, not 'mean'"),
        ({"supports": 0}, "the threshold of supports must be above 0, got 0"),
        ({"refutes": "high"}, "refutes must be a number, not 'high'"),
        ({"refutes": True}, "refutes must be a number, not True"),
        ({"other_share": 0}, "other_share must be in"),
        ({"target": 1.5}, "target must be in"),
        ({"relevance_sha256": None}, "relevance_sha256 must be a string, not None"),
        ({"measured": 3}, "not iterable"),
        ({"measured": [{"side": "SUPPORTS"}]}, "KeyError: 'n_claims'"),
    ],
)
def test_an_invalid_file_is_rejected_with_its_name(tmp_path, change, message):
    save_summary_rule(RULE, tmp_path)
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelError, match=message) as caught:
        load_summary_rule(tmp_path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("text", ["{", "[]", "3", ""])
def test_a_file_that_is_not_an_object_is_rejected(tmp_path, text):
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(ModelError, match=r"is not a valid rule of summaries .*; delete it and fit it again with"):
        load_summary_rule(tmp_path)
