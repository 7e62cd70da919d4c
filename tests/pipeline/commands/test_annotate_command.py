"""Annotating a file of claims from the command line."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_runs import Child, Invoke

from claimhound.data.bundled import sample_dir

CLAIMS = sample_dir() / "claims.jsonl"
TIMEOUT_S = 300


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="session")
def models(tiny_reranker_dir: Path, tiny_stance_dir: Path) -> list[object]:
    """Words that make a search quick and use every model."""
    return ["--reranker", tiny_reranker_dir, "--stance", tiny_stance_dir, "--rerank-k", 12, "--first-stage-k", 20]


@pytest.fixture(scope="session")
def annotated(
    invoke: Invoke, sample_index: Path, models: list[object], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The sample's claims with their evidence; do not change it."""
    output = tmp_path_factory.mktemp("annotated") / "out.jsonl"
    result = invoke("annotate", CLAIMS, "--index", sample_index, "--output", output, *models)
    assert result.exit_code == 0, result.stderr
    # Nothing but that the models are made ready, where no other test has had them yet, and a line a minute.
    assert all(line.startswith(("converting the cross-encoder", "annotate: ")) for line in result.stderr.splitlines())
    assert result.stdout == f"{output}: 42 claims\n"
    return output


@pytest.mark.parametrize("words", [["--batch-size", 5, "--workers", 3], ["--batch-size", 1, "--workers", 1]])
def test_batches_and_workers_change_no_byte(
    invoke: Invoke, sample_index: Path, models: list[object], annotated: Path, tmp_path: Path, words: list[object]
) -> None:
    output = tmp_path / "out.jsonl"
    assert invoke("annotate", CLAIMS, "--index", sample_index, "--output", output, *models, *words).exit_code == 0
    assert output.read_bytes() == annotated.read_bytes()


def test_each_claim_gets_the_evidence_of_a_search(
    invoke: Invoke, sample_index: Path, models: list[object], annotated: Path
) -> None:
    claims = lines(CLAIMS)
    found = lines(annotated)
    assert [record["id"] for record in found] == [claim["_id"] for claim in claims]
    assert [record["fields"] for record in found] == [{"label": claim["label"]} for claim in claims]
    text = "".join(f"{claim['text']}\n" for claim in claims)
    searched = invoke("search", "-", "--index", sample_index, "--format", "jsonl", *models, stdin=text)
    for record, line in zip(found, searched.stdout.splitlines(), strict=True):
        assert record == {"id": record["id"], "fields": record["fields"], **without_timings(line)}
        assert record["evidence"][0]["stance"] is not None  # type: ignore[index]


@pytest.mark.slow
def test_each_claim_gets_the_evidence_of_a_search_with_the_bundled_models(invoke: Invoke, tmp_path: Path) -> None:
    index_dir, output = tmp_path / "index", tmp_path / "out.jsonl"
    assert invoke("index", "build", sample_dir() / "evidence.jsonl", "--index", index_dir).exit_code == 0
    words = ["--index", index_dir, "--rerank-k", 30]
    job = ["--output", output, "--limit", 10, "--batch-size", 4]
    assert invoke("annotate", CLAIMS, *job, *words).exit_code == 0
    text = "".join(f"{claim['text']}\n" for claim in lines(CLAIMS)[:10])
    searched = invoke("search", "-", *words, "--format", "jsonl", stdin=text).stdout.splitlines()
    for record, line in zip(lines(output), searched, strict=True):
        assert record == {"id": record["id"], "fields": record["fields"], **without_timings(line)}


def without_timings(line: str) -> dict[str, object]:
    answer: dict[str, object] = json.loads(line)
    del answer["timings_ms"]
    return answer


