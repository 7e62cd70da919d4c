"""The command line as a process: pipes, signals, closed or full streams, encodings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_runs import Child, Invoke

TIMEOUT_S = 60


@pytest.mark.parametrize("output_format", ["table", "json", "jsonl", "tsv"])
def test_a_closed_pipe_is_silent(child: Child, sample_index: Path, output_format: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with child(
        "search", "ice", "--index", sample_index, "--no-rerank", "--no-stance", "--no-encoder",
            "--format", output_format,
        stdout=writer,
    ) as process:  # fmt: skip
        os.close(writer)
        _, err = process.communicate(timeout=TIMEOUT_S)
    assert err == b""
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("output_format", ["table", "json"])
def test_a_full_disk_is_a_one_line_error(child: Child, sample_index: Path, output_format: str) -> None:
    with (
        open("/dev/full", "wb") as full,  # noqa: PTH123
        child(
            "search", "ice", "--index", sample_index, "--no-rerank", "--no-stance", "--no-encoder",
            "--format", output_format,
            stdout=full,
        ) as process,
    ):  # fmt: skip
        _, err = process.communicate(timeout=TIMEOUT_S)
    assert err == b"Error: the output cannot be written (No space left on device)\n"
    assert process.returncode == 1


def test_an_interruption_while_waiting_for_claims_ends_cleanly(child: Child, sample_index: Path) -> None:
    with child(
        "search", "-", "--index", sample_index, "--no-rerank", "--no-stance", "--no-encoder", "--format", "jsonl"
    ) as process:
        process.stdin.write(b"ice\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["claim"] == "ice"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, out, err) == (130, b"", b"interrupted\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("closed", "code", "message"),
    [
        ("<&-", 1, b"Error: standard input is closed; give it one claim per line\n"),
        (">&-", 1, b"Error: standard input holds no claims; give it one claim per line\n"),
    ],
)
def test_a_closed_stream_is_a_one_line_error(sample_index: Path, closed: str, code: int, message: bytes) -> None:
    options = "--no-rerank --no-stance --no-encoder"
    command = f'"{sys.executable}" -m claimhound search - --index "{sample_index}" {options} {closed}'
    found = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert (found.returncode, found.stderr) == (code, message)


@pytest.mark.parametrize(
    "changes",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
    ids=["C locale", "ascii", "latin-1"],
)
def test_without_a_utf8_terminal_tables_work_and_json_is_still_utf8(
    child: Child, sample_index: Path, changes: dict[str, str]
) -> None:
    claim = "Eis – café 😀 ice"
    for output_format in ("table", "json", "tsv"):
        with child(
            "search", claim, "--index", sample_index, "--no-rerank", "--no-stance", "--no-encoder", "-k", 1,
            "--format", output_format, env=os.environ | changes,
        ) as process:  # fmt: skip
            out, err = process.communicate(timeout=TIMEOUT_S)
        assert (process.returncode, err) == (0, b"")
        if output_format == "json":
            assert json.loads(out.decode("utf-8"))["claim"] == claim


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not pass such bytes")
def test_a_claim_that_is_not_utf8_is_a_one_line_error(sample_index: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "claimhound",
        "search",
        b"caf\xe9",
        "--index",
        sample_index,
        "--no-rerank",
        "--no-stance",
    ]
    found = subprocess.run(words, capture_output=True, check=False)
    assert found.returncode == 1
    assert found.stderr == b"Error: the claim is not UTF-8; set the terminal to UTF-8\n"


def test_a_search_with_all_models_loads_no_torch(
    sample_index: Path, tiny_reranker_dir: Path, tiny_stance_dir: Path, invoke: Invoke
) -> None:
    models = ["--reranker", str(tiny_reranker_dir), "--stance", str(tiny_stance_dir)]
    words = ["search", "ice", "--index", str(sample_index), *models, "--format", "json"]
    assert invoke(*words).exit_code == 0  # converts the models, which does need torch
    code = (
        "import sys; from claimhound.cli import main; main(sys.argv[1:], standalone_mode=False); "
        "sys.exit(str([name for name in ('torch', 'transformers', 'datasets', 'nncf') if name in sys.modules]))"
    )
    found = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert found.stderr == "[]\n"
    assert json.loads(found.stdout)["models"]["reranker"] == str(tiny_reranker_dir)
