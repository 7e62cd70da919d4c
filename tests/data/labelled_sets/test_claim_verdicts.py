"""Labels of claims, in each shape that is read."""

from __future__ import annotations

import json

import pytest

from claimhound.data.errors import InputError
from claimhound.data.labelled_sets.claim_verdicts import read_labelled_claims
from claimhound.data.read_options import ReadOptions


def write(tmp_path, *records):
    path = tmp_path / "claims.jsonl"
    lines = [{"id": number, "claim": f"claim {number}", **record} for number, record in enumerate(records)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


@pytest.mark.parametrize(
    ("record", "label"),
    [
        ({"label": "SUPPORTS"}, "SUPPORTS"),
        ({"label": "not enough info"}, "NOT_ENOUGH_INFO"),
        ({"claim_label": "DISPUTED"}, "DISPUTED"),
        ({"evidence": {}}, "NOT_ENOUGH_INFO"),
        ({"evidence": {"4": [{"sentences": [0], "label": "SUPPORT"}, {"label": "SUPPORT"}]}}, "SUPPORTS"),
        ({"evidence": {"4": [{"label": "CONTRADICT"}], "5": [{"label": "REFUTE"}]}}, "REFUTES"),
        ({"evidence": {"4": [{"label": "CONTRADICT"}], "5": [{"label": "SUPPORT"}]}}, "DISPUTED"),
        ({"label": "REFUTES", "evidence": {}}, "REFUTES"),
    ],
)
def test_a_label_is_named_or_follows_from_the_evidence(tmp_path, record, label):
    (found,) = read_labelled_claims(write(tmp_path, record))
    assert (found.claim.text, found.label) == ("claim 0", label)


def test_numbers_are_labels_if_they_are_named(tmp_path):
    source = write(tmp_path, {"label": 1}, {"label": 0})
    named = read_labelled_claims(source, ReadOptions(label_names=("SUPPORTS", "REFUTES")))
    assert [one.label for one in named] == ["REFUTES", "SUPPORTS"]
    with pytest.raises(InputError, match=r"claim '0' has the label 1, a number; name the labels in their order"):
        read_labelled_claims(source)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({}, "claim '0' has no field 'label' or 'claim_label', and no evidence as in SciFact"),
        ({"label": "maybe"}, "claim '0' has the label 'maybe'; expected one of SUPPORTS, REFUTES, DISPUTED, NOT_E"),
        ({"label": None}, "claim '0' has the label None; expected one of"),
        ({"evidence": {"4": [{"label": "YES"}]}}, "has the label 'YES' for document '4'; expected one of SUPPORT, CON"),
        ({"evidence": {"4": "text"}}, "has the label None for document '4'"),
    ],
)
def test_a_claim_without_a_known_label_is_an_error_that_names_it(tmp_path, record, message):
    source = write(tmp_path, record)
    with pytest.raises(InputError, match=message) as caught:
        read_labelled_claims(source)
    assert str(caught.value).startswith(source)


def test_a_source_without_claims_is_an_error(tmp_path):
    with pytest.raises(InputError, match="contains no records"):
        read_labelled_claims(write(tmp_path))