def test_bad_records_are_rejected_and_reported_with_exit_status_4(
    invoke: Invoke, sample_index: Path, tmp_path: Path
) -> None:
    claims, output = tmp_path / "claims.csv", tmp_path / "out.csv"
    claims.write_text("id,claim,party\n1,The ice melts.,none\n2,,none\n3,Wind power is clean.\n")
    words = ["annotate", claims, "--index", sample_index, "--output", output, "--no-rerank", "--no-stance", "-k", 2]
    for resumed in ("", "3 records already done, "):
        result = invoke(*words)
        assert result.exit_code == 4
        assert result.stdout == f"{output}: 1 claim ({resumed}2 rejected)\n"
        assert result.stderr.splitlines() == [
            f"{output}.rejected.jsonl: 2 bad records, with line and reason",
            f"WARNING: {output} lacks 2 of 3 records (67%): check {output}.rejected.jsonl before you use it",
        ]
    with output.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["claim"], row["party"], row["evidence_rank"]) for row in rows] == [
        ("1", "The ice melts.", "none", "1"),
        ("1", "The ice melts.", "none", "2"),
    ]
    assert lines(tmp_path / "out.csv.rejected.jsonl") == [
        {"source": str(claims), "line": 3, "reason": "the text in field 'claim' is blank"},
        {"source": str(claims), "line": 4, "reason": "expected 3 cells as in the header, got 2; missing: party"},
    ]


def test_a_few_bad_records_get_no_warning(invoke: Invoke, sample_index: Path, tmp_path: Path) -> None:
    claims, output = tmp_path / "claims.jsonl", tmp_path / "out.jsonl"
    claims.write_text("".join(f'{{"id": {n}, "claim": "The ice melts."}}\n' for n in range(10)) + "{broken\n")
    words = ["--index", sample_index, "--output", output, "--no-rerank", "--no-stance", "--no-encoder"]
    result = invoke("annotate", claims, *words)
    assert (result.exit_code, "WARNING" in result.stderr) == (4, False)
    with claims.open("a") as file:
        file.write("[]\n")
    result = invoke("annotate", claims, *words, "--fresh")
    assert result.stderr.splitlines()[-1].startswith(f"WARNING: {output} lacks 2 of 12 records (17%): ")


