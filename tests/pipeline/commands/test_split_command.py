"""Holding claims out of a training from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_runs import Invoke

from claimhound.data.labelled_sets.splits import split_by_claim
from claimhound.data.readers.claims import read_claims


@pytest.fixture
def claims_path(tmp_path: Path) -> Path:
    path = tmp_path / "claims.jsonl"
    records = [
        {"id": str(number), "claim": f"The sea rose {number} metres", "label": "SUPPORTS"} for number in range(30)
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_the_claims_held_out_are_those_of_a_training_with_the_same_share_and_seed(
    invoke: Invoke, claims_path: Path, tmp_path: Path
) -> None:
    found = invoke("split", claims_path, "--share", 0.2, "--seed", 7, "--output", tmp_path / "held-out.jsonl")
    assert found.exit_code == 0, found.stderr
    assert found.stdout == f"{tmp_path / 'held-out.jsonl'}: 6 claims held out, 24 left\n"
    assert list(read_claims(tmp_path / "held-out.jsonl")) == split_by_claim(list(read_claims(claims_path)), 0.2, 7)[1]


def test_further_fields_are_kept(invoke: Invoke, claims_path: Path, tmp_path: Path) -> None:
    assert invoke("split", claims_path, "--output", tmp_path / "held-out.jsonl").exit_code == 0
    records = [json.loads(line) for line in (tmp_path / "held-out.jsonl").read_text().splitlines()]
    assert [record["label"] for record in records] == ["SUPPORTS"] * 3


def test_excluded_claims_are_on_neither_side(invoke: Invoke, claims_path: Path, tmp_path: Path) -> None:
    measured = tmp_path / "measured.jsonl"
    measured.write_text('{"id": "x", "claim": "the SEA rose 3 metres"}\n')
    found = invoke(
        "split", claims_path, "--exclude-claims", measured, "--share", 0.5, "--output", tmp_path / "out.jsonl"
    )
    assert found.stdout.endswith("14 claims held out, 15 left\n")
    assert "3" not in {claim.query_id for claim in read_claims(tmp_path / "out.jsonl")}


def test_a_single_claim_cannot_be_split(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text('{"id": "1", "claim": "Ice melts"}\n')
    found = invoke("split", tmp_path / "one.jsonl", "--output", tmp_path / "out.jsonl")
    assert found.exit_code == 1
    assert "1 claim cannot be split; two distinct ones are needed" in found.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_the_claims_are_not_replaced_by_those_held_out(invoke: Invoke, claims_path: Path) -> None:
    before = claims_path.read_bytes()
    found = invoke("split", claims_path, "--output", claims_path)
    assert found.exit_code == 1
    assert "is the file of all claims" in found.stderr
    assert claims_path.read_bytes() == before
