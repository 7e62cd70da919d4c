"""Numeric labels: names from the features or from the user, or an error with a fix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from claimhound.data.errors import RecordError
from claimhound.data.formats.label_names import with_label_names
from claimhound.data.labelled_sets.judgments import read_qrels
from claimhound.data.read_options import ReadOptions
from claimhound.data.readers.claims import read_claims

NAMES = ["SUPPORTS", "REFUTES", "NOT_ENOUGH_INFO", "DISPUTED"]
CLASSES = {"names": NAMES, "_type": "ClassLabel"}
EXPECTED = {"0": {"Ice:1": 0, "Ice:2": 1}}


def claim(*labels: Any, claim_label: Any = 0) -> dict[str, Any]:
    evidences = [{"evidence_id": f"Ice:{n}", "evidence_label": label} for n, label in enumerate(labels, 1)]
    return {"claim_id": "0", "claim": "Ice melts.", "claim_label": claim_label, "evidences": evidences}


def write(folder: Path, record: dict[str, Any]) -> Path:
    path = folder / "claims.jsonl"
    path.write_text(json.dumps(record))
    return path


def write_parquet(path: Path, record: dict[str, Any], features: dict[str, Any] | None) -> Path:
    table = pyarrow.Table.from_pylist([record])
    if features is not None:
        table = table.replace_schema_metadata({b"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, path)
    return path


def test_the_features_of_a_parquet_file_name_its_labels_at_any_depth(tmp_path: Path) -> None:
    inner = {"evidence_id": {"dtype": "string", "_type": "Value"}, "evidence_label": CLASSES}
    features = {"claim_label": CLASSES, "evidences": {"feature": inner, "_type": "List"}}
    path = write_parquet(tmp_path / "a.parquet", claim(2, 0), features)
    assert read_qrels(path) == EXPECTED
    (read,) = read_claims(path)
    assert read.fields["claim_label"] == "SUPPORTS"


@pytest.mark.parametrize("features", [None, {}, "no JSON object"])
def test_numbers_without_a_name_are_refused_with_a_fix(tmp_path: Path, features: Any) -> None:
    path = write_parquet(tmp_path / "a.parquet", claim(2, 0), features)
    with pytest.raises(RecordError) as caught:
        read_qrels(path)
    cure = f"a number; name the labels in their order, for example --label-names {','.join(NAMES)}"
    assert str(caught.value) == f"{path}:1: claim '0' has the evidence_label 2, {cure}"
    assert read_qrels(path, ReadOptions(label_names=tuple(NAMES))) == EXPECTED


@pytest.mark.parametrize("labels", [(2, 0), ("2", "0"), (2.0, 0.0), ("not enough info", "Supports")])
def test_one_list_of_names_applies_to_claims_and_their_evidence(tmp_path: Path, labels: tuple[Any, ...]) -> None:
    path = write(tmp_path, claim(*labels, claim_label=3))
    assert read_qrels(path, ReadOptions(label_names=tuple(NAMES))) == EXPECTED


@pytest.mark.parametrize(
    ("record", "names", "reason"),
    [
        (claim(0, claim_label=3), NAMES[:3], "the claim_label 3, which --label-names does not name: it names 0 to 2"),
        (claim(3), NAMES, "the evidence_label 'DISPUTED'; expected one of SUPPORTS, REFUTES, NOT_ENOUGH_INFO"),
        (claim(0), ["TRUE", "FALSE"], "the evidence_label 'TRUE'; expected one of SUPPORTS, REFUTES, NOT_ENOUGH_INFO"),
        (claim(-1), NAMES, "the evidence_label -1, which --label-names does not name: it names 0 to 3"),
    ],
)
def test_a_label_without_a_name_is_an_error(
    tmp_path: Path, record: dict[str, Any], names: list[str], reason: str
) -> None:
    with pytest.raises(RecordError) as caught:
        read_qrels(write(tmp_path, record), ReadOptions(label_names=tuple(names)))
    assert str(caught.value) == f"{tmp_path / 'claims.jsonl'}:1: claim '0' has {reason}"


def test_numbers_in_other_columns_and_numbers_without_a_name_are_unchanged() -> None:
    features = {
        "label": CLASSES,
        "n": {"dtype": "int64", "_type": "Value"},
        "old": [{"label": CLASSES}],
        "columns": {"label": {"feature": CLASSES, "_type": "List"}},
        "sequence": {"feature": {"label": CLASSES}, "_type": "Sequence"},
    }
    row = {
        "label": 1, "n": 1, "old": [{"label": 0, "n": 0}], "columns": {"label": [0, 2]}, "sequence": {"label": [1, 1]},
        "more": 2,
    }  # fmt: skip
    assert with_label_names(features)(row) == {
        "label": "REFUTES", "n": 1, "old": [{"label": "SUPPORTS", "n": 0}],
        "columns": {"label": ["SUPPORTS", "NOT_ENOUGH_INFO"]}, "sequence": {"label": ["REFUTES", "REFUTES"]}, "more": 2,
    }  # fmt: skip
    odd = [with_label_names(features)({"label": value})["label"] for value in (-1, 4, True, None, "DISPUTED")]
    assert odd == [None, 4, True, None, "DISPUTED"]