def test_a_csv_is_for_spreadsheets_unless_plain_csv_is_given(
    invoke: Invoke, sample_index: Path, tmp_path: Path
) -> None:
    claims, again = tmp_path / "claims.jsonl", tmp_path / "again.jsonl"
    own = {"n": -1.5, "verdict": "@false", "note": "'=x"}
    claims.write_text(json.dumps({"id": "007", "claim": "=1+1 The ice melts.", **own}) + "\n")
    words = ["--index", sample_index, "--no-rerank", "--no-stance", "--no-encoder", "-k", 1]
    result = invoke("annotate", claims, "--output", tmp_path / "out.csv", *words)
    assert result.stderr == f"{tmp_path / 'out.csv'}: the claims' own verdict is in field_verdict\n"
    start = "007,'=1+1 The ice melts.,-1.5,'@false,''=x,1,"
    assert (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbfid,claim,n,field_verdict,note,evidence_rank,")
    assert (tmp_path / "out.csv").read_text(encoding="utf-8-sig").splitlines()[1].startswith(start)
    assert invoke("annotate", claims, "--output", tmp_path / "plain.csv", *words, "--plain-csv").exit_code == 0
    plain = (tmp_path / "plain.csv").read_text().splitlines()
    assert plain[1].startswith(start.replace("'=1", "=1").replace("'@", "@").replace("''=", "'="))
    for name in ("out.csv", "plain.csv"):
        assert invoke("annotate", tmp_path / name, "--output", again, *words, "--fresh").exit_code == 0
        (record,) = lines(again)
        assert (record["id"], record["claim"]) == ("007", "=1+1 The ice melts.")
        fields = record["fields"]
        assert isinstance(fields, dict)
        assert {"n": fields["n"], "verdict": fields["field_verdict"], "note": fields["note"]} == own | {"n": "-1.5"}


def test_claims_can_come_from_standard_input_and_the_job_can_be_repeated(
    invoke: Invoke, sample_index: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.html"
    words = ["annotate", "-", "--index", sample_index, "--output", output, "--no-rerank", "--no-stance", "--no-encoder"]
    first = invoke(*words, stdin=b"The ice melts.\n\nWind power\n")
    assert (first.exit_code, first.stdout) == (0, f"{output}: 2 claims\n")
    assert "The ice melts." in output.read_text(encoding="utf-8")
    assert sorted(path.name for path in (tmp_path / "out.html.job").iterdir()) == ["journal", "lock"]
    assert invoke(*words, stdin="The ice melts.\n\nWind power\n").exit_code == 0
    other = invoke(*words, stdin="The ice melts.\n")
    assert other.exit_code == 1
    assert other.stderr.startswith(f"Error: {output}: is the output of a job with other settings (claims.sha256 was ")
    bad = invoke(*words[:5], tmp_path / "bad.jsonl", *words[6:], stdin=b"\xff\nice\n")
    assert bad.exit_code == 4
    assert lines(tmp_path / "bad.jsonl.rejected.jsonl")[0]["reason"].startswith("not UTF-8: byte 0xff; ")
    assert [record["id"] for record in lines(tmp_path / "bad.jsonl")] == ["stdin:2"]


def test_status_is_shown_and_other_settings_are_refused(invoke: Invoke, sample_index: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    words = [
        "annotate", CLAIMS, "--index", sample_index, "--output", output, "--no-rerank", "--no-stance",
        "--limit", 7,
    ]  # fmt: skip
    status = invoke("annotate", "--status", output)
    assert (status.exit_code, status.stderr) == (1, f"Error: {output}: no job was started here\n")
    assert invoke(*words).exit_code == 0
    status = invoke("annotate", "--status", output)
    assert (status.exit_code, status.stdout) == (0, f"{output}: finished, 7 of 7 records (100%)\n")
    other = invoke(*words, "-k", 6)
    assert (other.exit_code, other.stdout) == (1, "")
    assert other.stderr == (
        f"Error: {output}: is the output of a job with other settings (settings.k was 5, is 6); "
        "overwrite it with --fresh\n"
    )
    assert invoke(*words, "-k", 6, "--fresh").exit_code == 0
    assert all(len(record["evidence"]) == 6 for record in lines(output))  # type: ignore[arg-type]


def test_known_claims_are_shown_with_each_claim(invoke: Invoke, sample_index: Path, tmp_path: Path) -> None:
    known, output = tmp_path / "known.jsonl", tmp_path / "out.jsonl"
    first = lines(CLAIMS)[0]
    known.write_text(json.dumps({"id": "k", "text": first["text"], "verdict": "mostly true"}) + "\n")
    result = invoke(
        "annotate", CLAIMS, "--index", sample_index, "--output", output, "--no-rerank", "--no-stance",
        "--limit", 2, "--known", known,
    )  # fmt: skip
    assert result.exit_code == 0
    assert lines(output)[0]["known"] == [
        {"id": "k", "text": first["text"], "score": 1.0, "fields": {"verdict": "mostly true"}}
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name the claims, --index DIR and --output OUT"),
        (["c.jsonl", "--output", "o.jsonl"], "name the claims, --index DIR and --output OUT"),
        (["c.jsonl", "--status", "o.jsonl"], "--status OUT allows no other arguments"),
        (["c.jsonl", "--index", "x", "--output", "o", "--no-rerank", "--adaptive-k"], "leave out --no-rerank"),
        (["c.jsonl", "--index", "x", "--output", "o", "--no-rerank", "--reranker", "m"], "cannot be combined"),
        (["c.jsonl", "--index", "x", "--output", "o", "--no-encoder", "--known", "k"], "leave out --no-encoder"),
        (["c.jsonl", "--index", "x", "--output", "o.jsonl", "--plain-csv"], "--plain-csv is for a CSV file"),
        (["c.jsonl", "--index", "x", "--output", "o", "--date-order", "dmy"], "needs --before-field NAME"),
        (["c.jsonl", "--index", "x", "--output", "o", "--before", "soon"], "'soon' is not a date"),
        (["c.jsonl", "--index", "x", "--output", "o", "--where", "en"], "'en' is not FIELD=VALUE"),
        (
            ["c.jsonl", "--index", "x", "--output", "o", "--batch-size", "0"],
            "neither auto nor a positive whole number",
        ),
    ],
)
def test_a_usage_error_exits_2_and_explains(invoke: Invoke, words: list[object], message: str) -> None:
    result = invoke("annotate", *words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_unusable_input_is_a_one_line_error_and_leaves_no_output(
    invoke: Invoke, sample_index: Path, tmp_path: Path
) -> None:
    for claims, output, message in (
        ("missing.jsonl", tmp_path / "out.jsonl", "missing.jsonl: no such file or folder"),
        (CLAIMS, tmp_path / "out.txt", "unknown file extension"),
        (CLAIMS, tmp_path / "none" / "out.jsonl", "there is no folder"),
        (CLAIMS, Path("-"), "needs a file: name one, as in --output out.jsonl"),
        (sample_dir() / "qrels.tsv", tmp_path / "out.jsonl", "its first line has no column 'claim'"),
    ):
        result = invoke("annotate", claims, "--index", sample_index, "--output", output)
        assert (result.exit_code, result.stdout) == (1, "")
        (line,) = result.stderr.splitlines()
        assert line.startswith("Error: ")
        assert message in line
        assert not output.exists()


def many_claims(path: Path, n: int) -> Path:
    texts = [claim["text"] for claim in lines(CLAIMS)]
    path.write_text("".join(json.dumps({"id": k, "text": f"{texts[k % 42]} {k}"}) + "\n" for k in range(n)))
    return path


def done_so_far(invoke: Invoke, output: Path, process: subprocess.Popen[bytes], at_least: int = 0) -> int:
    """Wait until the job has done more than that, and return how much."""
    until = time.monotonic() + TIMEOUT_S
    while time.monotonic() < until and process.poll() is None:
        status = invoke("annotate", "--status", output)
        if status.exit_code == 0:
            state, done = status.stdout.removeprefix(f"{output}: ").split()[:2]
            # An earlier run's state is told until this one has begun.
            if state == "running," and int(done) > at_least:
                return int(done)
        time.sleep(0.02)
    raise AssertionError(f"the job ended, or did nothing: {process.poll()}")


@pytest.mark.slow
def test_an_interrupted_and_killed_job_resumes_to_the_same_bytes(
    invoke: Invoke, child: Child, sample_index: Path, models: list[object], tmp_path: Path
) -> None:
    n = 300
    claims = many_claims(tmp_path / "claims.jsonl", n)
    quiet, output = tmp_path / "quiet.jsonl", tmp_path / "out.jsonl"
    words = ["--index", sample_index, *models, "--batch-size", 2]
    assert invoke("annotate", claims, "--output", quiet, *words).exit_code == 0

    with child("annotate", claims, "--output", output, *words) as process:
        at_least = done_so_far(invoke, output, process)
        other = invoke("annotate", claims, "--output", output, *words)
        assert other.exit_code == 1
        assert "another process is working on it; wait for it or stop it" in other.stderr
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, out) == (130, b"")
    assert err.decode().splitlines() == [
        "interrupted: finishing the current batches; interrupt again to stop at once",
        f"interrupted; run the same command again to resume; {output} is written when everything is done",
    ]
    assert not output.exists()
    status = invoke("annotate", "--status", output).stdout
    assert status.startswith(f"{output}: interrupted, ")
    done = int(status.removeprefix(f"{output}: interrupted, ").split()[0])
    assert done >= at_least

    with child("annotate", claims, "--output", output, *words) as process:
        done_so_far(invoke, output, process, done)
        process.kill()
        process.communicate(timeout=TIMEOUT_S)
    assert not output.exists()

    finished = invoke("annotate", claims, "--output", output, *words)
    assert finished.exit_code == 0
    assert " records already done)" in finished.stdout
    assert output.read_bytes() == quiet.read_bytes()
    assert len(lines(output)) == n


@pytest.mark.slow
def test_an_interrupt_before_the_work_starts_ends_the_job_at_once(
    child: Child, sample_index: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    with child("annotate", "-", "--index", sample_index, "--output", output) as process:
        until = time.monotonic() + TIMEOUT_S
        while not (tmp_path / "out.jsonl.job" / "lock").exists() and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130
    assert err.decode().startswith("interrupted; run the same command again to resume")


def test_rows_with_one_piece_of_evidence_each_are_annotated_by_claim(
    invoke: Invoke, small_index: Path, tmp_path: Path
) -> None:
    row = {"id": 7, "claim": "the ice melts", "evidence_label": "SUPPORT", "evidence_sentences": [1]}
    rows = [row | {"evidence_doc_id": "5"}, {"id": 8, "claim": "the moon"}, row | {"evidence_doc_id": "6"}]
    claims, output = tmp_path / "claims.jsonl", tmp_path / "out.jsonl"
    claims.write_text("\n".join(map(json.dumps, rows)))
    result = invoke("annotate", claims, "--index", small_index, "--output", output, "--no-rerank", "--no-stance")
    assert result.exit_code == 0, result.stderr
    records = {record["id"]: record for record in map(json.loads, output.read_text().splitlines())}
    assert list(records) == ["8", "7"]
    assert list(records["7"]["fields"]["evidence"]) == ["5", "6"]
