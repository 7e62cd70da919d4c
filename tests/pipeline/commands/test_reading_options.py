"""Reading options, in every command that reads claims or documents."""

from pathlib import Path

import pytest
from command_runs import Invoke

from claimhound.data.read_options import ReadOptions
from claimhound.pipeline.commands.judged_files import claims_of, texts_of_claims


def test_every_command_that_reads_claims_or_documents_has_the_reading_options(invoke: Invoke) -> None:
    for command in (
        ["search"], ["index", "build"], ["index", "add"], ["annotate"], ["tune"], ["compare"], ["calibrate"], ["mine"],
        ["train", "reranker"], ["train", "encoder"], ["train", "stance"], ["evaluate-pairs"],
    ):  # fmt: skip
        shown = invoke(*command, "--help").stdout
        options = ["--input-format", "--encoding", "--delimiter", "--columns"]
        assert [option for option in options if option in shown] == options, command


def test_notices_of_reading_claims_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "claims.csv"
    path.write_text("ID;Claim\n1;Ice melts\n")
    assert [claim.text for claim in claims_of(str(path))] == ["Ice melts"]
    assert capsys.readouterr().err.splitlines() == [
        f"{path}: cells are separated by ';'",
        f"{path}: claim taken from 'Claim', id from 'ID'",
    ]


def test_further_files_use_the_options_that_fit_their_format(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("1\tIce melts\n")
    (tmp_path / "b.jsonl").write_text('{"id": 1, "claim": "Seas rise"}\n')
    (tmp_path / "c").write_text("1\tWind is clean\n")
    reading = ReadOptions(input_format="tsv", columns=("id", "claim"))
    files = [str(tmp_path / name) for name in ("a.tsv", "b.jsonl", "c")]
    assert texts_of_claims(files, reading) == ["Ice melts", "Seas rise", "Wind is clean"]
